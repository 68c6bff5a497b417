"""What is behind everything: a table, a wall, or nothing but colours."""

from dataclasses import dataclass

import cv2
import numpy as np

from estimators.foundationpose.training.objects.patterns import any_pattern, clouds
from estimators.foundationpose.training.rays import Rays
from schemas.arrays import Array

_TILE_PX = 160


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
    camera_matrix: Array, size_px: tuple[int, int], up: Array, table_m: float, balls: Array,
    rng: np.random.Generator,
) -> Backdrop:  # fmt: skip
    """A table, mostly, before a wall, mostly.

    Args:
        camera_matrix: (3, 3) float64.
        size_px: Height and width.
        up: (3,) unit normal of the table in the camera's frame.
        table_m: Its points p have up @ p = table_m.
        balls: (N, 4) centres and radii about the things; the wall is behind them.
        rng: Whatever is random.
    """
    rays = Rays.of(camera_matrix, size_px)
    coarse = any_pattern((size_px[0] // 2, size_px[1] // 2), rng)
    nothing = np.zeros(size_px, np.float32)
    out = Backdrop(cv2.resize(coarse, size_px[::-1]), nothing, np.zeros((*size_px, 3), np.float32))
    if rng.random() < 0.85:
        away = rng.normal(size=3) * 0.3 - (0, 0, 1)
        away /= np.linalg.norm(away)
        gap_m = np.exp(rng.uniform(np.log(0.05), np.log(3.0)))
        wall_m = float((balls[:, :3] @ away - balls[:, 3]).min() - gap_m)
        _add_plane(out, rays, away, wall_m, -wall_m, rng)
    if rng.random() < 0.9:
        _add_plane(out, rays, up, table_m, float(balls[0, 2]), rng)
    return out


def _add_plane(
    back: Backdrop, rays: Rays, normal: Array, offset_m: float, scale_m: float, rng: np.random.Generator
) -> None:
    """Draw the plane of points normal @ p = offset_m where it is nearer than what there is already."""
    slope = rays.along(normal)
    depth = np.float32(offset_m) / np.minimum(slope, np.float32(-1e-4))
    seen = (slope < -1e-3) & (depth > 0.05) & (depth < 12.0) & ((back.depth_m == 0) | (depth < back.depth_m))
    if seen.any():
        cv2.copyTo(_tiled(rays, depth, normal, scale_m, rng), seen.astype(np.uint8), back.albedo)
        np.copyto(back.depth_m, depth, where=seen)
        back.normal[seen] = normal.astype(np.float32)


def _tiled(rays: Rays, depth_m: Array, normal: Array, scale_m: float, rng: np.random.Generator) -> Array:
    """(H, W, 3) uint8 colour of points of a plane, by a picture repeated over it, with spots on it."""
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    turn = rng.uniform(0, 2 * np.pi)
    across, up = first * np.cos(turn) + second * np.sin(turn), second * np.cos(turn) - first * np.sin(turn)
    size_m = scale_m * np.exp(rng.uniform(np.log(0.15), np.log(1.5)))
    soiled = clouds((_TILE_PX, _TILE_PX), rng)[..., None] * np.float32(rng.uniform(0, 0.6))
    tile = (any_pattern((_TILE_PX, _TILE_PX), rng) * (1 - soiled)).astype(np.uint8)
    shift = rng.uniform(0, 1, 2)
    u = np.mod(rays.along(across * (_TILE_PX / size_m)) * depth_m + np.float32(shift[0] * _TILE_PX), _TILE_PX)
    v = np.mod(rays.along(up * (_TILE_PX / size_m)) * depth_m + np.float32(shift[1] * _TILE_PX), _TILE_PX)
    return cv2.remap(tile, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
