"""One websocket from hello to goodbye."""

import asyncio
import json
import re
import time
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, cast

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from schemas import Overloaded, PoseEvent
from sink.metrics import SinkMetrics
from sink.notifier.entrance import Entrance, OpenEntrance, Visitor
from sink.notifier.messages import PROTOCOL_VERSION, dumps, pose_message
from sink.notifier.rooms import Client, Hub
from sink.notifier.wire import wire_of
from sink.people.rights import Refused
from sink.queries import Queries

HEARTBEAT_S = 10.0
RESUME_LIMIT = 1000
"""Events in one answer to ``last_seq``; a client that missed more asks again or uses HTTP."""
CLIENTS_LIMIT = 500
MOST_PACED = 64
"""Messages of a paced room that may be under way."""
_TRY_AGAIN_LATER = 1013
NOT_LET_IN = 4401
"""Code of closing where a token does not hold, or no longer."""
_ROOM = re.compile(r"(?:(job|frames):([A-Za-z0-9][A-Za-z0-9._-]{0,127})|system)")
_SUBSCRIBED_FIELDS = {"subscribe", "run", "last_seq", "paced"}


class BadRequest(ValueError):
    """A client's message that cannot be understood; the connection stays."""


class Sessions:
    """Serves websockets.

    Args:
        hub: The rooms.
        queries: Where missed events come from.
        metrics: Where it counts.
        entrance: Who may be in which room; everybody in all if None.
    """

    def __init__(self, hub: Hub, queries: Queries, metrics: SinkMetrics, entrance: Entrance | None = None) -> None:
        self._entrance = entrance or OpenEntrance()
        self._hub = hub
        self._queries = queries
        self._metrics = metrics
        self._open = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one websocket until it closes."""
        await websocket.accept()
        if self._open >= CLIENTS_LIMIT:
            await websocket.close(_TRY_AGAIN_LATER, f"{CLIENTS_LIMIT} clients are connected already")
            return
        client = Client(self._metrics, wire_of(websocket.scope))
        self._count(1)
        try:
            visitor = await self._entrance.let_in(websocket)
            client.post(_hello())
            parts = (self._send(websocket, client), self._listen(websocket, client, visitor), _heartbeat(client))
            await _first_done(*parts, self._recheck(client, visitor))
        except Refused as error:
            with suppress(RuntimeError, WebSocketDisconnect):  # it is closed already
                await websocket.close(NOT_LET_IN, error.reason[:120])
        except Overloaded:
            await websocket.close(_TRY_AGAIN_LATER, "the database does not answer right now")
        except WebSocketDisconnect:
            pass  # before it said who it is
        finally:
            self._hub.leave(client)
            self._count(-1)

    def _count(self, change: int) -> None:
        self._open += change
        self._metrics.clients.set(self._open)

    async def _send(self, websocket: WebSocket, client: Client) -> None:
        while (message := await client.next()) is not None:
            if isinstance(message, str):
                await websocket.send_text(message)
            else:
                await websocket.send_bytes(message)
        self._metrics.overflows.inc()
        await websocket.close(_TRY_AGAIN_LATER, "read too slowly")

    async def _recheck(self, client: Client, visitor: Visitor) -> None:
        """Ask again with every heartbeat, and when the token ends; Refused ends the websocket."""
        while True:
            await asyncio.sleep(min(HEARTBEAT_S, self._entrance.ends_in_s(visitor)))
            try:
                await self._entrance.ask_again(visitor)
                for room in list(client.rooms):
                    if not await self._entrance.may_enter(visitor, room):
                        self._hub.unsubscribe(client, room)
                        client.post(dumps({"type": "error", "room": room, "reason": f"{room}: not yours any more"}))
            except Overloaded:  # nobody knows; it is asked again with the next
                await asyncio.sleep(1.0)

    async def _listen(self, websocket: WebSocket, client: Client, visitor: Visitor) -> None:
        while True:
            try:
                await self._obey(client, visitor, _parsed(await websocket.receive_text()))
            except KeyError:  # a binary message
                client.post(dumps({"type": "error", "reason": "expected a text message, got a binary one"}))
            except (BadRequest, Overloaded) as error:
                client.post(dumps({"type": "error", "reason": str(error)}))

    async def _obey(self, client: Client, visitor: Visitor, request: dict[str, Any]) -> None:
        if "subscribe" in request:
            await self._check_room(visitor, _room(request["subscribe"]))
            await self._subscribe(client, request)
        elif isinstance(request.get("token"), str):
            await self._entrance.renew(visitor, request["token"])
        elif "done" in request:
            client.done_with(_room(request["done"]))
        elif "unsubscribe" in request:
            room = _room(request["unsubscribe"])
            self._hub.unsubscribe(client, room)
            client.post(dumps({"type": "unsubscribed", "room": room}))
        elif "ping" in request:
            client.post(dumps({"type": "pong", "at_ns": str(time.time_ns())}))
        else:
            msg = f"expected subscribe, unsubscribe, done or ping, or a token, got {sorted(request)[:8]}"
            raise BadRequest(msg)

    async def _check_room(self, visitor: Visitor, room: str) -> None:
        if not await self._entrance.may_enter(visitor, room):
            await self._entrance.note_refusal(visitor, room)
            msg = f"room: expected one of yours, got {room}"
            raise BadRequest(msg)

    async def _subscribe(self, client: Client, request: dict[str, Any]) -> None:
        room = _room(request["subscribe"])
        run, last_seq = _resume_point(request)
        job_id = room.removeprefix("job:") if room.startswith("job:") else None
        missed: list[PoseEvent] = []
        if job_id is not None and last_seq is not None:
            missed = await run_in_threadpool(self._queries.events, job_id, run, last_seq, RESUME_LIMIT)
        # no await from here on: nothing is published between what is looked up and the subscription
        if not self._hub.subscribe(client, room):
            msg = f"{room}: this client is in as many rooms as it may be"
            raise BadRequest(msg)
        if (most := _most_under_way(request)) is not None:
            client.pace(room, most)
        client.post(dumps({"type": "subscribed", "room": room}))
        if job_id is not None and last_seq is not None:
            client.post(self._history(job_id, run, last_seq, missed))
        elif job_id is not None and (recent := self._hub.recent(job_id)):
            client.post_newest(room, recent[-1].text)

    def _history(self, job_id: str, run: str | None, last_seq: int, stored: list[PoseEvent]) -> str:
        """Stored events, then those that went through here but are not in the tables yet."""
        recent = self._hub.recent(job_id)
        if run is None:
            run = recent[-1].run if recent else next((event.run_id for event in stored), "")
        events = [pose_message(event) for event in stored if event.run_id == run]
        more = len(stored) >= RESUME_LIMIT
        last = events[-1]["seq"] if events else last_seq
        if not more:
            events += [json.loads(pose.text) for pose in recent if pose.run == run and pose.seq > last]
        return dumps({"type": "history", "room": f"job:{job_id}", "run": run, "events": events, "more": more})


def _hello() -> str:
    return dumps(
        {"type": "hello", "version": PROTOCOL_VERSION, "at_ns": str(time.time_ns()), "heartbeat_s": HEARTBEAT_S}
    )


async def _heartbeat(client: Client) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        client.post(dumps({"type": "heartbeat", "at_ns": str(time.time_ns()), "dropped": client.dropped}))


async def _first_done(*parts: Coroutine[Any, Any, None]) -> None:
    """Run them until the first ends, then end the others; a client that went away is no error."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    gone = (asyncio.CancelledError, WebSocketDisconnect)
    for task, result in zip(tasks, results, strict=True):
        if task in done and isinstance(result, BaseException) and not isinstance(result, gone):
            raise result


