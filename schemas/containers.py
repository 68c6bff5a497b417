"""What a JPEG or PNG says about itself, read before any decoder takes memory for it.

ITU-T T.81 (JPEG markers) and the PNG specification, third edition (chunks, filters).
"""

import struct
import zlib
from dataclasses import dataclass

from schemas.errors import BadMessage

MAX_PIXELS = 32 * 1024 * 1024
"""Of one image: 96 MiB of colour. A frame of more pixels does not fit a message at a useful quality."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_CHUNKS = frozenset({b"IHDR", b"IDAT", b"IEND", b"pHYs", b"sRGB", b"gAMA", b"cHRM", b"tEXt", b"tIME"})
_INFLATE_STEP = 1 << 18
_JPEG_MAX_SCANS = 8  # one to three are usual; each costs a pass over the image


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """Size and kind of samples.

    Attributes:
        width: In pixels.
        height: In pixels.
        bits: Of one sample.
        channels: 1 grey, 3 colour.
    """

    width: int
    height: int
    bits: int
    channels: int


def read_jpeg(data: bytes) -> ImageInfo:
    """Header of a sequential 8-bit JPEG that is there to its end.

    Raises:
        BadMessage: Another format, progressive or arithmetic coding, too many scans, or no end marker.
    """
    if data[:2] != b"\xff\xd8":
        raise _bad(f"jpeg: expected a start marker ff d8, got {data[:2].hex(' ') or 'nothing'}")
    if data[-2:] != b"\xff\xd9":
        raise _bad(f"jpeg: expected an end marker ff d9, got {data[-2:].hex(' ')}: truncated")
    info = _jpeg_frame_header(data)
    scans = data.count(b"\xff\xda")  # within coded data ff is followed by 00
    if not 1 <= scans <= _JPEG_MAX_SCANS:
        raise _bad(f"jpeg: expected 1 to {_JPEG_MAX_SCANS} scans, got {scans}")
    return info


def _jpeg_frame_header(data: bytes) -> ImageInfo:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            raise _bad(f"jpeg: expected a marker at byte {at}, got {data[at]:02x}")
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker in (0xC0, 0xC1):
            return _jpeg_size(data[at + 4 : at + 2 + length])
        if not (marker in (0xC4, 0xDB, 0xDD, 0xFE) or 0xE0 <= marker <= 0xEF) or length < 2:
            raise _bad(f"jpeg: expected tables or a sequential frame header at byte {at}, got marker {marker:02x}")
        at += 2 + length
    raise _bad("jpeg: expected a frame header, got none")


def _jpeg_size(segment: bytes) -> ImageInfo:
    if len(segment) < 6:
        raise _bad(f"jpeg: expected a frame header of at least 6 bytes, got {len(segment)}")
    bits, height, width, channels = struct.unpack(">BHHB", segment[:6])
    if bits != 8 or channels not in (1, 3):
        raise _bad(f"jpeg: expected 8 bits and 1 or 3 channels, got {bits} bits and {channels}")
    return ImageInfo(width, height, bits, channels)


def read_png(data: bytes) -> ImageInfo:
    """Header of a grey or RGB PNG whose chunks are whole; the pixels are not looked at.

    Raises:
        BadMessage: Another format, a palette, alpha, interlacing, animation, or a damaged or missing chunk.
    """
    info, _ = _png_chunks(data)
    return info


def check_png_pixels(data: bytes) -> None:
    """Inflate the pixels without keeping them: exactly as many as the header promises must come.

    Raises:
        BadMessage: As ``read_png``, or too few or too many bytes of pixels, or a damaged stream.
    """
    info, parts = _png_chunks(data)
    expected = info.height * (1 + (info.width * info.bits * info.channels + 7) // 8)
    inflater = zlib.decompressobj()
    got = 0
    try:
        for part in parts:
            rest = part
            while rest and got <= expected:
                got += len(inflater.decompress(rest, _INFLATE_STEP))
                rest = inflater.unconsumed_tail
    except zlib.error as error:
        raise _bad(f"png: damaged pixels: {error}") from error
    if got != expected or not inflater.eof or inflater.unused_data:
        raise _bad(f"png: expected {expected} bytes of pixels for {info.width}x{info.height}, got {got}")


def _png_chunks(data: bytes) -> tuple[ImageInfo, list[bytes]]:
    if data[:8] != _PNG_SIGNATURE:
        raise _bad(f"png: expected its signature, got {data[:8].hex(' ') or 'nothing'}")
    at, info, pixels = 8, None, list[bytes]()
    while True:
        if at + 12 > len(data):
            raise _bad(f"png: expected an IEND chunk, got the end at byte {len(data)}: truncated")
        kind, body, at = _png_chunk(data, at)
        if (kind == b"IHDR") is not (info is None):
            raise _bad(f"png: expected one IHDR chunk, and first, got {kind!r}")
        if kind == b"IHDR":
            info = _png_header(body)
        elif kind == b"IDAT":
            pixels.append(body)
        elif kind == b"IEND":
            break
    if at != len(data):
        raise _bad(f"png: expected nothing after IEND, got {len(data) - at} bytes")
    if info is None or not pixels:
        raise _bad("png: expected IHDR and IDAT chunks, got none")
    return info, pixels


def _png_chunk(data: bytes, at: int) -> tuple[bytes, bytes, int]:
    """Kind and body of the chunk at byte ``at``, and where the next one starts."""
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + 12 + length
    kind = data[at + 4 : at + 8]
    if end > len(data):
        raise _bad(f"png: expected a chunk {kind!r} of {length} bytes, got {len(data) - at - 12}: truncated")
    if kind not in _PNG_CHUNKS:
        raise _bad(f"png: expected plain image chunks, got {kind!r}")
    if zlib.crc32(data[at + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
        raise _bad(f"png: wrong checksum of chunk {kind!r}")
    return kind, data[at + 8 : end - 4], end


def _png_header(body: bytes) -> ImageInfo:
    if len(body) != 13:
        raise _bad(f"png: expected a header of 13 bytes, got {len(body)}")
    width, height, bits, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if colour not in (0, 2) or bits not in (1, 8, 16) or compression or filtering or interlace:
        came = f"type {colour}, {bits} bits, interlace {interlace}"
        raise _bad(f"png: expected grey or RGB of 1, 8 or 16 bits without interlacing, got {came}")
    return ImageInfo(width, height, bits, 3 if colour else 1)


def _bad(reason: str) -> BadMessage:
    return BadMessage(reason, "images")
