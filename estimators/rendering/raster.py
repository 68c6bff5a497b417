"""The rasteriser's kernels: one z-buffer pass over the faces, then shading of what is seen.

Pixel centres are at integers. float32 throughout: numba widens int * float32, so integers are cast first.
"""

import numpy as np
from numba import njit

from schemas.arrays import Array

_F = np.float32
_U = np.uint32  # an index that is signed is checked for being below 0
NEAR_M = 0.01
GREY = 128


@njit(fastmath=True, nogil=True, cache=True, inline="always")
def _transform(points_t: Array, m: Array, screen: Array) -> None:
    """Points (3, V) to rows of u, v in pixels and 1/z; 1/z is -1 behind the near plane."""
    for i in range(points_t.shape[1]):
        x, y, z = points_t[0, i], points_t[1, i], points_t[2, i]
        depth = m[2, 0] * x + m[2, 1] * y + m[2, 2] * z + m[2, 3]
        w = _F(1) / depth if depth > _F(NEAR_M) else _F(-1)
        screen[0, i] = (m[0, 0] * x + m[0, 1] * y + m[0, 2] * z + m[0, 3]) * w
        screen[1, i] = (m[1, 0] * x + m[1, 1] * y + m[1, 2] * z + m[1, 3]) * w
        screen[2, i] = w


@njit(fastmath=True, nogil=True, cache=True, inline="always")
def _fill(screen: Array, faces: Array, cull: bool, inv_depth: Array, face_id: Array, window: Array) -> None:
    """Keep the nearest face of every pixel; ``window`` becomes the drawn top, bottom, left, right."""
    height, width = inv_depth.shape
    window[0], window[1], window[2], window[3] = height, -1, width, -1
    for f in range(faces.shape[0]):
        a, b, c = _U(faces[f, 0]), _U(faces[f, 1]), _U(faces[f, 2])
        wa, wb, wc = screen[2, a], screen[2, b], screen[2, c]
        if wa < _F(0) or wb < _F(0) or wc < _F(0):
            continue
        px, py = screen[0, a], screen[1, a]
        qx, qy = screen[0, b] - px, screen[1, b] - py
        rx, ry = screen[0, c] - px, screen[1, c] - py
        area = qx * ry - rx * qy  # below 0: looks at the camera, as y runs down
        if area == _F(0) or (cull and area > _F(0)):
            continue
        left = max(0, int(np.ceil(px + min(_F(0), qx, rx))))
        right = min(width - 1, int(np.floor(px + max(_F(0), qx, rx))))
        top = max(0, int(np.ceil(py + min(_F(0), qy, ry))))
        bottom = min(height - 1, int(np.floor(py + max(_F(0), qy, ry))))
        if left > right or top > bottom:
            continue
        window[0], window[1] = min(window[0], top), max(window[1], bottom)
        window[2], window[3] = min(window[2], left), max(window[3], right)
        scale = _F(1) / area
        wq, wr = wb - wa, wc - wa
        for v in range(top, bottom + 1):
            dy = _F(v) - py
            for u in range(left, right + 1):
                dx = _F(u) - px
                at_b = (ry * dx - rx * dy) * scale
                at_c = (qx * dy - qy * dx) * scale
                if min(at_b, at_c, _F(1) - at_b - at_c) >= _F(0):  # one branch: which side it lies on is not foreseen
                    w = wa + at_b * wq + at_c * wr
                    if w > inv_depth[v, u]:
                        inv_depth[v, u] = w
                        face_id[v, u] = f


@njit(fastmath=True, nogil=True, cache=True, inline="always")
def _sample(texture: Array, s: float, t: float, out: Array) -> None:
    """The bilinear texture value at (s, t), wrapped, rounded to uint8."""
    height, width = texture.shape[0], texture.shape[1]
    x = (s - np.floor(s)) * _F(width) - _F(0.5)
    y = (_F(1) - (t - np.floor(t))) * _F(height) - _F(0.5)
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    ax, ay = x - _F(x0), y - _F(y0)
    x1 = x0 + 1 if x0 + 1 < width else 0
    y1 = y0 + 1 if y0 + 1 < height else 0
    x0 = x0 if x0 >= 0 else width - 1
    y0 = y0 if y0 >= 0 else height - 1
    for k in range(3):
        upper = (_F(1) - ax) * _F(texture[y0, x0, k]) + ax * _F(texture[y0, x1, k])
        lower = (_F(1) - ax) * _F(texture[y1, x0, k]) + ax * _F(texture[y1, x1, k])
        out[k] = np.uint8((_F(1) - ay) * upper + ay * lower + _F(0.5))


