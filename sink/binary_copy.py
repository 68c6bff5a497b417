"""Values and rows in the binary format of Postgres's COPY: nothing is written as text only to be read again.

The format is in Postgres's documentation of COPY ("Binary Format"); each type's is what its ``_recv`` function reads.
"""

import json
import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

NULL = struct.pack(">i", -1)

_BEGIN = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)  # signature, flags, length of the header's extension
_END = struct.pack(">h", -1)
_COUNT = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_INTEGER = struct.Struct(">ii")
_BIGINT = struct.Struct(">iq")
_DOUBLE = struct.Struct(">id")
_EPOCH_US = 946_684_800_000_000  # Postgres counts from 2000-01-01 UTC, Unix from 1970
_JSONB_VERSION = b"\1"
_FLOAT8_OID = 701


def stream(rows: Iterable[bytes]) -> bytes:
    """All that COPY ... FROM STDIN (FORMAT binary) reads; each row as ``row`` makes it."""
    return b"".join((_BEGIN, *rows, _END))


def row(count: int, *fields: bytes) -> bytes:
    """One row of ``count`` fields, in the order of the columns that COPY names; fields may come joined."""
    return _COUNT.pack(count) + b"".join(fields)


def text(value: str) -> bytes:
    """A ``text``, without NUL characters: Postgres takes none."""
    encoded = value.encode()
    return _LENGTH.pack(len(encoded)) + encoded


def integer(value: int) -> bytes:
    """An ``integer``, 32 bits."""
    return _INTEGER.pack(4, value)


def bigint(value: int | None) -> bytes:
    """A ``bigint``, 64 bits, or null."""
    return NULL if value is None else _BIGINT.pack(8, value)


def double(value: float) -> bytes:
    """A ``double precision``."""
    return _DOUBLE.pack(8, value)


def timestamptz(at_ns: int) -> bytes:
    """A ``timestamptz``: nanoseconds since the Unix epoch, rounded down to microseconds."""
    return _BIGINT.pack(8, at_ns // 1000 - _EPOCH_US)


def jsonb(value: Mapping[str, float]) -> bytes:
    """A ``jsonb`` object of finite numbers."""
    # an encoder of the json module takes twice as long for a few names
    encoded = "{" + ",".join([f"{_json_name(name)}:{float(number)!r}" for name, number in value.items()]) + "}"
    return _LENGTH.pack(len(encoded) + 1) + _JSONB_VERSION + encoded.encode()


def doubles(values: Sequence[float] | None) -> bytes:
    """A one-dimensional ``double precision[]`` of at least one number, or null."""
    if values is None:
        return NULL
    count = len(values)
    fields = [8] * (2 * count)  # each number behind its length
    fields[1::2] = values  # type: ignore[call-overload] - the others are lengths
    return _array(count).pack(20 + 12 * count, 1, 0, _FLOAT8_OID, count, 1, *fields)


@lru_cache
def _array(count: int) -> struct.Struct:
    """Length, dimensions, whether there are nulls, the elements' type, their count, the first one's index, elements."""
    return struct.Struct(">6i" + "id" * count)


@lru_cache(maxsize=1024)
def _json_name(name: str) -> str:
    return json.dumps(name)
