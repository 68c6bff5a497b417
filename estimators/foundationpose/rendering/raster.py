"""The CPU renderer's kernels: coverage in whole numbers, then shading of what is seen. See ``CropRenderer``."""

import numpy as np
from numba import njit

from estimators.foundationpose.rendering.base import AMBIENT, DIFFUSE, FAR_M, NEAR_M, SUBPIXELS
from schemas.arrays import Array

_F = np.float32
_HALF = SUBPIXELS // 2


@njit(nogil=True, cache=True, inline="always")
def _place(
    vertices: Array, normals: Array, pose: Array, K: Array, window: Array, size: tuple[int, int], out: Array
) -> None:
    """Rows of ``out`` (V, 7): x, y, z in the camera's frame, column and row in pixels (rows upwards), 1/z, light."""
    height, width = size
    across, down = _F(width) / (window[2] - window[0]), _F(height) / (window[3] - window[1])
    for i in range(vertices.shape[0]):
        a, b, c = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        x = pose[0, 0] * a + pose[0, 1] * b + pose[0, 2] * c + pose[0, 3]
        y = pose[1, 0] * a + pose[1, 1] * b + pose[1, 2] * c + pose[1, 3]
        z = pose[2, 0] * a + pose[2, 1] * b + pose[2, 2] * c + pose[2, 3]
        out[i, 0], out[i, 1], out[i, 2] = x, y, z
        if z < _F(NEAR_M) or z > _F(FAR_M):
            out[i, 5] = _F(-1)
            continue
        w = _F(1) / z
        u = (K[0, 0] * x + K[0, 1] * y) * w + K[0, 2]
        v = K[1, 1] * y * w + K[1, 2]
        out[i, 3] = (u - window[0]) * across
        out[i, 4] = (window[3] - v) * down
        out[i, 5] = w
        facing = pose[2, 0] * normals[i, 0] + pose[2, 1] * normals[i, 1] + pose[2, 2] * normals[i, 2]
        out[i, 6] = min(max(-facing, _F(0)), _F(1))


@njit(nogil=True, cache=True, inline="always")
def _inside(dx: int, dy: int, px: int, py: int) -> bool:
    """Whether a point, seen from an edge's start, is on the inner side of it, or on it where the edge owns its line."""
    side = dx * py - dy * px
    return side > 0 or (side == 0 and (dy < 0 or (dy == 0 and dx > 0)))


