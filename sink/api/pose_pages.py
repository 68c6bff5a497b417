"""Stored poses in pages, by keyset: a page costs the same however far it is from the start."""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, tuple_

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
    rows = select(*_COLUMNS).where(ObjectPoseRow.job_id == query.job_id)
    if query.object_id is not None:
        rows = rows.where(ObjectPoseRow.object_id == query.object_id)
    if query.run_id is not None:
        rows = rows.where(ObjectPoseRow.run_id == query.run_id)
    if query.since is not None:
        rows = rows.where(ObjectPoseRow.captured_at >= query.since)
    if query.until is not None:
        rows = rows.where(ObjectPoseRow.captured_at < query.until)
    if query.cursor is not None:
        rows = rows.where(tuple_(*_ORDER) > tuple_(*_place(query.cursor)))
    with begun(engine) as connection:
        found = connection.execute(rows.order_by(*_ORDER).limit(query.limit + 1)).all()
    last = found[query.limit - 1] if len(found) > query.limit else None
    return [tuple(row) for row in found[: query.limit]], None if last is None else _cursor(last[0], last[1], last[3])


def _cursor(run_id: str, seq: int, object_id: str) -> str:
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
