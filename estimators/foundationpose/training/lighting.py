"""Light on a picture: lamps that are anywhere, highlights, dark corners."""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Lights:
    """What lights a scene, in the camera's frame.

    Attributes:
        places_m: (L, 3) float32 of lamps; the first casts shadows.
        colors: (L, 3) float32, 1 is white light of full strength.
        ambient: (3,) float32 from everywhere.
        sky: (3,) float32, more of it from above: the strength is its length.
    """

    places_m: Array
    colors: Array
    ambient: Array
    sky: Array


def random_lights(center_m: Array, up: Array, rng: np.random.Generator) -> Lights:
    """One to three lamps above the table, one of them bright.

    Args:
        center_m: (3,) where the object is.
        up: (3,) unit, in the camera's frame.
        rng: Whatever is random.
    """
    count = int(rng.integers(1, 4))
    ways = rng.normal(size=(count, 3)) * 0.9 + up * rng.uniform(0.3, 1.5)
    ways[:, 2] -= 0.4  # more often on the camera's side
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    places = center_m + ways * np.exp(rng.uniform(np.log(0.6), np.log(6.0), (count, 1)))
    strength = rng.uniform(0.35, 1.0) * np.array([1.0, 0.4, 0.25])[:count, None]
    tint = 1 + rng.normal(size=(count, 3)) * 0.06
    ambient = rng.uniform(0.15, 0.65) * (1 + rng.normal(size=3) * 0.05)
    return Lights(
        places.astype(np.float32),
        (strength * tint).astype(np.float32),
        ambient.astype(np.float32),
        (up * rng.uniform(0, 0.25)).astype(np.float32),
    )


def lit(
    albedo: Array, depth_m: Array, normal: Array, materials: Array, camera_matrix: Array, lights: Lights, shade: Array
) -> Array:
    """Colour as it reaches the camera (Phong 1975, without loss over the lamps' distance).

    Args:
        albedo: (H, W, 3) uint8.
        depth_m: (H, W) float32; where it is 0 the albedo itself is seen.
        normal: (H, W, 3) float32 unit, in the camera's frame.
        materials: (H, W, 2) float32: strength and exponent of highlights.
        camera_matrix: (3, 3).
        lights: What lights it.
        shade: (H, W, 2) float32 from 0 to 1: how much of the first lamp, and of the ambient light, gets there.

    Returns:
        (H, W, 3) float32, 255 is white.
    """
    out = np.empty(albedo.shape, np.float32)
    view = np.array([camera_matrix[0, 0], camera_matrix[1, 1], camera_matrix[0, 2], camera_matrix[1, 2]], np.float32)
    _lit(
        albedo, depth_m, normal, materials, view, lights.places_m, lights.colors, lights.ambient, lights.sky, shade, out
    )
    return out


@njit(nogil=True, cache=True, fastmath=True)
def _lit(
    albedo: Array, depth: Array, normal: Array, materials: Array, view: Array, places: Array, colors: Array,
    ambient: Array, sky: Array, shade: Array, out: Array,
) -> None:  # fmt: skip
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            z = depth[v, u]
            if z <= np.float32(0):
                for k in range(3):
                    out[v, u, k] = np.float32(albedo[v, u, k])
                continue
            x, y = (np.float32(u) - view[2]) / view[0] * z, (np.float32(v) - view[3]) / view[1] * z
            nx, ny, nz = normal[v, u, 0], normal[v, u, 1], normal[v, u, 2]
            eye = np.float32(1) / np.sqrt(x * x + y * y + z * z)
            over = np.float32(1) + nx * sky[0] + ny * sky[1] + nz * sky[2]
            for k in range(3):
                out[v, u, k] = np.float32(albedo[v, u, k]) * ambient[k] * over * shade[v, u, 1]
            for i in range(places.shape[0]):
                lx, ly, lz = places[i, 0] - x, places[i, 1] - y, places[i, 2] - z
                near = np.float32(1) / np.sqrt(lx * lx + ly * ly + lz * lz + np.float32(1e-12))
                facing = (nx * lx + ny * ly + nz * lz) * near
                if facing <= np.float32(0):
                    continue
                there = shade[v, u, 0] if i == 0 else np.float32(1)
                mirrored = np.float32(2) * facing * (nx * x + ny * y + nz * z) - (lx * x + ly * y + lz * z) * near
                shine = np.float32(0)
                if mirrored < np.float32(0):
                    shine = np.float32(255) * materials[v, u, 0] * (-mirrored * eye) ** materials[v, u, 1]
                for k in range(3):
                    own = np.float32(albedo[v, u, k]) * facing + shine
                    out[v, u, k] += own * colors[i, k] * there


def dark_corners(depth_m: Array, strength: float) -> Array:
    """(H, W) float32, less where the surroundings are nearer: ambient occlusion by unsharp masking of depth.

    After Luft et al. 2006. Nearer by 4 % of the depth takes the whole of ``strength``.
    """
    known = (depth_m > 0).astype(np.float32)
    blurred = cv2.blur(depth_m, (15, 15)) / np.maximum(cv2.blur(known, (15, 15)), 1e-3)
    sunk = np.clip((depth_m - blurred) / np.maximum(0.04 * depth_m, 1e-3), 0, 1)
    return (1 - np.float32(strength) * sunk * known).astype(np.float32)