@njit(nogil=True, cache=True, inline="always")
def _cover(placed: Array, faces: Array, inv_depth: Array, face_id: Array, seen: Array) -> None:
    """Keep the nearest face of every pixel; ``seen`` becomes the touched top, bottom, left, right."""
    height, width = inv_depth.shape
    seen[0], seen[1], seen[2], seen[3] = height, -1, width, -1
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        wa, wb, wc = placed[a, 5], placed[b, 5], placed[c, 5]
        if wa < _F(0) or wb < _F(0) or wc < _F(0):
            continue
        ax, ay = int(np.rint(placed[a, 3] * SUBPIXELS)), int(np.rint(placed[a, 4] * SUBPIXELS))
        bx, by = int(np.rint(placed[b, 3] * SUBPIXELS)), int(np.rint(placed[b, 4] * SUBPIXELS))
        cx, cy = int(np.rint(placed[c, 3] * SUBPIXELS)), int(np.rint(placed[c, 4] * SUBPIXELS))
        left = max(0, -((_HALF - min(ax, bx, cx)) // SUBPIXELS))
        right = min(width - 1, (max(ax, bx, cx) - _HALF) // SUBPIXELS)
        low = max(0, -((_HALF - min(ay, by, cy)) // SUBPIXELS))
        high = min(height - 1, (max(ay, by, cy) - _HALF) // SUBPIXELS)
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if left > right or low > high or area == 0:
            continue
        if area < 0:
            bx, by, cx, cy = cx, cy, bx, by
        px, py = placed[a, 3], placed[a, 4]
        qx, qy, rx, ry = placed[b, 3] - px, placed[b, 4] - py, placed[c, 3] - px, placed[c, 4] - py
        whole = qx * ry - rx * qy
        if whole == _F(0):
            continue
        slope_x = ((wb - wa) * ry - (wc - wa) * qy) / whole
        slope_y = ((wc - wa) * qx - (wb - wa) * rx) / whole
        for up in range(low, high + 1):
            y = up * SUBPIXELS + _HALF
            row = height - 1 - up
            for u in range(left, right + 1):
                x = u * SUBPIXELS + _HALF
                if (
                    _inside(bx - ax, by - ay, x - ax, y - ay)
                    and _inside(cx - bx, cy - by, x - bx, y - by)
                    and _inside(ax - cx, ay - cy, x - cx, y - cy)
                ):
                    w = wa + slope_x * (_F(u) + _F(0.5) - px) + slope_y * (_F(up) + _F(0.5) - py)
                    if w > inv_depth[row, u]:
                        inv_depth[row, u] = w
                        face_id[row, u] = f
                        seen[0], seen[1] = min(seen[0], row), max(seen[1], row)
                        seen[2], seen[3] = min(seen[2], u), max(seen[3], u)


@njit(nogil=True, cache=True, inline="always")
def _sample(texture: Array, s: float, t: float, out: Array) -> None:
    """The bilinear texture value at (s, t), wrapped, 0 to 255; t runs upwards."""
    height, width = texture.shape[0], texture.shape[1]
    x = (s - np.floor(s)) * _F(width) - _F(0.5)
    y = (_F(1) - t - np.floor(_F(1) - t)) * _F(height) - _F(0.5)
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    ax, ay = x - _F(x0), y - _F(y0)
    x1, y1 = (x0 + 1) % width, (y0 + 1) % height
    x0, y0 = x0 % width, y0 % height
    for k in range(3):
        upper = (_F(1) - ax) * _F(texture[y0, x0, k]) + ax * _F(texture[y0, x1, k])
        lower = (_F(1) - ax) * _F(texture[y1, x0, k]) + ax * _F(texture[y1, x1, k])
        out[k] = (_F(1) - ay) * upper + ay * lower


@njit(nogil=True, cache=True, inline="always")
def _weights(placed: Array, face: Array, u: int, up: int, out: Array) -> None:
    """Perspective-correct weights of a face's corners at a pixel's centre, each 0 to 1 but the last."""
    a, b, c = face[0], face[1], face[2]
    x, y = float(u) + 0.5, float(up) + 0.5
    ax, ay = placed[a, 3] - x, placed[a, 4] - y
    bx, by = placed[b, 3] - x, placed[b, 4] - y
    cx, cy = placed[c, 3] - x, placed[c, 4] - y
    at_a, at_b = (bx * cy - cx * by) * placed[a, 5], (cx * ay - ax * cy) * placed[b, 5]
    total = at_a + at_b + (ax * by - bx * ay) * placed[c, 5]
    out[0] = min(max(at_a / total, 0.0), 1.0)
    out[1] = min(max(at_b / total, 0.0), 1.0)
    out[2] = _F(1) - out[0] - out[1]


@njit(nogil=True, cache=True, inline="always")
def _shade(placed: Array, face: Array, looks: tuple[Array, ...], weights: Array, base: Array, pixel: Array) -> None:
    """Colour and place of one pixel, ``pixel`` (6,)."""
    uv, texture, colors = looks
    a, b, c = face[0], face[1], face[2]
    if uv.shape[0]:
        s = weights[0] * uv[a, 0] + weights[1] * uv[b, 0] + weights[2] * uv[c, 0]
        t = weights[0] * uv[a, 1] + weights[1] * uv[b, 1] + weights[2] * uv[c, 1]
        _sample(texture, s, t, base)
    else:
        for k in range(3):
            base[k] = weights[0] * _F(colors[a, k]) + weights[1] * _F(colors[b, k]) + weights[2] * _F(colors[c, k])
    light = weights[0] * placed[a, 6] + weights[1] * placed[b, 6] + weights[2] * placed[c, 6]
    for k in range(3):
        own = base[k] / _F(255)
        pixel[k] = min(max(_F(AMBIENT) * own + _F(DIFFUSE) * light * own, _F(0)), _F(1))
        pixel[3 + k] = weights[0] * placed[a, k] + weights[1] * placed[b, k] + weights[2] * placed[c, k]


@njit(nogil=True, cache=True)
def draw(
    vertices: Array, faces: Array, normals: Array, looks: tuple[Array, ...], poses: Array, K: Array, windows: Array,
    out: Array,
) -> None:  # fmt: skip
    """Draw a mesh at N poses.

    Args:
        vertices: (V, 3) float32.
        faces: (F, 3) int32.
        normals: (V, 3) float32.
        looks: uv (V or 0, 2) float32, texture (Ht, Wt, 3) uint8, colors (V, 3) uint8.
        poses: (N, 4, 4) float32.
        K: (N, 3, 3) float32.
        windows: (N, 4) float32.
        out: (N, 6, height, width) float32 zeros, written to.
    """
    height, width = out.shape[2], out.shape[3]
    placed = np.empty((vertices.shape[0], 7), np.float32)
    inv_depth, face_id = np.zeros((height, width), np.float32), np.full((height, width), -1, np.int32)
    seen, weights = np.empty(4, np.int64), np.empty(3, np.float32)
    base, pixel = np.empty(3, np.float32), np.empty(6, np.float32)
    for n in range(poses.shape[0]):
        _place(vertices, normals, poses[n], K[n], windows[n], (height, width), placed)
        _cover(placed, faces, inv_depth, face_id, seen)
        for row in range(seen[0], seen[1] + 1):
            for u in range(seen[2], seen[3] + 1):
                f = face_id[row, u]
                if f >= 0:
                    _weights(placed, faces[f], u, height - 1 - row, weights)
                    _shade(placed, faces[f], looks, weights, base, pixel)
                    for k in range(6):
                        out[n, k, row, u] = pixel[k]
                    face_id[row, u] = -1
                    inv_depth[row, u] = _F(0)
