"""Warp's kernel that finds the nearest face of every pixel: the same code on CUDA and, for tests, on the CPU.

One thread goes over some rows of a face; what is nearest in a pixel is found by the smallest of 64 bits: the depth's
own above the face's number. (To read a pixel before its turn, so as to spare hidden ones the atomic operation, took
2.7 times as long on an H100.)
"""

import warp as wp

from estimators.foundationpose.rendering.base import SUBPIXELS
from estimators.foundationpose.rendering.mesh_kernels import corners, eye_of, mesh_of, on_screen, placed

wp.set_module_options({"enable_backward": False})

NOTHING = wp.constant(wp.int64(0x7FFFFFFFFFFFFFFF))
_STEPS, _HALF = wp.constant(SUBPIXELS), wp.constant(SUBPIXELS // 2)


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
