"""Pose events into ``pose_events`` and ``object_poses``."""

from collections.abc import Sequence

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name
from sqlalchemy import Connection

from sink.copying import copy, cursor_of, stage
from sink.rows import EVENT_COLUMNS, OBJECT_COLUMNS, EventRows


def write_events(connection: Connection, events: Sequence[EventRows], *, straight: bool) -> tuple[int, int]:
    """Write events, each once.

    Args:
        connection: In a transaction.
        events: In any order; of equal ones the first stays.
        straight: None is thought to be there already: half the work for Postgres where that is so.

    Returns:
        How many are new, and how many were there or came twice.
    """
    if not events:
        return 0, 0
    unique = {rows.key: rows for rows in reversed(events)}  # the first of equal ones stays
    ordered = [unique[key] for key in sorted(unique)]  # one order: two sinks cannot deadlock
    cursor = cursor_of(connection)
    added = len(ordered) if straight and _copied(cursor, ordered) else _merged(cursor, ordered)
    return added, len(events) - added


def _copied(cursor: Cursor, events: Sequence[EventRows]) -> bool:
    """Copy events that are new into the tables themselves; False, and nothing is written, where one is not."""
    cursor.execute("SAVEPOINT straight")
    try:
        copy(cursor, "pose_events", EVENT_COLUMNS, (rows.event for rows in events))
        copy(cursor, "object_poses", OBJECT_COLUMNS, (rows.objects for rows in events))
    except psycopg2.errors.UniqueViolation:
        cursor.execute("ROLLBACK TO SAVEPOINT straight")
        return False
    cursor.execute("RELEASE SAVEPOINT straight")
    return True


def _merged(cursor: Cursor, events: Sequence[EventRows]) -> int:
    """Insert those events that are not there; how many."""
    stage(cursor, "pose_events", EVENT_COLUMNS, (rows.event for rows in events))
    stage(cursor, "object_poses", OBJECT_COLUMNS, (rows.objects for rows in events))
    names, object_names = ", ".join(EVENT_COLUMNS), ", ".join(OBJECT_COLUMNS)
    # objects go in only with their own event: what a second, different answer says never mixes with the first
    cursor.execute(
        f"WITH fresh AS (INSERT INTO pose_events ({names}) SELECT {names} FROM stage_pose_events "  # noqa: S608 - names
        "ORDER BY captured_at, job_id, run_id, seq ON CONFLICT DO NOTHING RETURNING captured_at, job_id, run_id, seq), "
        f"objects AS (INSERT INTO object_poses ({object_names}) SELECT {object_names} FROM stage_object_poses "
        "JOIN fresh USING (captured_at, job_id, run_id, seq) ON CONFLICT DO NOTHING) SELECT count(*) FROM fresh"
    )
    return int(*(cursor.fetchone() or (0,)))
