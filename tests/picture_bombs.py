"""Meshes whose pictures are small files and large in memory."""

import json
import struct
import zlib

import cv2
import numpy as np


def _png(side_px: int, pixels: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side_px, side_px, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png_that_claims(side_px: int) -> bytes:
    """A PNG of side x side pixels that holds but the first 2000 rows."""
    return _png(side_px, zlib.compress(bytes(side_px * 3 + 1) * 2000, 9))


def black_png(side_px: int) -> bytes:
    """A whole PNG of side x side black pixels: a thousandth of what they take."""
    packer, row = zlib.compressobj(1), bytes(side_px * 3 + 1)
    return _png(side_px, b"".join([*(packer.compress(row) for _ in range(side_px)), packer.flush()]))


def jpeg_that_claims(side_px: int) -> bytes:
    """A JPEG of 16 x 16 pixels whose header says side x side."""
    data = cv2.imencode(".jpg", np.zeros((16, 16, 3), np.uint8))[1].tobytes()
    at = data.index(b"\xff\xc0") + 5  # start of frame: length, precision, then height and width
    return data[:at] + struct.pack(">HH", side_px, side_px) + data[at + 4 :]


def glb(picture: bytes, kind: str = "png") -> bytes:
    """A GLB of one triangle with that picture on it."""
    corners = np.array([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0]], "<f4").tobytes()
    uv, faces = np.zeros((3, 2), "<f4").tobytes(), np.arange(4, dtype="<u2").tobytes()
    parts = [corners, uv, faces, picture]
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    views = [{"buffer": 0, "byteOffset": at, "byteLength": len(one)} for at, one in zip(starts, parts, strict=False)]
    accessor = {"componentType": 5126, "count": 3}
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "indices": 2, "material": 0}]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": 3, "mimeType": f"image/{kind}"}],
        "accessors": [
            accessor | {"bufferView": 0, "type": "VEC3"},
            accessor | {"bufferView": 1, "type": "VEC2"},
            {"componentType": 5123, "count": 3, "bufferView": 2, "type": "SCALAR"},
        ],
        "bufferViews": views,
        "buffers": [{"byteLength": sum(map(len, parts))}],
    }
    return _boxed(document, b"".join(parts))


def _boxed(document: object, body: bytes) -> bytes:
    text = json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body += bytes(-len(body) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(body))
    return head + struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(body), b"BIN\0") + body
