"""Warp kernels that draw meshes: the same code on CUDA and, for tests, on the CPU. See ``CropRenderer``.

One thread goes over some rows of a face; what is nearest in a pixel is found by the smallest of 64 bits: the depth's
own above the face's number. (To read a pixel before its turn, so as to spare hidden ones the atomic operation, took
2.7 times as long on an H100.) Corners are placed anew wherever they are needed: that costs less than keeping them.
Every pose has its own mesh, camera and window: rows of ``tables.Tables``.
"""

import warp as wp

from estimators.foundationpose.rendering.base import AMBIENT, DIFFUSE, FAR_M, NEAR_M, SUBPIXELS
from estimators.foundationpose.rendering.tables import COLORS as PAINT
from estimators.foundationpose.rendering.tables import FACE_COUNT as FACES_OF
from estimators.foundationpose.rendering.tables import FACES, HEIGHT_T, NORMALS, TEXTURE, UV, VERTICES, WIDTH_T
from estimators.foundationpose.rendering.tables import VERTEX_COUNT as VERTICES_OF

wp.set_module_options({"enable_backward": False})

NOTHING = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
_NEAR, _FAR = wp.constant(NEAR_M), wp.constant(FAR_M)
_AMBIENT, _DIFFUSE = wp.constant(AMBIENT), wp.constant(DIFFUSE)
_STEPS, _HALF = wp.constant(SUBPIXELS), wp.constant(SUBPIXELS // 2)
_VERTICES, _NORMALS, _FACES = wp.constant(VERTICES), wp.constant(NORMALS), wp.constant(FACES)
_UV, _TEXTURE, _PAINT = wp.constant(UV), wp.constant(TEXTURE), wp.constant(PAINT)
_VERTEX_COUNT, _FACE_COUNT = wp.constant(VERTICES_OF), wp.constant(FACES_OF)
_HEIGHT_T, _WIDTH_T = wp.constant(HEIGHT_T), wp.constant(WIDTH_T)


@wp.struct
class Eye:
    """What one pose is looked at with: the camera, and the window that fills the picture."""

    pose: wp.mat44
    K: wp.mat33
    window: wp.vec4
    height: wp.int32
    width: wp.int32


@wp.struct
class Mesh:
    """Where a mesh lies in memory."""

    vertices: wp.uint64
    normals: wp.uint64
    faces: wp.uint64
    uv: wp.uint64
    texture: wp.uint64
    paint: wp.uint64
    vertex_count: wp.int32
    face_count: wp.int32
    texture_height: wp.int32
    texture_width: wp.int32


@wp.struct
class Surfel:
    """What is seen in a pixel: colour from 0 to 1, and its place in the camera's frame."""

    color: wp.vec3
    point: wp.vec3


@wp.func
def eye_of(
    n: wp.int32, poses: wp.array[wp.mat44], cameras: wp.array[wp.mat33d], windows: wp.array[wp.vec4],
    height: wp.int32, width: wp.int32,
):  # fmt: skip
    """The row of a pose."""
    eye = Eye()
    eye.pose = poses[n]
    eye.K = wp.mat33(cameras[n])
    eye.window = windows[n]
    eye.height = height
    eye.width = width
    return eye


@wp.func
def mesh_of(n: wp.int32, pointers: wp.array2d[wp.uint64], counts: wp.array2d[wp.int32]):
    """The mesh of a pose."""
    mesh = Mesh()
    mesh.vertices = pointers[n, _VERTICES]
    mesh.normals = pointers[n, _NORMALS]
    mesh.faces = pointers[n, _FACES]
    mesh.uv = pointers[n, _UV]
    mesh.texture = pointers[n, _TEXTURE]
    mesh.paint = pointers[n, _PAINT]
    mesh.vertex_count = counts[n, _VERTEX_COUNT]
    mesh.face_count = counts[n, _FACE_COUNT]
    mesh.texture_height = counts[n, _HEIGHT_T]
    mesh.texture_width = counts[n, _WIDTH_T]
    return mesh


@wp.func
def corners(mesh: Mesh, f: wp.int32):
    """The numbers of a face's vertices."""
    faces = wp.array(ptr=mesh.faces, shape=(mesh.face_count, 3), dtype=wp.int32)
    return wp.vec3i(faces[f, 0], faces[f, 1], faces[f, 2])


@wp.func
def placed(mesh: Mesh, eye: Eye, i: wp.int32):
    """A vertex in the camera's frame."""
    vertices = wp.array(ptr=mesh.vertices, shape=(mesh.vertex_count,), dtype=wp.vec3)
    return wp.transform_point(eye.pose, vertices[i])


@wp.func
def lit(mesh: Mesh, eye: Eye, i: wp.int32):
    """How much a vertex faces the camera, 0 to 1."""
    normals = wp.array(ptr=mesh.normals, shape=(mesh.vertex_count,), dtype=wp.vec3)
    facing = wp.transform_vector(eye.pose, normals[i])
    return wp.clamp(-facing[2], 0.0, 1.0)


@wp.func
def on_screen(eye: Eye, point: wp.vec3):
    """Column and row in pixels (rows upwards) and 1/z, which is -1 for what cannot be drawn."""
    if point[2] < _NEAR or point[2] > _FAR:
        return wp.vec3(0.0, 0.0, -1.0)
    w = 1.0 / point[2]
    u = (eye.K[0, 0] * point[0] + eye.K[0, 1] * point[1]) * w + eye.K[0, 2]
    v = eye.K[1, 1] * point[1] * w + eye.K[1, 2]
    x = (u - eye.window[0]) * (float(eye.width) / (eye.window[2] - eye.window[0]))
    y = (eye.window[3] - v) * (float(eye.height) / (eye.window[3] - eye.window[1]))
    return wp.vec3(x, y, w)


@wp.func
def edge(ax: wp.int64, ay: wp.int64, bx: wp.int64, by: wp.int64, x: wp.int64, y: wp.int64):
    """Above 0 on the inner side of an edge; on it, 1 where the edge owns its line and 0 where not; doubled."""
    dx, dy = bx - ax, by - ay
    side = dx * (y - ay) - dy * (x - ax)
    zero = wp.int64(0)
    owns = wp.int64(0)
    if dy < zero or (dy == zero and dx > zero):
        owns = wp.int64(1)
    return side * wp.int64(2) + owns


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
    poses: wp.array[wp.mat44], cameras: wp.array[wp.mat33d], windows: wp.array[wp.vec4],
    pointers: wp.array2d[wp.uint64], counts: wp.array2d[wp.int32], slices: wp.int32,
    nearest: wp.array3d[wp.int64],
):  # fmt: skip
    """Keep the nearest face of every pixel (N, height, width); a thread takes every ``slices``-th row of a face."""
    n, part, f = wp.tid()
    mesh = mesh_of(n, pointers, counts)
    if f >= mesh.face_count:
        return
    eye = eye_of(n, poses, cameras, windows, nearest.shape[1], nearest.shape[2])
    abc = corners(mesh, f)
    a = on_screen(eye, placed(mesh, eye, abc[0]))
    b = on_screen(eye, placed(mesh, eye, abc[1]))
    c = on_screen(eye, placed(mesh, eye, abc[2]))
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
    right = wp.min(eye.width - 1, last_pixel(wp.max(ax, wp.max(bx, cx))))
    low = wp.max(0, first_pixel(wp.min(ay, wp.min(by, cy))))
    high = wp.min(eye.height - 1, last_pixel(wp.max(ay, wp.max(by, cy))))
    x, step = wp.int64(left * _STEPS + _HALF), wp.int64(2 * _STEPS)
    step_ab, step_bc, step_ca = (by - ay) * step, (cy - by) * step, (ay - cy) * step
    for up in range(low + part, high + 1, slices):
        y = wp.int64(up * _STEPS + _HALF)
        ab, bc, ca = edge(ax, ay, bx, by, x, y), edge(bx, by, cx, cy, x, y), edge(cx, cy, ax, ay, x, y)
        for u in range(left, right + 1):
            if ab > wp.int64(0) and bc > wp.int64(0) and ca > wp.int64(0):
                w = a[2] + slope_x * (float(u) + 0.5 - a[0]) + slope_y * (float(up) + 0.5 - a[1])
                key = (wp.int64(wp.cast(1.0 / w, wp.int32)) << wp.int64(32)) | wp.int64(f)
                if w > 0.0:
                    wp.atomic_min(nearest, n, eye.height - 1 - up, u, key)
            ab -= step_ab
            bc -= step_bc
            ca -= step_ca


