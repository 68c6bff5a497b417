"""Which process of those on a database does what only one may do."""

from sqlalchemy import Connection, text


def leads(connection: Connection, key: int) -> bool:
    """Whether this connection holds the lock ``key`` now; it holds it for as long as it lasts."""
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": key}).scalar())
