"""Stored poses in pages, by keyset: a page costs the same however far it is from the start."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, Select, or_, select

from sink.models import ObjectPoseRow
from sink.people.transactions import begun

_COLUMNS = (
    *(ObjectPoseRow.run_id, ObjectPoseRow.seq, ObjectPoseRow.captured_at, ObjectPoseRow.object_id),
    *(ObjectPoseRow.state, ObjectPoseRow.score, ObjectPoseRow.rotation, ObjectPoseRow.translation_m),
)
_ORDER = (ObjectPoseRow.run_id, ObjectPoseRow.seq, ObjectPoseRow.object_id)


class BadCursor(ValueError):
    """A cursor that none of our answers gave."""


@dataclass(frozen=True, slots=True)
class PoseQuery:
    """Which poses of a job.

    Attributes:
        job_id: The job.
        object_id: One object; None for all.
        run_id: One run; None for all.
        since: Captured then or later; None for all.
        until: Captured before.
        cursor: Where the page before ended; None for the first.
        limit: Rows of a page.
    """

    job_id: str
    object_id: str | None
    run_id: str | None
    since: datetime | None
    until: datetime | None
    cursor: str | None
    limit: int


def page(engine: Engine, query: PoseQuery) -> tuple[Sequence[tuple[object, ...]], str | None]:
    """Rows of ``_COLUMNS`` in the order of run, frame and object, and the cursor of the next page.

    Raises:
        BadCursor: The cursor is not one of ours.
        Overloaded: Postgres does not answer.
    """
    found: list[Row[Any]] = []
    with begun(engine) as connection:
        for one in statements(query):
            found += connection.execute(one.limit(query.limit + 1 - len(found))).all()
            if len(found) > query.limit:  # one more than the page has: it is not the last
                last = found[query.limit - 1]
                return [tuple(row) for row in found[:-1]], cursor_of(last.run_id, last.seq, last.object_id)
    return [tuple(row) for row in found], None


def statements(query: PoseQuery) -> list[Select[*tuple[Any, ...]]]:
    """What is asked of Postgres, one after the other until the page is full: the rest of a cursor's run, later runs.

    ``(run_id, seq, object_id) > (...)`` would say both at once, but Postgres judges how many rows that is by the run
    alone, takes it for none where a job has one run, and reads the whole table.

    Raises:
        BadCursor: As ``page``.
    """
    rows = _matching(query).order_by(*_ORDER)
    if query.cursor is None:
        return [rows]
    run_id, seq, object_id = _place(query.cursor)
    later = or_(ObjectPoseRow.seq > seq, ObjectPoseRow.object_id > object_id)
    same_run = rows.where(ObjectPoseRow.run_id == run_id, ObjectPoseRow.seq >= seq, later)
    return [same_run] if query.run_id is not None else [same_run, rows.where(ObjectPoseRow.run_id > run_id)]


def _matching(query: PoseQuery) -> Select[*tuple[Any, ...]]:
    rows = select(*_COLUMNS).where(ObjectPoseRow.job_id == query.job_id)
    if query.object_id is not None:
        rows = rows.where(ObjectPoseRow.object_id == query.object_id)
    if query.run_id is not None:
        rows = rows.where(ObjectPoseRow.run_id == query.run_id)
    if query.since is not None:
        rows = rows.where(ObjectPoseRow.captured_at >= query.since)
    if query.until is not None:
        rows = rows.where(ObjectPoseRow.captured_at < query.until)
    return rows


def cursor_of(run_id: str, seq: int, object_id: str) -> str:
    """The cursor of the page after a row."""
    return base64.urlsafe_b64encode(json.dumps([run_id, seq, object_id]).encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[str, int, str]:
    try:
        run_id, seq, object_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        msg = f"cursor: expected one that an answer gave, got {cursor[:80]!r}"
        raise BadCursor(msg) from error
    good = isinstance(run_id, str) and type(seq) is int and isinstance(object_id, str)
    if not good or "\0" in run_id + object_id or not 0 <= seq < 1 << 63:
        msg = f"cursor: expected one that an answer gave, got {cursor[:80]!r}"
        raise BadCursor(msg)
    return run_id, seq, object_id
