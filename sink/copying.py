"""Rows into tables by COPY, on a connection that is in a transaction."""

import io
from collections.abc import Iterable, Sequence
from typing import cast

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - a class in spite of its name
from sqlalchemy import Connection

from sink import binary_copy


def cursor_of(connection: Connection) -> Cursor:
    """What psycopg2 copies with."""
    return cast("Cursor", connection.connection.cursor())  # psycopg2 is the only driver we connect with


def copy(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """Add rows, each as ``sink.binary_copy.row`` makes it, in the order of ``columns``."""
    stream = binary_copy.stream(rows)
    # at once: between two pieces the thread would wait for the interpreter, which decodes the next batch
    cursor.copy_expert(
        f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT binary)", io.BytesIO(stream), len(stream)
    )


def stage(cursor: Cursor, table: str, columns: Sequence[str], rows: Iterable[bytes]) -> None:
    """As ``copy``, but into ``stage_{table}``, which is empty again after the transaction."""
    name = f"stage_{table}"
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {name} (LIKE {table} INCLUDING DEFAULTS) ON COMMIT DELETE ROWS")
    copy(cursor, name, columns, rows)