def _parsed(text: str) -> dict[str, Any]:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"expected JSON, got {text[:80]!r}"
        raise BadRequest(msg) from error
    if not isinstance(request, dict):
        msg = f"expected a JSON object, got {text[:80]!r}"
        raise BadRequest(msg)
    return cast("dict[str, Any]", request)


def _room(name: object) -> str:
    if not isinstance(name, str) or not _ROOM.fullmatch(name):
        msg = f"room: expected job:<id>, frames:<id> or system, got {str(name)[:80]!r}"
        raise BadRequest(msg)
    return name


def _resume_point(request: dict[str, Any]) -> tuple[str | None, int | None]:
    run, last_seq = request.get("run"), request.get("last_seq")
    if unknown := request.keys() - _SUBSCRIBED_FIELDS:
        msg = f"subscribe: expected {sorted(_SUBSCRIBED_FIELDS)}, got also {sorted(unknown)[:8]}"
        raise BadRequest(msg)
    if run is not None and (not isinstance(run, str) or "\0" in run):
        msg = f"run: expected text, got {str(run)[:80]!r}"
        raise BadRequest(msg)
    if last_seq is not None and (type(last_seq) is not int or not -1 <= last_seq < 1 << 63):
        msg = f"last_seq: expected a whole number from -1, got {str(last_seq)[:80]!r}"
        raise BadRequest(msg)
    return run, last_seq


def _most_under_way(request: dict[str, Any]) -> int | None:
    most = request.get("paced")
    if most is not None and (type(most) is not int or not 1 <= most <= MOST_PACED):
        msg = f"paced: expected a whole number from 1 to {MOST_PACED}, got {str(most)[:80]!r}"
        raise BadRequest(msg)
    return most
