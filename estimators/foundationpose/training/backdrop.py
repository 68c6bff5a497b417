"""What is behind everything: a table, a wall, or nothing but colours."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.foundationpose.training.objects.patterns import any_pattern, clouds
from schemas.arrays import Array

_TILE_PX = 256


@dataclass(frozen=True, slots=True, eq=False)
class Backdrop:
    """Its picture; where the camera sees nothing of it, depth and normal are 0.

    Attributes:
        albedo: (H, W, 3) uint8.
        depth_m: (H, W) float32.
        normal: (H, W, 3) float32 in the camera's frame.
    """

    albedo: Array
    depth_m: Array
    normal: Array


def make_backdrop(
    camera_matrix: Array, size_px: tuple[int, int], up: Array, table_m: float, farthest_m: float,
    rng: np.random.Generator,
) -> Backdrop:  # fmt: skip
    """A table, mostly, before a wall, mostly.

    Args:
        camera_matrix: (3, 3) float64.
        size_px: Height and width.
        up: (3,) unit normal of the table in the camera's frame.
        table_m: Its points p have up @ p = table_m.
        farthest_m: Nothing that stands on it is farther away; the wall is.
        rng: Whatever is random.
    """
    rays = _rays(camera_matrix, size_px)
    out = Backdrop(any_pattern(size_px, rng), np.zeros(size_px, np.float32), np.zeros((*size_px, 3), np.float32))
    if rng.random() < 0.85:
        away = rng.normal(size=3) * 0.3 - (0, 0, 1)
        away /= np.linalg.norm(away)
        distance = farthest_m + np.exp(rng.uniform(np.log(0.1), np.log(3.0)))
        out = _with_plane(out, rays, away, float(away[2] * distance), distance, rng)
    if rng.random() < 0.9:
        out = _with_plane(out, rays, up, table_m, farthest_m, rng)
    return out


def _rays(K: Array, size_px: tuple[int, int]) -> Array:
    """(H, W, 3) float32 rays of z 1."""
    v, u = np.indices(size_px, np.float32)
    x, y = (u - np.float32(K[0, 2])) / np.float32(K[0, 0]), (v - np.float32(K[1, 2])) / np.float32(K[1, 1])
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def _with_plane(
    back: Backdrop, rays: Array, normal: Array, offset_m: float, scale_m: float, rng: np.random.Generator
) -> Backdrop:
    """The plane of points normal @ p = offset_m, where it is nearer than what there is already."""
    slope = rays @ normal.astype(np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = np.where(slope < -1e-4, np.float32(offset_m) / slope, 0).astype(np.float32)
    seen = (depth > 0.05) & (depth < 12.0) & ((back.depth_m == 0) | (depth < back.depth_m))
    if not seen.any():
        return back
    albedo = _tiled(rays * depth[..., None], normal, scale_m, rng)
    mask = seen[..., None]
    return Backdrop(
        np.where(mask, albedo, back.albedo),
        np.where(seen, depth, back.depth_m),
        np.where(mask, normal.astype(np.float32), back.normal),
    )


def _tiled(points: Array, normal: Array, scale_m: float, rng: np.random.Generator) -> Array:
    """(H, W, 3) uint8 colour of points of a plane, by a picture repeated over it, with spots on it."""
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    turn = rng.uniform(0, 2 * np.pi)
    across, up = first * np.cos(turn) + second * np.sin(turn), second * np.cos(turn) - first * np.sin(turn)
    size_m = scale_m * np.exp(rng.uniform(np.log(0.15), np.log(1.5)))
    tile = any_pattern((_TILE_PX, _TILE_PX), rng)
    soiled = clouds((_TILE_PX, _TILE_PX), rng)[..., None] * rng.uniform(0, 0.6)
    tile = (tile * (1 - soiled)).astype(np.uint8)
    shift = rng.uniform(0, 1, 2)
    u = (points @ (across / size_m).astype(np.float32) + np.float32(shift[0])) * _TILE_PX
    v = (points @ (up / size_m).astype(np.float32) + np.float32(shift[1])) * _TILE_PX
    u, v = np.mod(u, _TILE_PX).astype(np.float32), np.mod(v, _TILE_PX).astype(np.float32)
    return cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
