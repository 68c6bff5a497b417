"""``window``'s arithmetic as warp functions: a pose's square of the image, and which pixels lie where.

Operations are in the order of ``window.crop_from_image`` and ``window.sampling``, in the same types, so that ties fall
alike.
"""

import warp as wp

from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.rendering.tables import HEIGHT as IMAGE_HEIGHT
from estimators.foundationpose.rendering.tables import WIDTH as IMAGE_WIDTH

wp.set_module_options({"enable_backward": False})

_SIDE = wp.constant(INPUT_PX)
_WIDE, _LAST = wp.constant(wp.float64(INPUT_PX)), wp.constant(float(INPUT_PX - 1))
_HEIGHT, _WIDTH = wp.constant(IMAGE_HEIGHT), wp.constant(IMAGE_WIDTH)


@wp.func
def pixel_of(camera: wp.mat33d, point: wp.vec3d):
    """Where a point is seen, pixels."""
    seen = camera * point
    return wp.vec2d(seen[0] / seen[2], seen[1] / seen[2])


@wp.func
def farther(half: wp.float64, pixel: wp.vec2d, center: wp.vec2d):
    """The larger of ``half`` and how far a pixel is from the centre, in x or y."""
    return wp.max(half, wp.max(wp.abs(pixel[0] - center[0]), wp.abs(pixel[1] - center[1])))


@wp.kernel
def look_at(
    poses: wp.array[wp.mat44], cameras: wp.array[wp.mat33d], diameters_m: wp.array[wp.float64], ratio: wp.float64,
    crops: wp.array[wp.vec4], drawn: wp.array[wp.vec4],
):  # fmt: skip
    """The window of each pose.

    ``crops`` are scale and shift of x, then of y: pixels of the image to pixels of the crop. ``drawn`` are left, top,
    right, bottom as ``window.drawn_window`` has them.
    """
    n = wp.tid()
    camera, reach = cameras[n], diameters_m[n] * (ratio / wp.float64(2.0))
    at = wp.vec3d(wp.float64(poses[n][0, 3]), wp.float64(poses[n][1, 3]), wp.float64(poses[n][2, 3]))
    zero = wp.float64(0.0)
    aside, above = wp.vec3d(reach, zero, zero), wp.vec3d(zero, reach, zero)
    center = pixel_of(camera, at)
    half = farther(zero, pixel_of(camera, at + aside), center)
    half = farther(half, pixel_of(camera, at - aside), center)
    half = farther(half, pixel_of(camera, at + above), center)
    half = farther(half, pixel_of(camera, at - above), center)
    crop = wp.vec4()
    for axis in range(2):
        low, high = wp.rint(center[axis] - half), wp.rint(center[axis] + half)
        scale = wp.float32(_WIDE / wp.max(high - low, wp.float64(1.0)))
        crop[2 * axis] = scale
        crop[2 * axis + 1] = scale * -wp.float32(low)
    crops[n] = crop
    left, top = -crop[1] / crop[0], -crop[3] / crop[2]
    drawn[n] = wp.vec4(left, top, 1.0 / crop[0] * _LAST + left, 1.0 / crop[2] * _LAST + top)


@wp.func
def read_at(scale: wp.float32, shift: wp.float32, source: wp.int32, target: wp.int32, pixel: wp.int32):
    """Where a pixel of a target of ``target`` pixels is read in a source of ``source``, both -1 to 1.

    The target's pixels are the source's, scaled and shifted; see ``window.sampling``.
    """
    per_source, per_target = 2.0 / float(source - 1), 2.0 / float(target - 1)
    unit = scale * (1.0 / per_source)
    slope, offset = per_target * unit, per_target * (unit + shift) - 1.0
    step = (float(pixel) / float(target - 1) - 0.5) * 2.0
    return step * (1.0 / slope) + -offset / slope


@wp.func
def nearest_to(place: wp.float32, size: wp.int32):
    """The pixel nearest to a place between -1 and 1, half to even; -1 outside."""
    index = wp.rint(((place + 1.0) * float(size) - 1.0) / 2.0)
    if index >= 0.0 and index < float(size):
        return wp.int32(index)
    return -1


@wp.func
def image_pixel(scale: wp.float32, shift: wp.float32, size: wp.int32, pixel: wp.int32):
    """The pixel of the image that one of the crop is nearest to, along one axis; -1 outside."""
    return nearest_to(read_at(scale, shift, size, _SIDE, pixel), size)


@wp.func
def there_and_back(scale: wp.float32, shift: wp.float32, size: wp.int32, pixel: wp.int32):
    """The same after a way into the image and back into the crop, see ``observed.observed_by_scorer``."""
    first = image_pixel(scale, shift, size, pixel)
    if first < 0:
        return -1
    back = nearest_to(read_at(1.0 / scale, -shift / scale, _SIDE, size, first), _SIDE)
    if back < 0:
        return -1
    return image_pixel(scale, shift, size, back)


@wp.func
def image_size(n: wp.int32, counts: wp.array2d[wp.int32]):
    """Height and width of a pose's image."""
    return wp.vec2i(counts[n, _HEIGHT], counts[n, _WIDTH])
