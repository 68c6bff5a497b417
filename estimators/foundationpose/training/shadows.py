"""Shadows that things cast, by a depth picture from the lamp."""

from collections.abc import Sequence

import cv2
import numpy as np
from numba import njit

from estimators.foundationpose.training.layout import Placed
from estimators.rendering import CpuRenderer
from schemas.arrays import Array

_SHADOW_PX = 160


def shadows(
    placed: Sequence[Placed], depth_m: Array, normal: Array, camera_matrix: Array, lamp_m: Array, center_m: Array,
    renderer: CpuRenderer,
) -> Array:  # fmt: skip
    """(H, W) float32, how much of a lamp's light gets to each pixel, by a depth picture from the lamp (Williams 1978).

    Args:
        placed: What casts shadows.
        depth_m: (H, W) float32 of the camera.
        normal: (H, W, 3) float32.
        camera_matrix: (3, 3).
        lamp_m: (3,) in the camera's frame.
        center_m: (3,) what the lamp is pointed at.
        renderer: What draws.
    """
    lamp_from_cam = _looking(lamp_m.astype(np.float64), center_m)
    far = np.linalg.norm(lamp_m - center_m)
    reach = max(float(one.thing.mesh.diameter_m) for one in placed) + 1.5 * float(
        max(np.linalg.norm(one.cam_from_obj[:3, 3] - center_m) for one in placed)
    )
    focal = _SHADOW_PX / 2 * max(far, 0.3) / max(reach, 1e-3)
    K = np.array([[focal, 0, _SHADOW_PX / 2], [0, focal, _SHADOW_PX / 2], [0, 0, 1.0]])
    poses = [lamp_from_cam @ one.cam_from_obj for one in placed]
    seen = renderer.scene([one.thing.mesh for one in placed], poses, K, (_SHADOW_PX, _SHADOW_PX)).depth_m
    out = np.ones(depth_m.shape, np.float32)
    view = np.array([camera_matrix[0, 0], camera_matrix[1, 1], camera_matrix[0, 2], camera_matrix[1, 2]], np.float32)
    pixel_m = max(far, 0.3) / focal
    _shadow(seen, depth_m, normal, view, lamp_from_cam.astype(np.float32), np.array([focal, pixel_m], np.float32), out)
    return cv2.blur(out, (3, 3))


@njit(nogil=True, cache=True, fastmath=True)
def _shadow(
    seen: Array, depth: Array, normal: Array, view: Array, lamp_from_cam: Array, lens: Array, out: Array,
) -> None:  # fmt: skip
    size, focal, pixel_m = seen.shape[0], lens[0], lens[1]
    for v in range(depth.shape[0]):
        for u in range(depth.shape[1]):
            z = depth[v, u]
            if z <= np.float32(0):
                continue
            # a little off the surface, or it would shade itself
            x = (np.float32(u) - view[2]) / view[0] * z + normal[v, u, 0] * pixel_m * np.float32(1.5)
            y = (np.float32(v) - view[3]) / view[1] * z + normal[v, u, 1] * pixel_m * np.float32(1.5)
            z = z + normal[v, u, 2] * pixel_m * np.float32(1.5)
            m = lamp_from_cam
            a = m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]
            b = m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]
            c = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
            if c < np.float32(0.02):
                continue
            i = int(np.rint(focal * a / c + np.float32(size / 2)))
            j = int(np.rint(focal * b / c + np.float32(size / 2)))
            if 0 <= i < size and 0 <= j < size:
                first = seen[j, i]
                if first > np.float32(0) and first < c - pixel_m:
                    out[v, u] = np.float32(0)


def _looking(eye_m: Array, at_m: Array) -> Array:
    """(4, 4) eye_from_cam of a pinhole that looks from one point to another."""
    z = at_m - eye_m
    z = z / np.linalg.norm(z)
    x = np.cross(np.eye(3)[np.argmin(np.abs(z))], z)
    x = x / np.linalg.norm(x)
    out = np.eye(4)
    out[:3, :3] = np.stack([x, np.cross(z, x), z])
    out[:3, 3] = -out[:3, :3] @ eye_m
    return out
