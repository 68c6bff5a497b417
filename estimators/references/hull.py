"""What the outlines in photos leave of space: an object's box and surface, without a mesh."""

import cv2
import numpy as np

from estimators.references.photos import Photo, positions_of
from schemas import BadJob
from schemas.arrays import Array

_COARSE, _FINE = 32, 64  # cells a side
_AGREE = 0.9  # of the photos that have a mask: masks are not perfect
_GROW = 1.1
LEAST_MASKS = 5


def hull_of(name: str, photos: tuple[Photo, ...]) -> tuple[Array, Array, Array]:
    """Box (low, high) and surface points (N, 3) float32, metres, by carving (Laurentini 1994).

    Args:
        name: For messages.
        photos: With masks, five or more.

    Raises:
        BadJob: Too few masks, or such as leave nothing in common.
    """
    pairs = [(photo, seen) for photo in photos if (seen := photo.seen()) is not None and seen.any()]
    if len(pairs) < LEAST_MASKS:
        msg = (
            f"{name}: expected to be told how large the object is, by masks in {LEAST_MASKS} photos or more (got "
            f'{len(pairs)}) or by its box (object.json: {{"box": [[x, y, z], [x, y, z]]}})'
        )
        raise BadJob(msg)
    low, high = _about(pairs)
    for cells in (_COARSE, _FINE):
        kept, step = _carved(pairs, low, high, cells)
        if not kept.any():
            msg = (
                f"{name}: expected masks that show one thing, got none of space that all of them show; check the poses"
            )
            raise BadJob(msg)
        corner = low
        filled = np.argwhere(kept)
        low, high = corner + filled.min(axis=0) * step, corner + (filled.max(axis=0) + 1) * step
        surface = corner + (np.argwhere(_shell(kept)) + 0.5) * step
        low, high = (low, high) if cells == _FINE else (low - step, high + step)
    return low, high, surface.astype(np.float32)


def _about(pairs: list[tuple[Photo, Array]]) -> tuple[Array, Array]:
    """A cube about the place that all masks' middles look at, as large as the largest mask shows."""
    positions = positions_of(tuple(photo for photo, _ in pairs))
    rays: list[Array] = []
    widths: list[float] = []
    for photo, seen in pairs:
        rows, columns = np.nonzero(seen)
        middle = np.array([(columns.min() + columns.max()) / 2, (rows.min() + rows.max()) / 2, 1.0])
        ray = photo.cam_from_obj.rotation.T @ np.linalg.solve(photo.K, middle)
        rays.append(ray / np.linalg.norm(ray))
        widths.append(float(np.hypot(np.ptp(columns), np.ptp(rows))) / float(photo.K[0, 0]))
    across = np.eye(3) - np.einsum("ki,kj->kij", rays, rays)
    middle = np.linalg.lstsq(across.sum(axis=0), np.einsum("kij,kj->i", across, positions), rcond=None)[0]
    far = np.linalg.norm(positions - middle, axis=1)
    half = _GROW * float(np.max(far * np.array(widths))) / 2
    return middle - half, middle + half


def _carved(pairs: list[tuple[Photo, Array]], low: Array, high: Array, cells: int) -> tuple[Array, Array]:
    """(cells, cells, cells) bool, what enough masks show, and the cell's size (3,) in metres."""
    step = (high - low) / cells
    index = np.stack(np.meshgrid(*[np.arange(cells)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    points = low + (index + 0.5) * step
    shown, known = np.zeros(len(points), np.int32), np.zeros(len(points), np.int32)
    for photo, seen in pairs:
        camera = photo.cam_from_obj.apply(points) @ photo.K.T
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = np.rint(camera[:, :2] / camera[:, 2:])
        inside = (camera[:, 2] > 0) & (pixels >= 0).all(axis=1) & (pixels < seen.shape[::-1]).all(axis=1)
        x, y = pixels[inside].astype(int).T
        known += inside
        shown[inside] += seen[y, x]
    enough = (known >= LEAST_MASKS) & (shown >= _AGREE * known)
    return enough.reshape(cells, cells, cells), step


def _shell(kept: Array) -> Array:
    """Cells that have an empty one beside them."""
    padded = np.pad(kept, 1)
    inner = padded.copy()
    for axis in range(3):
        for by in (-1, 1):
            inner &= np.roll(padded, by, axis=axis)
    return kept & ~inner[1:-1, 1:-1, 1:-1]


def box_surface(low: Array, high: Array, side: int = 12) -> Array:
    """(N, 3) float32 points on the faces of a box."""
    line = np.linspace(0, 1, side)
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    on_face = ((grid == 0) | (grid == 1)).any(axis=1)
    return (low + grid[on_face] * (high - low)).astype(np.float32)


def outline(points_m: Array, cam_from_obj: Array, K: Array, size_px: tuple[int, int]) -> Array:
    """(H, W) bool where points (N, 3) are seen from, hole-free: their convex outline in the picture."""
    seen = (points_m @ cam_from_obj[:, :3].T + cam_from_obj[:, 3]) @ K.T
    mask = np.zeros(size_px, np.uint8)
    if (seen[:, 2] > 0).all():
        pixels = (seen[:, :2] / seen[:, 2:]).clip(-1e4, 1e4)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.rint(pixels).astype(np.int32)), 1)
    return mask.astype(np.bool_)
