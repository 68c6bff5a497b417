"""Depth images as uint16 in the camera's unit, and the codec ``dzp16``: delta, zigzag, byte planes.

``dzp16`` does not make an image smaller by itself: it lays the bytes out so that a general compressor
(zstd on the frames topics) does. Per pixel, in row-major order: the difference to the pixel before
(modulo 2**16, the first against 0), zigzag (0, -1, 1, -2 ... become 0, 1, 2, 3 ...), then all low bytes
followed by all high bytes.
"""

import math

import numpy as np

from schemas.arrays import Array, checked
from schemas.errors import BadMessage

_LARGEST = 0xFFFF
DEFAULT_UNIT_M = 0.001
"""Of sources that have no depth to say otherwise: millimetres."""


def check_unit(unit_m: float) -> None:
    """Raise ValueError unless ``unit_m`` can be the metres of one step of a depth image."""
    if not (math.isfinite(unit_m) and 1e-6 <= unit_m <= 1.0):
        msg = f"depth unit: expected metres from 1e-6 to 1, got {unit_m}"
        raise ValueError(msg)


def depth_from_raw(raw: Array, unit_m: float) -> Array:
    """Depth in metres: ``float32(raw) * float32(unit_m)``, computed in float32 and in no other way.

    Every reader of a depth image uses this, so that a file and a Kafka round trip give bit-equal depth.

    Args:
        raw: (H, W) uint16, 0 where unknown.
        unit_m: Metres of one step: 0.001 for millimetres.

    Returns:
        (H, W) float32 in metres, 0 where unknown.

    Raises:
        ValueError: Other shape or type, or a unit that is no length.
    """
    check_unit(unit_m)
    values = checked("raw depth", raw, (None, None), np.uint16)
    return np.multiply(values, np.float32(unit_m), dtype=np.float32)


def raw_from_depth(depth_m: Array, unit_m: float) -> Array:
    """The nearest steps of ``unit_m``; the exact inverse of ``depth_from_raw`` for every uint16.

    Args:
        depth_m: (H, W) float32 in metres, 0 where unknown.
        unit_m: Metres of one step.

    Returns:
        (H, W) uint16; 0 where depth is unknown, not finite, negative or beyond 65535 steps.

    Raises:
        ValueError: Other shape or type, or a unit that is no length.
    """
    check_unit(unit_m)
    depth = checked("depth_m", depth_m, (None, None), np.float32)
    # float32 is enough: two roundings of 2**-24 shift 65535 steps by less than 0.01 of a step
    steps = np.multiply(depth, np.float32(1.0) / np.float32(unit_m))
    np.rint(steps, out=steps)
    outside = ~((steps >= 0) & (steps <= _LARGEST))  # NaN compares false
    if outside.any():
        steps[outside] = 0
    return steps.astype(np.uint16)


def encode_dzp16(raw: Array) -> bytes:
    """The ``dzp16`` bytes of a depth image, always ``2 * H * W`` of them.

    Args:
        raw: (H, W) uint16.

    Raises:
        ValueError: Other shape or type.
    """
    flat = checked("raw depth", raw, (None, None), np.uint16).ravel()
    step = np.empty_like(flat)
    step[:1] = flat[:1]
    np.subtract(flat[1:], flat[:-1], out=step[1:])
    signed = step.view(np.int16)
    zigzag = ((signed << 1) ^ (signed >> 15)).view(np.uint16)
    planes = np.empty((2, flat.size), np.uint8)
    np.copyto(planes[0], zigzag, casting="unsafe")
    np.copyto(planes[1], zigzag >> 8, casting="unsafe")
    return planes.tobytes()


def decode_dzp16(data: bytes, height: int, width: int) -> Array:
    """The (height, width) uint16 image of ``dzp16`` bytes.

    Raises:
        BadMessage: The number of bytes does not fit the size.
    """
    count = height * width
    if len(data) != 2 * count:
        reason = f"depth dzp16: expected {2 * count} bytes for {width}x{height}, got {len(data)}"
        raise BadMessage(reason, "images")
    planes = np.frombuffer(data, np.uint8).reshape(2, count)
    zigzag = planes[1].astype(np.uint16)
    zigzag <<= 8
    zigzag |= planes[0]
    sign = (zigzag & 1).view(np.int16)
    step = (zigzag >> 1) ^ np.negative(sign).view(np.uint16)
    return np.add.accumulate(step, out=step, dtype=np.uint16).reshape(height, width)
