"""Warp's kernel that colours pixels whose nearest face is known."""

import warp as wp

from estimators.foundationpose.rendering.base import AMBIENT, DIFFUSE
from estimators.foundationpose.rendering.cover_kernels import NOTHING
from estimators.foundationpose.rendering.mesh_kernels import Eye, Mesh, corners, eye_of, lit, mesh_of, on_screen, placed

wp.set_module_options({"enable_backward": False})

_AMBIENT, _DIFFUSE = wp.constant(AMBIENT), wp.constant(DIFFUSE)


@wp.struct
class Surfel:
    """What is seen in a pixel: colour from 0 to 1, and its place in the camera's frame."""

    color: wp.vec3
    point: wp.vec3


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
