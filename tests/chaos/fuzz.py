"""Messages that nobody can read, made from good ones."""

import io
import json
import math
import random
from collections.abc import Callable
from importlib import resources
from typing import Any

import fastavro

HEADER_BYTES = 5
_SCHEMA = fastavro.parse_schema(json.loads((resources.files("schemas") / "avro" / "frame.avsc").read_text()))


def cut(value: bytes, rng: random.Random) -> bytes:
    return value[: rng.randrange(len(value))]


def longer(value: bytes, rng: random.Random) -> bytes:
    return value + rng.randbytes(rng.randint(1, 100))


def other_magic(value: bytes, rng: random.Random) -> bytes:
    return bytes([rng.randint(1, 255)]) + value[1:]


def unknown_schema(value: bytes, rng: random.Random) -> bytes:
    return b"\x00" + rng.randint(10**6, 2**31 - 1).to_bytes(4, "big") + value[HEADER_BYTES:]


def noise(_value: bytes, rng: random.Random) -> bytes:
    return bytes([rng.randint(1, 255)]) + rng.randbytes(rng.randint(0, 2000))


def nothing(_value: bytes, _rng: random.Random) -> bytes:
    return b""


def length_bomb(value: bytes, _rng: random.Random) -> bytes:
    """The first string says that it is 2^62 bytes long."""
    return value[:HEADER_BYTES] + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + value[HEADER_BYTES + 1 :]


def changed(**fields: Callable[[Any, random.Random], Any]) -> Callable[[bytes, random.Random], bytes]:
    """Well-formed Avro with fields that make no frame."""

    def spoil(value: bytes, rng: random.Random) -> bytes:
        record: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), _SCHEMA, None)
        for name, change in fields.items():
            record[name] = change(record[name], rng)
        out = io.BytesIO()
        fastavro.schemaless_writer(out, _SCHEMA, record)
        return value[:HEADER_BYTES] + out.getvalue()

    return spoil


WAYS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    "cut": cut,
    "longer": longer,
    "other magic": other_magic,
    "unknown schema": unknown_schema,
    "noise": noise,
    "nothing": nothing,
    "length bomb": length_bomb,
    "colour is noise": changed(rgb=lambda data, rng: rng.randbytes(len(data))),
    "colour is cut": changed(rgb=lambda data, rng: data[: rng.randint(1, len(data) // 2)]),
    "depth is noise": changed(depth=lambda depth, rng: depth | {"data": rng.randbytes(50)}),
    "unknown codec": changed(rgb_codec=lambda _codec, _rng: "bmp9"),
    "huge picture": changed(camera=lambda camera, _rng: camera | {"width": 2**30, "height": 2**30}),
    "no picture": changed(camera=lambda camera, _rng: camera | {"width": 0}),
    "focal length is no number": changed(camera=lambda camera, _rng: camera | {"fx": math.nan}),
    "number below 0": changed(seq=lambda seq, _rng: -seq - 1),
    "another job": changed(job_id=lambda job, _rng: f"{job}-other"),
    "no job": changed(job_id=lambda _job, _rng: ""),
}
