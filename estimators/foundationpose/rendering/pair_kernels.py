"""Both pictures of every pose as the networks take them, in one pass: what is drawn and what the camera saw.

The same as ``inputs.refine_inputs``, ``inputs.score_inputs`` and ``agreement.agreement_of``, without pictures between.
"""

from typing import Any

import warp as wp

from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.depth import NEAREST_M
from estimators.foundationpose.rendering.cover_kernels import NOTHING
from estimators.foundationpose.rendering.mesh_kernels import eye_of, mesh_of
from estimators.foundationpose.rendering.shade_kernels import seen
from estimators.foundationpose.rendering.tables import DEPTH as DEPTH_AT
from estimators.foundationpose.rendering.tables import RGB as RGB_AT
from estimators.foundationpose.rendering.window_kernels import image_pixel, image_size, read_at, there_and_back

wp.set_module_options({"enable_backward": False})

_NEAREST = wp.constant(NEAREST_M)
_RGB, _DEPTH = wp.constant(RGB_AT), wp.constant(DEPTH_AT)
_SIDE = wp.constant(INPUT_PX)
_CHANNELS, _CELLS = wp.constant(6), wp.constant(2)
STEP = wp.constant(16)
"""Pixels of a row that one thread counts."""


@wp.struct
class View:
    """What one pose is compared with."""

    rgb: wp.uint64
    depth: wp.uint64
    height: wp.int32
    width: wp.int32
    crop: wp.vec4
    scorer: wp.int32


@wp.func
def view_of(
    n: wp.int32, crops: wp.array[wp.vec4], pointers: wp.array2d[wp.uint64], counts: wp.array2d[wp.int32],
    scorer: wp.int32,
):  # fmt: skip
    """The row of a pose."""
    view = View()
    view.rgb = pointers[n, _RGB]
    view.depth = pointers[n, _DEPTH]
    size = image_size(n, counts)
    view.height = size[0]
    view.width = size[1]
    view.crop = crops[n]
    view.scorer = scorer
    return view


@wp.func
def tinted(view: View, y: wp.int32, x: wp.int32):
    """A pixel of the image, 0 to 255; black outside."""
    if y < 0 or x < 0 or y >= view.height or x >= view.width:
        return wp.vec3()
    rgb = wp.array(ptr=view.rgb, shape=(view.height, view.width, 3), dtype=wp.uint8)
    return wp.vec3(float(rgb[y, x, 0]), float(rgb[y, x, 1]), float(rgb[y, x, 2]))


@wp.func
def color_at(view: View, row: wp.int32, column: wp.int32):
    """The image's colour, bilinear, from 0 to 1: ``grid_sample`` without aligned corners."""
    x = ((read_at(view.crop[0], view.crop[1], view.width, _SIDE, column) + 1.0) * float(view.width) - 1.0) / 2.0
    y = ((read_at(view.crop[2], view.crop[3], view.height, _SIDE, row) + 1.0) * float(view.height) - 1.0) / 2.0
    left, top = wp.floor(x), wp.floor(y)
    u, v = wp.int32(left), wp.int32(top)
    right, low = x - left, y - top
    upper = tinted(view, v, u) * ((1.0 - right) * (1.0 - low)) + tinted(view, v, u + 1) * (right * (1.0 - low))
    lower = tinted(view, v + 1, u) * ((1.0 - right) * low) + tinted(view, v + 1, u + 1) * (right * low)
    return (upper + lower) / 255.0


@wp.func
def place_at(view: View, K: wp.mat33, row: wp.int32, column: wp.int32):
    """The measured point of a pixel, camera's frame; 0 where there is none."""
    u = image_pixel(view.crop[0], view.crop[1], view.width, column)
    v = image_pixel(view.crop[2], view.crop[3], view.height, row)
    from_u, from_v = u, v
    if view.scorer != 0:
        from_u = there_and_back(view.crop[0], view.crop[1], view.width, column)
        from_v = there_and_back(view.crop[2], view.crop[3], view.height, row)
    if from_u < 0 or from_v < 0:
        return wp.vec3()
    depth = wp.array(ptr=view.depth, shape=(view.height, view.width), dtype=wp.float32)
    z = depth[from_v, from_u]
    if z < _NEAREST:
        return wp.vec3()
    return wp.vec3((float(u) - K[0, 2]) * z / K[0, 0], (float(v) - K[1, 2]) * z / K[1, 1], z)