@njit(fastmath=True, nogil=True, cache=True, inline="always")
def _colour(
    face: Array, at_a: float, at_b: float, at_c: float, uv: Array, texture: Array, colors: Array, out: Array
) -> None:
    """The colour of a face at barycentric coordinates: texture, else vertex colours, else grey."""
    a, b, c = _U(face[0]), _U(face[1]), _U(face[2])
    if uv.shape[0]:
        s = at_a * uv[a, 0] + at_b * uv[b, 0] + at_c * uv[c, 0]
        t = at_a * uv[a, 1] + at_b * uv[b, 1] + at_c * uv[c, 1]
        _sample(texture, s, t, out)
    else:
        for k in range(3):
            mixed = _F(GREY)
            if colors.shape[0]:
                mixed = at_a * _F(colors[a, k]) + at_b * _F(colors[b, k]) + at_c * _F(colors[c, k]) + _F(0.5)
            out[k] = np.uint8(min(max(mixed, _F(0)), _F(255)))


@njit(fastmath=True, nogil=True, cache=True, inline="always")
def _shade(
    screen: Array,
    faces: Array,
    looks: tuple[Array, ...],
    rotation: Array,
    v: int,
    u: int,
    face_id: Array,
    inv_depth: Array,
    depth: Array,
    rgb: Array,
    normal: Array,
) -> None:
    """Depth, colour and normal of one pixel, perspective-correct."""
    normals, uv, texture, colors = looks
    f = _U(face_id[v, u])
    a, b, c = _U(faces[f, 0]), _U(faces[f, 1]), _U(faces[f, 2])
    px, py = screen[0, a], screen[1, a]
    qx, qy = screen[0, b] - px, screen[1, b] - py
    rx, ry = screen[0, c] - px, screen[1, c] - py
    dx, dy = _F(u) - px, _F(v) - py
    z = _F(1) / inv_depth[v, u]
    scale = z / (qx * ry - rx * qy)
    at_b = (ry * dx - rx * dy) * scale * screen[2, b]
    at_c = (qx * dy - qy * dx) * scale * screen[2, c]
    at_a = _F(1) - at_b - at_c
    depth[v, u] = z
    nx = at_a * normals[a, 0] + at_b * normals[b, 0] + at_c * normals[c, 0]
    ny = at_a * normals[a, 1] + at_b * normals[b, 1] + at_c * normals[c, 1]
    nz = at_a * normals[a, 2] + at_b * normals[b, 2] + at_c * normals[c, 2]
    length = _F(1) / np.sqrt(nx * nx + ny * ny + nz * nz + _F(1e-20))
    for k in range(3):
        normal[v, u, k] = (rotation[k, 0] * nx + rotation[k, 1] * ny + rotation[k, 2] * nz) * length
    _colour(faces[f], at_a, at_b, at_c, uv, texture, colors, rgb[v, u])


@njit(fastmath=True, nogil=True, cache=True)
def draw(
    points_t: Array, faces: Array, looks: tuple[Array, ...], cull: bool, projections: Array, rotations: Array,
    label: int, inv_depth: Array, index: Array, depth: Array, rgb: Array, normal: Array,
) -> None:  # fmt: skip
    """Draw a mesh at N poses into N pictures that may already hold other meshes.

    Args:
        points_t: (3, V) float32.
        faces: (F, 3) int32.
        looks: normals (V, 3) float32, uv (V or 0, 2) float32, texture (Ht, Wt, 3) uint8, colors (V or 0, 3) uint8.
        cull: Leave out faces that look away.
        projections: (N, 3, 4) float32, K @ cam_from_obj.
        rotations: (N, 3, 3) float32, of cam_from_obj.
        label: Written to ``index`` where this mesh is seen.
        inv_depth: (N, H, W) float32, 1/z of what is already drawn, 0 where nothing is; updated.
        index: (N, H, W) int16; updated, as are
        depth: (N, H, W) float32,
        rgb: (N, H, W, 3) uint8 and
        normal: (N, H, W, 3) float32 in the camera's frame.
    """
    count, height, width = inv_depth.shape
    screen = np.empty(points_t.shape, np.float32)
    face_id = np.full((height, width), -1, np.int32)
    window = np.empty(4, np.int64)
    for n in range(count):
        _transform(points_t, projections[n], screen)
        _fill(screen, faces, cull, inv_depth[n], face_id, window)
        for v in range(window[0], window[1] + 1):
            for u in range(window[2], window[3] + 1):
                if face_id[v, u] >= 0:
                    _shade(screen, faces, looks, rotations[n], v, u, face_id, inv_depth[n], depth[n], rgb[n], normal[n])
                    index[n, v, u] = label
                    face_id[v, u] = -1
