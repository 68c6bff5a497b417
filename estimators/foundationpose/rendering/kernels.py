"""The warp kernels of ``WarpCropRenderer``: the same code on CUDA and, for tests, on the CPU. See ``CropRenderer``.

One thread places a vertex, one goes over the pixels of a face, one shades a pixel. What is nearest in a pixel is found
by the smallest of 64 bits: the depth's own above the face's number.
"""

import warp as wp

from estimators.foundationpose.rendering.base import AMBIENT, DIFFUSE, FAR_M, NEAR_M, SUBPIXELS

wp.set_module_options({"enable_backward": False})

NOTHING = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
_NEAR, _FAR = wp.constant(NEAR_M), wp.constant(FAR_M)
_AMBIENT, _DIFFUSE = wp.constant(AMBIENT), wp.constant(DIFFUSE)
_STEPS, _HALF = wp.constant(SUBPIXELS), wp.constant(SUBPIXELS // 2)


@wp.kernel
def place(
    vertices: wp.array[wp.vec3], normals: wp.array[wp.vec3], poses: wp.array[wp.mat44], K: wp.array[wp.mat33],
    windows: wp.array[wp.vec4], height: wp.int32, width: wp.int32,
    points: wp.array2d[wp.vec3], screen: wp.array2d[wp.vec4],
):  # fmt: skip
    """Points in the camera's frame (N, V); on the screen: column and row in pixels (rows upwards), 1/z, light."""
    n, i = wp.tid()
    pose, camera, window = poses[n], K[n], windows[n]
    point = wp.transform_point(pose, vertices[i])
    points[n, i] = point
    if point[2] < _NEAR or point[2] > _FAR:
        screen[n, i] = wp.vec4(0.0, 0.0, -1.0, 0.0)
        return
    w = 1.0 / point[2]
    u = (camera[0, 0] * point[0] + camera[0, 1] * point[1]) * w + camera[0, 2]
    v = camera[1, 1] * point[1] * w + camera[1, 2]
    x = (u - window[0]) * (float(width) / (window[2] - window[0]))
    y = (window[3] - v) * (float(height) / (window[3] - window[1]))
    facing = wp.transform_vector(pose, normals[i])
    screen[n, i] = wp.vec4(x, y, w, wp.clamp(-facing[2], 0.0, 1.0))


@wp.func
def inside(ax: wp.int64, ay: wp.int64, bx: wp.int64, by: wp.int64, x: wp.int64, y: wp.int64):
    """Whether a point is on the inner side of an edge, or on it where the edge owns its line."""
    dx, dy = bx - ax, by - ay
    side = dx * (y - ay) - dy * (x - ax)
    zero = wp.int64(0)
    return side > zero or (side == zero and (dy < zero or (dy == zero and dx > zero)))


@wp.func
def snapped(place_px: wp.float32):
    """A place on the grid of subpixels."""
    return wp.int64(wp.rint(place_px * float(_STEPS)))


@wp.func
def first_pixel(low: wp.int64):
    """The first pixel whose centre is at or after a place on the grid of subpixels."""
    return wp.int32(wp.ceil((wp.float64(low) - wp.float64(_HALF)) / wp.float64(_STEPS)))


@wp.func
def last_pixel(high: wp.int64):
    """The last pixel whose centre is at or before a place on the grid of subpixels."""
    return wp.int32(wp.floor((wp.float64(high) - wp.float64(_HALF)) / wp.float64(_STEPS)))


@wp.kernel
def cover(
    screen: wp.array2d[wp.vec4], faces: wp.array2d[wp.int32], height: wp.int32, width: wp.int32,
    nearest: wp.array3d[wp.int64],
):  # fmt: skip
    """Keep the nearest face of every pixel (N, height, width)."""
    n, f = wp.tid()
    a, b, c = screen[n, faces[f, 0]], screen[n, faces[f, 1]], screen[n, faces[f, 2]]
    if a[2] < 0.0 or b[2] < 0.0 or c[2] < 0.0:
        return
    ax, ay = snapped(a[0]), snapped(a[1])
    bx, by = snapped(b[0]), snapped(b[1])
    cx, cy = snapped(c[0]), snapped(c[1])
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    whole = (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1])
    if area == wp.int64(0) or whole == 0.0:
        return
    if area < wp.int64(0):
        bx, cx = cx, bx
        by, cy = cy, by
    slope_x = ((b[2] - a[2]) * (c[1] - a[1]) - (c[2] - a[2]) * (b[1] - a[1])) / whole
    slope_y = ((c[2] - a[2]) * (b[0] - a[0]) - (b[2] - a[2]) * (c[0] - a[0])) / whole
    left = wp.max(0, first_pixel(wp.min(ax, wp.min(bx, cx))))
    right = wp.min(width - 1, last_pixel(wp.max(ax, wp.max(bx, cx))))
    low = wp.max(0, first_pixel(wp.min(ay, wp.min(by, cy))))
    high = wp.min(height - 1, last_pixel(wp.max(ay, wp.max(by, cy))))
    for up in range(low, high + 1):
        y = wp.int64(up * _STEPS + _HALF)
        for u in range(left, right + 1):
            x = wp.int64(u * _STEPS + _HALF)
            if inside(ax, ay, bx, by, x, y) and inside(bx, by, cx, cy, x, y) and inside(cx, cy, ax, ay, x, y):
                w = a[2] + slope_x * (float(u) + 0.5 - a[0]) + slope_y * (float(up) + 0.5 - a[1])
                key = (wp.int64(wp.cast(1.0 / w, wp.int32)) << wp.int64(32)) | wp.int64(f)
                if w > 0.0:
                    wp.atomic_min(nearest, n, height - 1 - up, u, key)


