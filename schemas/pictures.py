"""The pictures of a frame as they travel, and what they are when decoded."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.arrays import Array
from schemas.depth import check_unit, depth_from_raw, raw_from_depth
from schemas.frame import Frame
from schemas.geometry import Camera
from schemas.images import (
    FrameEncoding,
    check_rgb,
    decode_depth,
    decode_mask,
    decode_rgb,
    encode_depth,
    encode_mask,
    encode_rgb,
)


@dataclass(frozen=True, slots=True)
class EncodedDepth:
    """A depth image: metres = value * unit_m, 0 is unknown.

    Attributes:
        codec: ``dzp16`` or ``png16``.
        unit_m: Metres of one step.
        data: The bytes.
    """

    codec: str
    unit_m: float
    data: bytes


@dataclass(frozen=True, slots=True)
class EncodedPictures:
    """What a frame's message carries of pixels; passed on byte for byte where a stream is recorded or replayed.

    Attributes:
        rgb_codec: ``jpeg`` or ``png``.
        rgb: The colour picture.
        depth: None without a depth sensor.
        masks: object_id -> 1-bit PNG; None where the source gives none.
    """

    rgb_codec: str
    rgb: bytes
    depth: EncodedDepth | None = None
    masks: Mapping[str, bytes] | None = None

    def check(self, camera: Camera) -> None:
        """Look at the colour picture's container only; see ``schemas.images.check_rgb``."""
        check_rgb(self.rgb, self.rgb_codec, camera.height, camera.width)

    def decoded(self, camera: Camera) -> tuple[Array, Array | None, dict[str, Array] | None]:
        """``rgb``, ``depth_m`` and ``masks`` of a ``Frame``; every size is checked before memory is taken.

        Raises:
            BadMessage: Damage, or a size that is not the camera's.
            ValueError: A depth unit that is no length.
        """
        size = (camera.height, camera.width)
        depth_m = None
        if self.depth is not None:
            check_unit(self.depth.unit_m)
            depth_m = depth_from_raw(decode_depth(self.depth.data, self.depth.codec, *size), self.depth.unit_m)
        masks = None if self.masks is None else {name: decode_mask(data, size) for name, data in self.masks.items()}
        return decode_rgb(self.rgb, self.rgb_codec, *size), depth_m, masks


def encoded(frame: Frame, encoding: FrameEncoding) -> EncodedPictures:
    """The pictures of a frame as bytes."""
    depth = None
    if frame.depth_m is not None:
        raw = raw_from_depth(frame.depth_m, encoding.depth_unit_m)
        depth = EncodedDepth(encoding.depth, encoding.depth_unit_m, encode_depth(raw, encoding.depth))
    masks = None if frame.masks is None else {name: encode_mask(mask) for name, mask in frame.masks.items()}
    return EncodedPictures(encoding.rgb, encode_rgb(frame.rgb, encoding.rgb, encoding.jpeg_quality), depth, masks)
