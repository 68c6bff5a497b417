"""The connection to Postgres: engine, migrations, partitions by time."""

import logging
from datetime import UTC, datetime
from itertools import chain, repeat
from pathlib import Path
from threading import Event

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, OperationalError

from schemas import PosestreamError

_log = logging.getLogger("posestream.sink")

OLDEST_POSTGRES = 15
_PAUSES_S = (0.5, 1.0, 2.0, 5.0)
_MIGRATION_LOCK = 0x706F7365  # "pose": two sinks that start at once migrate one after the other
_PARTITIONED = ("pose_events", "object_poses")
# libpq gives no code for a connection that was never made; these are its and the server's own English words
_AWAY = (
    "Connection refused",
    "timeout expired",
    "is starting up",
    "is shutting down",
    "in recovery mode",
    "not yet accepting connections",
    "server closed the connection",
    "terminating connection",
)


class DatabaseUnusable(PosestreamError):
    """The database cannot be used as it is; the message says what to change."""


class DatabaseAway(DatabaseUnusable):
    """Postgres does not answer now: it is started, stopped or out of reach."""


def connect(url: str) -> Engine:
    """An engine for a Postgres address; connects at its first use.

    Args:
        url: ``postgresql://user:password@host:port/database``.

    Raises:
        DatabaseUnusable: The address is not one of Postgres.
    """
    try:
        address = make_url(url)
        if address.get_backend_name() != "postgresql":
            msg = f"database: expected a postgresql:// address, got {address.get_backend_name()}://"
            raise DatabaseUnusable(msg)
        return create_engine(
            address.set(drivername="postgresql+psycopg2"),
            pool_pre_ping=True,
            connect_args={"connect_timeout": 5, "options": "-c statement_timeout=30000 -c timezone=UTC"},
        )
    except (ArgumentError, NoSuchModuleError) as error:
        msg = f"database: expected postgresql://user:password@host:port/name, got an address that {error}"
        raise DatabaseUnusable(msg) from error


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest shape; several processes may call this at once.

    Raises:
        DatabaseAway: Postgres does not answer now.
        DatabaseUnusable: It refuses us, or is older than 15.
    """
    try:
        with engine.begin() as connection:
            _check_version(connection)
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            command.upgrade(_alembic(connection), "head")
    except OperationalError as error:
        msg = f"database {engine.url.render_as_string()}: expected a Postgres that answers, got: {error.orig}"
        away = any(words in msg for words in _AWAY)
        raise (DatabaseAway if away else DatabaseUnusable)(msg.strip()) from error
    ensure_partitions(engine, datetime.now(UTC))


def migrate_when_up(engine: Engine, stop: Event) -> bool:
    """As ``migrate``, but wait while Postgres is away, and say so; False where ``stop`` came first.

    Raises:
        DatabaseUnusable: As ``migrate``.
    """
    for pause_s in chain(_PAUSES_S, repeat(_PAUSES_S[-1])):
        try:
            migrate(engine)
        except DatabaseAway as error:
            _log.warning("waiting for Postgres: %s", error)
            if stop.wait(pause_s):
                return False
        else:
            return True
    return False


def ensure_partitions(engine: Engine, now: datetime) -> None:
    """Make the partitions of this month and the next; events of other months go to the default partition."""
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for start in (first, _next_month(first)):
        for table in _PARTITIONED:
            _ensure_partition(engine, table, start)


def _ensure_partition(engine: Engine, table: str, start: datetime) -> None:
    name = f"{table}_{start:%Y_%m}"
    bounds = f"FROM ('{start.isoformat()}') TO ('{_next_month(start).isoformat()}')"
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
            connection.execute(text(f"CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES {bounds}"))
    except IntegrityError:  # the default partition holds rows of that month already: they may stay there
        _log.warning("%s: not made, the default partition holds events of that month", name)


def _next_month(start: datetime) -> datetime:
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def _check_version(connection: Connection) -> None:
    found = connection.dialect.server_version_info
    if found is None or int(found[0]) < OLDEST_POSTGRES:
        came = ".".join(map(str, found or ("unknown",)))
        msg = f"database {connection.engine.url.render_as_string()}: expected Postgres >= {OLDEST_POSTGRES}, got {came}"
        raise DatabaseUnusable(msg)


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
