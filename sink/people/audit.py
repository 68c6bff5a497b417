"""The audit log: every change, and what somebody known was refused."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from sink.people.models import AuditRow
from sink.people.transactions import begun

_log = logging.getLogger("posestream.audit")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; fields as in ``sink.people.models.AuditRow``."""

    user_id: str | None
    who: str
    address: str
    action: str
    target: str
    outcome: int
    detail: Mapping[str, Any]
    id: int = 0
    at: datetime | None = None


class Audit:
    """Writes and reads the log; may be used by several threads.

    Every method raises ``Overloaded`` while Postgres does not answer.

    Args:
        engine: Of a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def write(self, entry: Entry) -> None:
        """Add a line, to the table and to the process's log."""
        _log.info("%s from %s: %s %s: %d", entry.who or "-", entry.address, entry.action, entry.target, entry.outcome)
        names = ("user_id", "who", "address", "action", "target", "outcome")
        values = {name: _storable(getattr(entry, name)) for name in names} | {"detail": dict(entry.detail)}
        with begun(self._engine) as connection:
            connection.execute(insert(AuditRow).values(values))

    def read(self, before_id: int | None, limit: int) -> list[Entry]:
        """The newest lines first, those before a line where one is given."""
        query = select(AuditRow.__table__).order_by(AuditRow.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(AuditRow.id < before_id)
        with begun(self._engine) as connection:
            return [Entry(**row) for row in connection.execute(query).mappings()]


def _storable(value: Any) -> Any:  # noqa: ANN401 - of any column
    return value.replace("\0", "\N{REPLACEMENT CHARACTER}")[:1000] if isinstance(value, str) else value