@wp.func
def about(point: wp.vec3, center: wp.vec3, radius: wp.float32, nearest_m: wp.float32):
    """See ``observed.normalised``."""
    out = wp.vec3()
    if point[2] >= nearest_m:
        for k in range(3):
            scaled = (point[k] - center[k]) / radius
            if wp.abs(scaled) < 2.0:
                out[k] = scaled
    return out


@wp.kernel
def pair(
    poses: wp.array[wp.mat44], cameras: wp.array[wp.mat33d], windows: wp.array[wp.vec4],
    pointers: wp.array2d[wp.uint64], counts: wp.array2d[wp.int32], diameters_m: wp.array[wp.float64],
    crops: wp.array[wp.vec4], nearest: wp.array3d[wp.int64], scorer: wp.int32, nearest_m: wp.float32,
    rim: wp.int32, out: wp.array4d[Any],
):  # fmt: skip
    """Fill (2 N, 80 + rims, 80 + rims, 24): drawn ones, then observed ones; see ``fused.PACKED``."""
    n, row, u = wp.tid()
    eye = eye_of(n, poses, cameras, windows, nearest.shape[1], nearest.shape[2])
    center = wp.vec3(eye.pose[0, 3], eye.pose[1, 3], eye.pose[2, 3])
    radius = wp.float32(diameters_m[n]) / 2.0
    count = poses.shape[0]
    i, j = row / _CELLS + rim, u / _CELLS + rim
    first = ((row % _CELLS) * _CELLS + u % _CELLS) * _CHANNELS
    color, point = wp.vec3(), wp.vec3()
    key = nearest[n, row, u]
    if key != NOTHING:
        pixel = seen(mesh_of(n, pointers, counts), eye, wp.int32(key & wp.int64(0xFFFFFFFF)), row, u)
        color = pixel.color
        point = pixel.point
    point = about(point, center, radius, nearest_m)
    view = view_of(n, crops, pointers, counts, scorer)
    tint = color_at(view, row, u)
    place = about(place_at(view, eye.K, row, u), center, radius, nearest_m)
    for k in range(3):
        out[n, i, j, first + k] = out.dtype(color[k])
        out[n, i, j, first + 3 + k] = out.dtype(point[k])
        out[count + n, i, j, first + k] = out.dtype(tint[k])
        out[count + n, i, j, first + 3 + k] = out.dtype(place[k])


@wp.kernel
def compare(
    poses: wp.array[wp.mat44], cameras: wp.array[wp.mat33d], windows: wp.array[wp.vec4],
    pointers: wp.array2d[wp.uint64], counts: wp.array2d[wp.int32], crops: wp.array[wp.vec4],
    nearest: wp.array3d[wp.int64], inlier_m: wp.float32, inlier_per_m2: wp.float32, tally: wp.array2d[wp.int32],
):  # fmt: skip
    """Count pixels (N, 5): drawn, measured of these, and of those inlier, hidden, seen through; ``tally`` is zero."""
    n, row, part = wp.tid()
    eye = eye_of(n, poses, cameras, windows, nearest.shape[1], nearest.shape[2])
    view = view_of(n, crops, pointers, counts, 0)
    drawn, known, inlier, hidden, through = int(0), int(0), int(0), int(0), int(0)
    for u in range(part * STEP, part * STEP + STEP):
        key = nearest[n, row, u]
        if key != NOTHING:
            drawn += 1
            pixel = seen(mesh_of(n, pointers, counts), eye, wp.int32(key & wp.int64(0xFFFFFFFF)), row, u)
            z = pixel.point[2]
            measured = place_at(view, eye.K, row, u)
            if measured[2] > 0.0:
                gap, limit = measured[2] - z, inlier_m + inlier_per_m2 * z * z
                known += 1
                if gap > limit:
                    through += 1
                elif gap < -limit:
                    hidden += 1
                else:
                    inlier += 1
    if drawn > 0:
        wp.atomic_add(tally, n, 0, drawn)
        wp.atomic_add(tally, n, 1, known)
        wp.atomic_add(tally, n, 2, inlier)
        wp.atomic_add(tally, n, 3, hidden)
        wp.atomic_add(tally, n, 4, through)
