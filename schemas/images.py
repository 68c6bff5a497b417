"""Pictures to bytes and back: RGB as JPEG or PNG, depth as dzp16 or 16-bit PNG, masks as 1-bit PNG."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from schemas.arrays import Array, checked
from schemas.containers import MAX_PIXELS, ImageInfo, check_png_pixels, read_jpeg, read_png
from schemas.depth import check_unit, decode_dzp16, encode_dzp16
from schemas.errors import BadMessage

RgbCodec = Literal["jpeg", "png"]
DepthCodec = Literal["dzp16", "png16"]


@dataclass(frozen=True, slots=True)
class FrameEncoding:
    """How the pixels of a frame travel.

    Attributes:
        rgb: ``jpeg`` (4:2:0) or ``png`` (lossless, many times slower and larger).
        jpeg_quality: 1 to 100.
        depth: ``dzp16`` for topics under zstd, ``png16`` for interchange.
        depth_unit_m: Metres of one step of the stored uint16; depth is rounded to it.
    """

    rgb: RgbCodec = "jpeg"
    jpeg_quality: int = 90
    depth: DepthCodec = "dzp16"
    depth_unit_m: float = 0.001

    def __post_init__(self) -> None:
        if self.rgb not in ("jpeg", "png") or self.depth not in ("dzp16", "png16"):
            msg = f"encoding: expected rgb jpeg or png and depth dzp16 or png16, got {self.rgb!r} and {self.depth!r}"
            raise ValueError(msg)
        if not 1 <= self.jpeg_quality <= 100:
            msg = f"encoding: expected a jpeg quality from 1 to 100, got {self.jpeg_quality}"
            raise ValueError(msg)
        check_unit(self.depth_unit_m)


def encode_rgb(rgb: Array, codec: str, jpeg_quality: int = 90) -> bytes:
    """The bytes of a (H, W, 3) uint8 RGB picture.

    Raises:
        ValueError: Other shape or type, or no such codec.
    """
    picture = cv2.cvtColor(checked("rgb", rgb, (None, None, 3), np.uint8), cv2.COLOR_RGB2BGR)
    if codec == "jpeg":
        return _imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality])
    if codec == "png":
        return _imencode(".png", picture, [])
    msg = f"rgb codec: expected jpeg or png, got {codec!r}"
    raise ValueError(msg)


def decode_rgb(data: bytes, codec: str, height: int, width: int) -> Array:
    """The (height, width, 3) uint8 RGB picture of encoded bytes.

    Raises:
        BadMessage: No such codec, another size than expected (found before memory is taken), or damage.
    """
    check_rgb(data, codec, height, width)
    if codec == "png":
        check_png_pixels(data)
    # the pixel grid as it is stored: an orientation tag must not turn it against the camera's axes
    picture = _imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION, f"rgb {codec}")
    if picture.shape != (height, width, 3):
        reason = f"rgb {codec}: expected shape {(height, width, 3)}, got {picture.shape}"
        raise BadMessage(reason, "images")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB, dst=picture)


def check_rgb(data: bytes, codec: str, height: int, width: int) -> None:
    """Look at the container only, not at the pixels.

    Raises:
        BadMessage: No such codec, another size than expected, or a damaged container.
    """
    if codec == "jpeg":
        info = read_jpeg(data)
    elif codec == "png":
        info = read_png(data)
        if info.bits != 8 or info.channels != 3:
            reason = f"rgb png: expected 8-bit RGB, got {info.bits} bits and {info.channels} channels"
            raise BadMessage(reason, "images")
    else:
        reason = f"rgb codec: expected jpeg or png, got {codec[:20]!r}"
        raise BadMessage(reason, "images")
    _check_size(f"rgb {codec}", info, height, width)


def encode_depth(raw: Array, codec: str) -> bytes:
    """The bytes of a (H, W) uint16 depth image, without loss.

    Raises:
        ValueError: Other shape or type, or no such codec.
    """
    if codec == "dzp16":
        return encode_dzp16(raw)
    if codec == "png16":
        return _imencode(".png", checked("raw depth", raw, (None, None), np.uint16), [])
    msg = f"depth codec: expected dzp16 or png16, got {codec!r}"
    raise ValueError(msg)


def decode_depth(data: bytes, codec: str, height: int, width: int) -> Array:
    """The (height, width) uint16 depth image of encoded bytes.

    Raises:
        BadMessage: No such codec, another size than expected (found before memory is taken), or damage.
    """
    if codec == "dzp16":
        return decode_dzp16(data, height, width)
    if codec == "png16":
        return _decode_grey_png(data, "depth png16", 16, (height, width))
    reason = f"depth codec: expected dzp16 or png16, got {codec[:20]!r}"
    raise BadMessage(reason, "images")


def encode_mask(mask: Array) -> bytes:
    """A (H, W) bool mask as a grey PNG of 1 bit."""
    pixels = checked("mask", mask, (None, None), np.bool_).view(np.uint8) * np.uint8(255)
    return _imencode(".png", pixels, [cv2.IMWRITE_PNG_BILEVEL, 1, cv2.IMWRITE_PNG_COMPRESSION, 3])


def decode_mask(data: bytes, size: tuple[int, int] | None = None) -> Array:
    """The (H, W) bool mask of a grey PNG of 1 or 8 bits; true where a pixel is not 0.

    Args:
        data: The PNG.
        size: (H, W) that it must have; None takes any up to ``MAX_PIXELS``.

    Raises:
        BadMessage: Another size or kind of image (found before memory is taken), or damage.
    """
    return _decode_grey_png(data, "mask png", read_png(data).bits if data[24:25] == b"\x08" else 1, size) != 0


def _decode_grey_png(data: bytes, name: str, bits: int, size: tuple[int, int] | None) -> Array:
    info = read_png(data)
    if info.bits != bits or info.channels != 1:
        reason = f"{name}: expected {bits}-bit grey, got {info.bits} bits and {info.channels} channels"
        raise BadMessage(reason, "images")
    height, width = size or (info.height, info.width)
    _check_size(name, info, height, width)
    check_png_pixels(data)
    image = _imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_GRAYSCALE, name)
    if image.shape != (height, width):
        reason = f"{name}: expected shape {(height, width)}, got {image.shape}"
        raise BadMessage(reason, "images")
    return image


def _check_size(name: str, info: ImageInfo, height: int, width: int) -> None:
    if (info.height, info.width) != (height, width):
        reason = f"{name}: expected {width}x{height}, got {info.width}x{info.height}"
        raise BadMessage(reason, "images")
    if not 0 < height * width <= MAX_PIXELS:
        reason = f"{name}: expected 1 to {MAX_PIXELS} pixels, got {info.width}x{info.height}"
        raise BadMessage(reason, "images")


def _imencode(extension: str, picture: Array, options: list[int]) -> bytes:
    done, data = cv2.imencode(extension, picture, options)
    if not done:
        msg = f"picture of shape {picture.shape}: OpenCV could not write it as {extension}"
        raise ValueError(msg)
    return data.tobytes()


def _imdecode(data: bytes, flags: int, name: str) -> Array:
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        reason = f"{name}: OpenCV could not read it: {error.err}"
        raise BadMessage(reason, "images") from error
    if picture is None:
        reason = f"{name}: OpenCV could not read {len(data)} bytes"
        raise BadMessage(reason, "images")
    return picture