@wp.func
def texel(texture: wp.array3d[wp.uint8], y: wp.int32, x: wp.int32):
    """One texel, 0 to 255."""
    return wp.vec3(float(texture[y, x, 0]), float(texture[y, x, 1]), float(texture[y, x, 2]))


@wp.func
def sample(texture: wp.array3d[wp.uint8], s: wp.float32, t: wp.float32):
    """The bilinear texture value at (s, t), wrapped, 0 to 255; t runs upwards."""
    height, width = texture.shape[0], texture.shape[1]
    x = (s - wp.floor(s)) * float(width) - 0.5
    y = (1.0 - t - wp.floor(1.0 - t)) * float(height) - 0.5
    x0, y0 = int(wp.floor(x)), int(wp.floor(y))
    ax, ay = x - float(x0), y - float(y0)
    left, right = (x0 + width) % width, (x0 + 1 + width) % width
    top, bottom = (y0 + height) % height, (y0 + 1 + height) % height
    upper = (1.0 - ax) * texel(texture, top, left) + ax * texel(texture, top, right)
    lower = (1.0 - ax) * texel(texture, bottom, left) + ax * texel(texture, bottom, right)
    return (1.0 - ay) * upper + ay * lower


@wp.func
def weights_at(a: wp.vec4, b: wp.vec4, c: wp.vec4, u: wp.int32, up: wp.int32):
    """Perspective-correct weights of a face's corners at a pixel's centre, each 0 to 1 but the last."""
    x, y = wp.float64(u) + wp.float64(0.5), wp.float64(up) + wp.float64(0.5)
    ax, ay = wp.float64(a[0]) - x, wp.float64(a[1]) - y
    bx, by = wp.float64(b[0]) - x, wp.float64(b[1]) - y
    cx, cy = wp.float64(c[0]) - x, wp.float64(c[1]) - y
    at_a = (bx * cy - cx * by) * wp.float64(a[2])
    at_b = (cx * ay - ax * cy) * wp.float64(b[2])
    total = at_a + at_b + (ax * by - bx * ay) * wp.float64(c[2])
    first = wp.clamp(wp.float32(at_a / total), 0.0, 1.0)
    second = wp.clamp(wp.float32(at_b / total), 0.0, 1.0)
    return wp.vec3(first, second, 1.0 - first - second)


@wp.kernel
def shade(
    points: wp.array2d[wp.vec3], screen: wp.array2d[wp.vec4], faces: wp.array2d[wp.int32], uv: wp.array[wp.vec2],
    texture: wp.array3d[wp.uint8], colors: wp.array2d[wp.uint8], nearest: wp.array3d[wp.int64],
    out: wp.array4d[wp.float32],
):  # fmt: skip
    """Colour and place of every pixel (N, 6, height, width)."""
    n, row, u = wp.tid()
    key = nearest[n, row, u]
    if key == NOTHING:
        return
    f = wp.int32(key & wp.int64(0xFFFFFFFF))
    a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
    at = weights_at(screen[n, a], screen[n, b], screen[n, c], u, nearest.shape[1] - 1 - row)
    base = wp.vec3()
    if uv.shape[0] > 0:
        where = at[0] * uv[a] + at[1] * uv[b] + at[2] * uv[c]
        base = sample(texture, where[0], where[1])
    else:
        for k in range(3):
            base[k] = at[0] * float(colors[a, k]) + at[1] * float(colors[b, k]) + at[2] * float(colors[c, k])
    light = at[0] * screen[n, a][3] + at[1] * screen[n, b][3] + at[2] * screen[n, c][3]
    point = at[0] * points[n, a] + at[1] * points[n, b] + at[2] * points[n, c]
    for k in range(3):
        out[n, k, row, u] = wp.clamp(base[k] / 255.0 * (_AMBIENT + _DIFFUSE * light), 0.0, 1.0)
        out[n, 3 + k, row, u] = point[k]
