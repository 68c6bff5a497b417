"""Points spread over a mesh, and the axis about which most of them could turn without being noticed."""

from dataclasses import dataclass, field

import numpy as np

from estimators.geometric.tint import tints
from estimators.mesh import Mesh
from schemas.arrays import Array

_GREY = 128
_FEWEST_SHARE, _TOLERANCE = 0.62, 0.02  # of the points, and of the diameter
_ROUNDS = 12
_FLAT_COSINE = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Points of a mesh, evenly by area, always the same ones.

    Attributes:
        points: (N, 3) float64 about the object's centre, metres.
        normals: (N, 3) float64, unit, outwards.
        rgb: (N, 3) float64, 0 to 255, the mesh's own colour there.
        tints: (N, 3) float64, the same as ``tint.tints`` gives it.
    """

    points: Array
    normals: Array
    rgb: Array
    tints: Array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tints", tints(self.rgb))


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """A line about which the greater part of a surface is one of revolution.

    Attributes:
        origin: (3,) float64 a point of it, about the object's centre, metres.
        direction: (3,) float64, unit.
        odd: (N,) bool, points of the surface that are not of revolution: a handle, a spout.
    """

    origin: Array
    direction: Array
    odd: Array


def sample(mesh: Mesh, count: int) -> Surface:
    """``count`` points of a mesh."""
    rng = np.random.default_rng(0)
    corners = [mesh.faces[:, k] for k in range(3)]
    a, b, c = (mesh.vertices_m[corner].astype(np.float64) for corner in corners)
    across = np.cross(b - a, c - a)
    area = np.linalg.norm(across, axis=1)
    face = rng.choice(len(area), count, p=area / area.sum())
    u, v = rng.random(count), rng.random(count)
    folded = u + v > 1
    u, v = np.where(folded, 1 - u, u), np.where(folded, 1 - v, v)
    share = np.stack([1 - u - v, u, v], axis=1)
    points = share[:, :1] * a[face] + share[:, 1:2] * b[face] + share[:, 2:] * c[face] - mesh.center_m
    normals = across[face] / np.maximum(area[face], 1e-30)[:, None]
    return Surface(np.ascontiguousarray(points), normals, _colours(mesh, [corner[face] for corner in corners], share))


def _colours(mesh: Mesh, corners: list[Array], share: Array) -> Array:
    """(N, 3) the mesh's colours at shares (N, 3) of three corners."""
    if mesh.uv is not None and mesh.texture is not None:
        st = _mixed(mesh.uv, corners, share)
        level = mesh.texture_levels[min(2, len(mesh.texture_levels) - 1)] if mesh.texture_levels else mesh.texture
        height, width = level.shape[:2]
        column = np.clip((st[:, 0] % 1.0 * width).astype(np.int64), 0, width - 1)
        row = np.clip(((1 - st[:, 1] % 1.0) * height).astype(np.int64), 0, height - 1)
        return level[row, column].astype(np.float64)
    if mesh.colors is not None:
        return _mixed(mesh.colors, corners, share)
    return np.full((len(share), 3), float(_GREY))


def _mixed(values: Array, corners: list[Array], share: Array) -> Array:
    """(N, K) values (V, K) of vertices, at shares (N, 3) of three corners."""
    return np.einsum("nk,nkc->nc", share, np.stack([values[corner] for corner in corners], axis=1).astype(np.float64))


def find_axis(surface: Surface, diameter_m: float) -> Axis | None:
    """The axis of revolution of most of a surface; None where there is none.

    The motion that slips along a surface is the smallest eigenvector of the normals' line coordinates
    (Gelfand and Guibas, Shape Segmentation Using Local Slippage Analysis, 2004); here reweighted, so that a
    handle does not count.
    Ends that face along the axis turn into themselves whatever they are, and say nothing.
    """
    size = diameter_m / 2
    points, normals = surface.points / size, surface.normals
    lines = np.concatenate([np.cross(points, normals), normals], axis=1)
    best: Axis | None = None
    for start in np.eye(3):
        found = _slip(lines, points, normals, start)
        if found is not None and (best is None or found.odd.sum() < best.odd.sum()):
            best = Axis(found.origin * size, found.direction, found.odd)
    return best


def _odd(points: Array, normals: Array, origin: Array, direction: Array) -> tuple[Array, Array]:
    """(N,) points that do not slip along the surface in a turn about an axis, and those that could tell; radius 1."""
    arms = points - origin
    off = np.einsum("ij,ij->i", np.cross(direction, arms), normals)
    spread = np.linalg.norm(np.cross(arms, direction), axis=1)
    telling = (np.abs(normals @ direction) < _FLAT_COSINE) & (spread > 0.1)
    return (np.abs(off) > 2 * _TOLERANCE) & telling, telling


def crowded(surface: Surface, axis: Axis, diameter_m: float, body: int, odd: int) -> tuple[Surface, Axis]:
    """At most ``body`` points of a surface that are of revolution and ``odd`` that are not, and the axis for them."""
    size = diameter_m / 2
    is_odd, _ = _odd(surface.points / size, surface.normals, axis.origin / size, axis.direction)
    kept = np.concatenate([np.nonzero(~is_odd)[0][:body], np.nonzero(is_odd)[0][:odd]])
    fewer = Surface(surface.points[kept], surface.normals[kept], surface.rgb[kept])
    return fewer, Axis(axis.origin, axis.direction, is_odd[kept])


def _slip(lines: Array, points: Array, normals: Array, start: Array) -> Axis | None:
    weight = np.where(np.abs(normals @ start) < _FLAT_COSINE, 1.0, 0.0)
    motion, off = np.concatenate([start, np.zeros(3)]), np.zeros(len(lines))
    for k in range(_ROUNDS):
        # first only the line's place is looked for, then its direction too
        free = lines if k > 2 else lines[:, 3:]
        basis = (free * weight[:, None]).T @ free
        if k > 2:
            motion = np.linalg.eigh(basis)[1][:, 0]
        else:
            rest = -(lines[:, 3:] * weight[:, None]).T @ (lines[:, :3] @ start)
            motion = np.concatenate([start, np.linalg.lstsq(basis, rest, rcond=1e-6)[0]])
        turn = float(np.linalg.norm(motion[:3]))
        if turn < 0.3:
            return None
        motion = motion / turn
        off = lines @ motion
        weight = 1.0 / (1.0 + (off / _TOLERANCE) ** 2)
    direction = motion[:3]
    pitch, origin = float(motion[3:] @ direction), np.cross(direction, motion[3:])
    odd, telling = _odd(points, normals, origin, direction)
    share = 1 - odd.sum() / max(1, telling.sum())
    if share < _FEWEST_SHARE or abs(pitch) > 0.1 or telling.sum() < 0.3 * len(points):
        return None
    return Axis(origin, direction, odd)
