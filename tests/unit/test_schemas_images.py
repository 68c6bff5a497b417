"""Pictures and depth: lossless where it is promised, refused where the bytes lie."""

import contextlib
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from schemas import BadMessage
from schemas.depth import decode_dzp16, depth_from_raw, encode_dzp16, raw_from_depth
from schemas.images import FrameEncoding, decode_depth, decode_mask, decode_rgb, encode_depth, encode_mask, encode_rgb

sizes = st.tuples(st.integers(1, 24), st.integers(1, 24))
raws = sizes.flatmap(lambda size: arrays(np.uint16, size))


@given(raws, st.sampled_from(["dzp16", "png16"]))
def test_depth_comes_back_to_the_bit(raw: np.ndarray, codec: str) -> None:
    assert (decode_depth(encode_depth(raw, codec), codec, *raw.shape) == raw).all()


@pytest.mark.parametrize("unit_m", [0.001, 0.0001, 0.00025, 1 / 5000, 0.01])
def test_every_raw_value_survives_metres(unit_m: float) -> None:
    raw = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    metres = depth_from_raw(raw, unit_m)
    assert metres.dtype == np.float32
    assert (raw_from_depth(metres, unit_m) == raw).all()


def test_dzp16_is_what_its_description_says() -> None:
    # by hand: differences 3, -1, 0xFFFF - 2 = -3 (mod 2**16); zigzag 6, 1, 5; low bytes, then high bytes
    raw = np.array([[3, 2, 0xFFFF]], np.uint16)
    assert encode_dzp16(raw) == bytes([6, 1, 5, 0, 0, 0])


def test_what_no_sensor_measures_is_unknown() -> None:
    depth_m = np.array([[np.nan, np.inf, -np.inf, -0.5, 70.0, 0.0, 0.0004, 0.0006]], np.float32)
    assert raw_from_depth(depth_m, 0.001).tolist() == [[0, 0, 0, 0, 0, 0, 0, 1]]


@given(sizes, st.integers(0, 2**32 - 1))
def test_png_colour_and_masks_come_back_to_the_bit(size: tuple[int, int], seed: int) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (*size, 3)).astype(np.uint8)
    assert (decode_rgb(encode_rgb(rgb, "png"), "png", *size) == rgb).all()
    mask = rgb[..., 0] > 127
    assert (decode_mask(encode_mask(mask), size) == mask).all()


def test_jpeg_comes_back_nearly() -> None:
    ramp = np.stack(np.meshgrid(np.arange(64) * 3, np.arange(48) * 4), axis=-1)
    rgb = np.dstack((ramp, np.full((48, 64), 90))).astype(np.uint8)
    back = decode_rgb(encode_rgb(rgb, "jpeg", 95), "jpeg", 48, 64)
    assert np.abs(back.astype(int) - rgb).mean() < 2


RGB = np.random.default_rng(0).integers(0, 256, (16, 20, 3)).astype(np.uint8)
ENCODED = {
    "jpeg": (encode_rgb(RGB, "jpeg"), lambda data: decode_rgb(data, "jpeg", 16, 20)),
    "png": (encode_rgb(RGB, "png"), lambda data: decode_rgb(data, "png", 16, 20)),
    "dzp16": (encode_depth(RGB[..., 0].astype(np.uint16), "dzp16"), lambda data: decode_depth(data, "dzp16", 16, 20)),
    "png16": (encode_depth(RGB[..., 0].astype(np.uint16), "png16"), lambda data: decode_depth(data, "png16", 16, 20)),
    "mask": (encode_mask(RGB[..., 0] > 99), lambda data: decode_mask(data, (16, 20))),
}


@pytest.mark.parametrize("codec", ENCODED)
def test_every_truncation_is_refused(codec: str) -> None:
    data, decode = ENCODED[codec]
    for length in range(len(data)):
        with pytest.raises(BadMessage):
            decode(data[:length])


@settings(max_examples=300)
@given(st.sampled_from(sorted(ENCODED)), st.data())
def test_damaged_bytes_are_refused_or_give_a_picture_of_the_right_size(codec: str, data: st.DataObject) -> None:
    encoded, decode = ENCODED[codec]
    damaged = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadMessage):
        assert decode(bytes(damaged)).shape[:2] == (16, 20)


def png_claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header claims another size, its checksum right."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = encode_rgb(RGB, "png")
    return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode_rgb(RGB, "jpeg"))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(("codec", "make"), [("png", png_claiming), ("jpeg", jpeg_claiming)])
def test_a_header_that_claims_a_huge_picture_is_refused_before_it_is_decoded(
    codec: str, make: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(make)
    lie = make(60000, 60000)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(BadMessage, match="60000x60000"):
        decode_rgb(lie, codec, 16, 20)
    with pytest.raises(BadMessage):  # also where the camera tells the same lie
        decode_rgb(lie, codec, 60000, 60000)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"rgb": "webp"}, "expected rgb jpeg or png"),
        ({"jpeg_quality": 0}, "expected a jpeg quality from 1 to 100, got 0"),
        ({"depth_unit_m": 0.0}, "expected metres from 1e-6 to 1, got 0"),
    ],
)
def test_a_wrong_encoding_is_named(options: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FrameEncoding(**options)  # type: ignore[arg-type]


def test_dzp16_of_another_size_is_refused() -> None:
    with pytest.raises(BadMessage, match="expected"):
        decode_dzp16(b"\0" * 10, 2, 2)
