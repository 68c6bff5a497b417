"""Poses as Arrow and Parquet: what goes in comes out, page by page, with the memory of a page."""

import io
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="the extra 'arrow' is not installed")

from pyarrow.ipc import open_stream  # noqa: E402 - where it is installed
from pyarrow.parquet import ParquetFile  # noqa: E402

from sink.api.pose_tables import arrow, parquet  # noqa: E402

START = datetime(2026, 11, 1, tzinfo=UTC)
PAGE, PAGES = 10_000, 30
Read = Callable[[bytes], Any]
FORMATS: list[tuple[Any, Read]] = [
    (arrow, lambda data: open_stream(data).read_all()),
    (parquet, lambda data: ParquetFile(io.BytesIO(data)).read()),
]


def row(seq: int, *, lost: bool = False) -> tuple[Any, ...]:
    pose = (None, None) if lost else ([1.0, 0, 0, 0, 1, 0, 0, 0, 1], [0.0, 0.25, float(seq)])
    return ("r1", seq, START + timedelta(microseconds=seq), "mug", "lost" if lost else "tracked", 0.5, *pose)


@pytest.mark.parametrize(("write", "read"), FORMATS, ids=["arrow", "parquet"])
def test_what_goes_in_comes_out(write: Any, read: Read) -> None:
    rows = [row(0), row(1, lost=True), row(2)]
    table = read(b"".join(write(iter([rows[:2], rows[2:]]))))
    assert [tuple(record.values()) for record in table.to_pylist()] == rows
    assert table.schema.field("rotation").type == pa.list_(pa.float64(), 9)


@pytest.mark.parametrize(("write", "read"), FORMATS, ids=["arrow", "parquet"])
def test_no_pose_is_a_table_without_rows(write: Any, read: Read) -> None:
    assert read(b"".join(write(iter([[]])))).num_rows == 0


@pytest.mark.parametrize("write", [arrow, parquet])
def test_memory_is_that_of_a_page_however_many_there_are(write: Any) -> None:
    taken = 0

    def pages() -> Iterator[Sequence[Any]]:
        nonlocal taken
        for number in range(PAGES):
            taken += 1
            yield [row(number * PAGE + at) for at in range(PAGE)]

    sent, most_held, ahead = 0, 0, 0
    for count, chunk in enumerate(write(pages()), start=1):
        sent += len(chunk)
        most_held = max(most_held, pa.total_allocated_bytes())
        ahead = max(ahead, taken - count)
    assert (taken, ahead) == (PAGES, 0)  # no page is read before the one before it is gone
    assert most_held < 12e6  # 10,000 rows of 180 bytes, and Parquet's own buffers
    assert sent > (PAGES * PAGE * 100 if write is arrow else 1e5)
