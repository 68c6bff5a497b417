"""Poses as Arrow and Parquet; the only module that needs pyarrow, the extra ``arrow``."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from pyarrow.ipc import new_stream
from pyarrow.parquet import ParquetWriter

from sink.api.pose_formats import NAMES, VECTORS, Row

_SCHEMA = pa.schema(
    [
        *(("run_id", pa.string()), ("seq", pa.int64()), ("captured_at", pa.timestamp("us", "UTC"))),
        *(("object_id", pa.string()), ("state", pa.string()), ("score", pa.float64())),
        *((name, pa.list_(pa.float64(), count)) for name, count in VECTORS.items()),
    ],
    metadata={"rotation": "of cam_from_obj, row by row; OpenCV axes", "translation_m": "of cam_from_obj; metres"},
)


class _Pipe:
    """A file that keeps what was written until it is taken."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes | memoryview) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def arrow(pages: Iterator[Sequence[Row]]) -> Iterator[bytes]:
    """An Arrow IPC stream, one record batch a page."""
    return _written(pages, lambda pipe: new_stream(pipe, _SCHEMA))


def parquet(pages: Iterator[Sequence[Row]]) -> Iterator[bytes]:
    """A Parquet file under zstd, one row group a page."""
    return _written(pages, lambda pipe: ParquetWriter(pipe, _SCHEMA, compression="zstd"))


def _written(pages: Iterator[Sequence[Row]], writer_of: Callable[[Any], Any]) -> Iterator[bytes]:
    pipe = _Pipe()
    with writer_of(pa.PythonFile(pipe, mode="w")) as writer:
        for rows in pages:
            columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * len(NAMES)
            arrays = [pa.array(values, field.type) for values, field in zip(columns, _SCHEMA, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=_SCHEMA))
            yield pipe.take()
    yield pipe.take()
