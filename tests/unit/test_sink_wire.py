"""What goes to many clients is framed once, and sent at once to those who can take it; the others skip as before."""

import asyncio
import itertools

import pytest
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

from sink.metrics import SinkMetrics
from sink.notifier.rooms import Client, Hub
from sink.notifier.wire import Wire, WiredWebsocket, framed, wire_of


class FakeWire:
    """Takes messages while it is open."""

    def __init__(self) -> None:
        self.open = True
        self.written: list[bytes] = []

    def write(self, framed: bytes) -> bool:
        if self.open:
            self.written.append(framed)
        return self.open


class Room:
    """A client behind a wire, in two rooms."""

    def __init__(self) -> None:
        self.metrics, self.wire = SinkMetrics(CollectorRegistry()), FakeWire()
        self.hub = Hub(self.metrics, lambda _: None, lambda _: None)
        self.client = Client(self.metrics, self.wire)
        for name in ("job:a", "frames:a"):
            self.hub.subscribe(self.client, name)

    def sent(self) -> float | None:
        return self.metrics.registry.get_sample_value("posestream_notifier_messages_sent_total", {"lane": "newest"})


def test_a_client_that_can_take_it_gets_it_at_once_and_it_is_counted() -> None:
    room = Room()
    for text in ("1", "2"):
        room.hub.publish_newest("job:a", text)
    assert room.wire.written == [framed("1"), framed("2")]
    assert room.sent() == 2
    assert room.client.dropped == 0


def test_behind_a_full_connection_the_newest_waits_and_goes_before_later_ones() -> None:
    async def scene() -> None:
        room = Room()
        room.wire.open = False
        room.hub.publish_newest("job:a", "1")
        room.hub.publish_newest("job:a", "2")
        room.wire.open = True
        room.hub.publish_newest("frames:a", b"f")  # its room waits for nothing, but the other's message is first
        assert room.wire.written == []
        assert [await room.client.next(), await room.client.next()] == ["2", b"f"]
        assert room.client.dropped == 1
        room.hub.publish_newest("job:a", "3")
        assert room.wire.written == [framed("3")]

    asyncio.run(scene())


def test_nothing_overtakes_the_control_lane() -> None:
    room = Room()
    room.client.post("status")
    room.hub.publish_newest("job:a", "pose")
    assert room.wire.written == []


def test_a_paced_room_has_no_more_under_way_and_does_not_hold_up_another() -> None:
    room = Room()
    room.client.pace("frames:a", 1)
    for frame in (b"1", b"2", b"3"):
        room.hub.publish_newest("frames:a", frame)
    room.hub.publish_newest("job:a", "pose")
    assert room.wire.written == [framed(b"1"), framed("pose")]
    assert room.client.dropped == 1
    room.client.done_with("frames:a")
    assert asyncio.run(asyncio.wait_for(room.client.next(), 5)) == b"3"


@pytest.mark.parametrize("message", ["", "pose", "\N{GREEK SMALL LETTER PI}" * 200, b"\0" * 70_000])
def test_a_browser_reads_what_was_framed(message: str | bytes) -> None:
    """A real server and the client of ``websockets``: lengths of one, two and eight bytes."""
    wires: list[Wire | None] = []

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        wire = wire_of(websocket.scope)
        wires.append(wire)
        assert wire is not None
        assert wire.write(framed(message))
        await websocket.send_text("by ASGI")
        assert wire.write(framed(message))
        await websocket.close()
        assert not wire.write(framed(message))

    async def scene() -> None:
        app = Starlette(routes=[WebSocketRoute("/ws", serve)])
        config = uvicorn.Config(app, port=0, ws=WiredWebsocket, ws_per_message_deflate=False, log_config=None)
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/ws") as client:
            assert [one async for one in client] == [message, "by ASGI", message]
        server.should_exit = True
        await running

    asyncio.run(asyncio.wait_for(scene(), 20))


def test_a_connection_that_takes_nothing_more_is_not_written_to() -> None:
    """Its buffer fills up to asyncio's mark and stays there, however much is published."""

    async def serve(websocket: WebSocket) -> None:
        await websocket.accept()
        wire = wire_of(websocket.scope)
        assert wire is not None
        took = sum(1 for _ in itertools.takewhile(lambda _: wire.write(framed(b"\0" * 60_000)), range(10_000)))
        taken.append(took)
        await websocket.receive()

    taken: list[int] = []

    async def scene() -> None:
        app = Starlette(routes=[WebSocketRoute("/ws", serve)])
        server = uvicorn.Server(uvicorn.Config(app, port=0, ws=WiredWebsocket, log_config=None))
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with connect(f"ws://127.0.0.1:{port}/ws", max_queue=1):
            while not taken:
                await asyncio.sleep(0.01)
        server.should_exit = True
        await running

    asyncio.run(asyncio.wait_for(scene(), 20))
    assert 1 <= taken[0] < 1000, "what waits must be bounded by the sockets' buffers"