@wp.func
def texel(mesh: Mesh, y: wp.int32, x: wp.int32):
    """One texel, 0 to 255."""
    texture = wp.array(ptr=mesh.texture, shape=(mesh.texture_height, mesh.texture_width, 3), dtype=wp.uint8)
    return wp.vec3(float(texture[y, x, 0]), float(texture[y, x, 1]), float(texture[y, x, 2]))


@wp.func
def sample(mesh: Mesh, s: wp.float32, t: wp.float32):
    """The bilinear texture value at (s, t), wrapped, 0 to 255; t runs upwards."""
    height, width = mesh.texture_height, mesh.texture_width
    x = (s - wp.floor(s)) * float(width) - 0.5
    y = (1.0 - t - wp.floor(1.0 - t)) * float(height) - 0.5
    x0, y0 = int(wp.floor(x)), int(wp.floor(y))
    ax, ay = x - float(x0), y - float(y0)
    left, right = (x0 + width) % width, (x0 + 1 + width) % width
    top, bottom = (y0 + height) % height, (y0 + 1 + height) % height
    upper = (1.0 - ax) * texel(mesh, top, left) + ax * texel(mesh, top, right)
    lower = (1.0 - ax) * texel(mesh, bottom, left) + ax * texel(mesh, bottom, right)
    return (1.0 - ay) * upper + ay * lower


