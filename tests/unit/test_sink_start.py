"""A sink that starts before its database."""

import logging
import threading
from collections.abc import Callable

import pytest
from sqlalchemy.exc import OperationalError

from sink import database
from sink.database import DatabaseAway, DatabaseUnusable, connect, migrate, migrate_when_up


class Stop(threading.Event):
    """Counts the waits, and is set by one of them."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.waits_s: list[float] = []
        self._at = at

    def wait(self, timeout: float | None = None) -> bool:
        self.waits_s.append(timeout or 0.0)
        return len(self.waits_s) >= self._at


def failing(count: int, error: Exception) -> Callable[[object], None]:
    left = [error] * count

    def run(_engine: object) -> None:
        if left:
            raise left.pop()

    return run


def test_it_waits_until_postgres_is_there_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "migrate", failing(6, DatabaseAway("db at host: starting up")))
    stop = Stop(99)
    with caplog.at_level(logging.WARNING):
        assert migrate_when_up(connect("postgresql://127.0.0.1/x"), stop)
    assert stop.waits_s == [0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
    assert caplog.messages[0] == "waiting for Postgres: db at host: starting up"


def test_it_stops_waiting_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "migrate", failing(9, DatabaseAway("away")))
    assert not migrate_when_up(connect("postgresql://127.0.0.1/x"), Stop(2))


def test_a_wrong_password_is_not_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "migrate", failing(1, DatabaseUnusable("password authentication failed")))
    with pytest.raises(DatabaseUnusable, match="password"):
        migrate_when_up(connect("postgresql://127.0.0.1/x"), Stop(1))


def test_nobody_at_the_address_is_away() -> None:
    engine = connect("postgresql://u:p@127.0.0.1:1/x")
    with pytest.raises(DatabaseAway, match="Connection refused") as caught:
        migrate(engine)
    assert isinstance(caught.value.__cause__, OperationalError)
    engine.dispose()
