"""Who may be in which room of the websocket, and what happens when a token ends."""

import logging
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from starlette.routing import WebSocketRoute
from starlette.testclient import WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from posestream.stack import Addresses
from sink.metrics import SinkMetrics
from sink.notifier import session
from sink.notifier.entrance import Entrance
from sink.notifier.rooms import Hub
from sink.people.tokens import ACCESS_S
from sink.queries import Queries
from tests.integration.api_world import PASSWORD, SECRET, ApiWorld, database

pytestmark = pytest.mark.integration

NOT_LET_IN = 4401


class Doors:
    """The application with a websocket that hears nothing, since only doors are tested."""

    def __init__(self, engine: Engine) -> None:
        metrics = SinkMetrics(CollectorRegistry())
        self.hub = Hub(metrics, lambda _: None, lambda _: None)

        async def serve(websocket: WebSocket) -> None:
            await self.sessions.serve(websocket)

        self.world = ApiWorld(engine, routes=(WebSocketRoute("/ws", serve),))
        services = self.world.services
        people = (services.sessions, services.ownership, services.tickets, services.audit, services.per_address)
        entrance = Entrance(*people, now_s=lambda: self.world.now_s)
        self.sessions = session.Sessions(self.hub, Queries(engine), metrics, entrance)

    def connect(self, path: str = "/ws", token: str | None = None) -> WebSocketTestSession:
        websocket = self.world.client.websocket_connect(path, headers={"host": "127.0.0.1:8080"})
        websocket.__enter__()
        if token is not None:
            websocket.send_json({"token": self.world.tokens.get(token, token)})
        return websocket


@pytest.fixture(scope="module")
def doors(stack: Addresses) -> Iterator[Doors]:
    with database(stack) as engine:
        yield Doors(engine)


def said(websocket: WebSocketTestSession) -> dict[str, Any]:
    return websocket.receive_json()


def closed(websocket: WebSocketTestSession) -> tuple[int, str]:
    try:
        while True:
            websocket.receive_json()
    except WebSocketDisconnect as gone:
        return gone.code, gone.reason or ""


def test_a_token_as_the_first_message_opens_ones_own_rooms_and_no_others(
    doors: Doors, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "posestream.audit"):
        for who, mine in (("ann", True), ("bob", False)):
            websocket = doors.connect(token=who)
            assert said(websocket)["type"] == "hello"
            for room in ("job:a", "frames:a"):
                websocket.send_json({"subscribe": room})
                answer = said(websocket)
                assert answer["type"] == ("subscribed" if mine else "error")
            websocket.send_json({"subscribe": "system"})
            assert said(websocket)["reason"] == "room: expected one of yours, got system"
            websocket.close()
    assert "bob from testclient: WS /ws room:job:a: 403" in caplog.text
    lines = doors.world.ask("GET", "/api/v1/audit?limit=9", "root").json()["lines"]
    assert ("bob", "room:frames:a", 403) in [(line["who"], line["target"], line["outcome"]) for line in lines]


def test_an_admin_may_be_in_all_rooms(doors: Doors) -> None:
    websocket = doors.connect(token="root")  # noqa: S106 - a name
    assert said(websocket)["type"] == "hello"
    for room in ("system", "job:a"):
        websocket.send_json({"subscribe": room})
        assert said(websocket) == {"type": "subscribed", "room": room}
    websocket.close()


@pytest.mark.parametrize(
    "first",
    [
        {"token": jwt.encode({"sub": "ann"}, SECRET[::-1], "HS256")},
        {"token": jwt.encode({"sub": "ann", "exp": 9_999_999_999}, None, "none")},
        {"subscribe": "job:a"},
        {"token": 7},
        [],
    ],
)
def test_who_does_not_say_who_they_are_is_shown_out_without_a_word(doors: Doors, first: object) -> None:
    websocket = doors.connect()
    websocket.send_json(first)
    code, reason = closed(websocket)
    assert code == NOT_LET_IN
    assert "token" in reason


def test_a_ticket_opens_one_websocket(doors: Doors) -> None:
    ticket = doors.world.ask("POST", "/api/v1/tickets", "ann").json()["ticket"]
    websocket = doors.connect(f"/ws?ticket={ticket}")
    assert said(websocket)["type"] == "hello"
    websocket.close()
    assert closed(doors.connect(f"/ws?ticket={ticket}")) == (
        NOT_LET_IN,
        "ticket: used, older than 30 s or not one of ours",
    )


def test_a_websocket_ends_with_its_token_unless_another_came(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HEARTBEAT_S", 0.1)
    doors.world.services.accounts.set_password("ann", PASSWORD)
    token = doors.world.log_in("ann")["access_token"]
    kept, left = doors.connect(token=token), doors.connect(token=token)
    assert said(kept)["type"] == said(left)["type"] == "hello"
    doors.world.now_s += ACCESS_S - 1
    kept.send_json({"token": doors.world.log_in("ann")["access_token"]})
    kept.send_json({"ping": 1})
    while said(kept)["type"] != "pong":
        pass
    doors.world.now_s += 2
    assert closed(left) == (NOT_LET_IN, "token: expired")
    kept.send_json({"subscribe": "job:a"})
    while said(kept)["type"] != "subscribed":
        pass
    kept.close()


def test_who_loses_the_right_on_a_job_leaves_its_room(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "HEARTBEAT_S", 0.1)
    vic = doors.world.services.accounts.get("vic")
    doors.world.services.ownership.let_read("a", vic.id)
    websocket = doors.connect(token="vic")  # noqa: S106 - a name
    assert said(websocket)["type"] == "hello"
    websocket.send_json({"subscribe": "job:a"})
    while said(websocket)["type"] != "subscribed":
        pass
    doors.world.services.ownership.stop_reading("a", vic.id)
    while (answer := said(websocket))["type"] != "error":
        pass
    assert answer == {"type": "error", "room": "job:a", "reason": "job:a: not yours any more"}
    assert "job:a" not in doors.hub._rooms
    websocket.close()