@wp.func
def weights_at(a: wp.vec3, b: wp.vec3, c: wp.vec3, u: wp.int32, up: wp.int32):
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


@wp.func
def base_color(mesh: Mesh, abc: wp.vec3i, at: wp.vec3):
    """The surface's own colour at these weights of a face's corners, 0 to 255."""
    if mesh.texture_height > 0:
        uv = wp.array(ptr=mesh.uv, shape=(mesh.vertex_count,), dtype=wp.vec2)
        where = at[0] * uv[abc[0]] + at[1] * uv[abc[1]] + at[2] * uv[abc[2]]
        return sample(mesh, where[0], where[1])
    paint = wp.array(ptr=mesh.paint, shape=(mesh.vertex_count, 3), dtype=wp.uint8)
    out = wp.vec3()
    for k in range(3):
        ab = at[0] * float(paint[abc[0], k]) + at[1] * float(paint[abc[1], k])
        out[k] = ab + at[2] * float(paint[abc[2], k])
    return out


@wp.func
def seen(mesh: Mesh, eye: Eye, f: wp.int32, row: wp.int32, u: wp.int32):
    """What is seen of a face in a pixel."""
    abc = corners(mesh, f)
    a, b, c = placed(mesh, eye, abc[0]), placed(mesh, eye, abc[1]), placed(mesh, eye, abc[2])
    at = weights_at(on_screen(eye, a), on_screen(eye, b), on_screen(eye, c), u, eye.height - 1 - row)
    out = Surfel()
    out.point = at[0] * a + at[1] * b + at[2] * c
    light = at[0] * lit(mesh, eye, abc[0]) + at[1] * lit(mesh, eye, abc[1]) + at[2] * lit(mesh, eye, abc[2])
    base = base_color(mesh, abc, at)
    for k in range(3):
        out.color[k] = wp.clamp(base[k] / 255.0 * (_AMBIENT + _DIFFUSE * light), 0.0, 1.0)
    return out


@wp.kernel
def shade(
    poses: wp.array[wp.mat44], cameras: wp.array[wp.mat33d], windows: wp.array[wp.vec4],
    pointers: wp.array2d[wp.uint64], counts: wp.array2d[wp.int32], nearest: wp.array3d[wp.int64],
    out: wp.array4d[wp.float32],
):  # fmt: skip
    """Colour and place of every pixel (N, 6, height, width)."""
    n, row, u = wp.tid()
    key = nearest[n, row, u]
    if key == NOTHING:
        return
    eye = eye_of(n, poses, cameras, windows, nearest.shape[1], nearest.shape[2])
    pixel = seen(mesh_of(n, pointers, counts), eye, wp.int32(key & wp.int64(0xFFFFFFFF)), row, u)
    for k in range(3):
        out[n, k, row, u] = pixel.color[k]
        out[n, 3 + k, row, u] = pixel.point[k]
