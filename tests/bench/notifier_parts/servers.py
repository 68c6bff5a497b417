"""Servers in a process of their own: our notifier, and ``websockets.broadcast``; both send the same messages."""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast

import numpy as np
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.server import ServerConnection, broadcast, serve

from schemas import Estimate, Pose, PoseEvent, State
from sink.database import connect
from sink.metrics import SinkMetrics
from sink.notifier.messages import dumps, pose_message
from sink.notifier.rooms import Hub, RecentPose
from sink.notifier.session import Sessions
from sink.queries import Queries
from sink.service import server_config

JOB = "bench"
_STEP_S = 0.0005
_MOST_WAITING_BYTES = 1 << 16  # asyncio's own limit, at which our notifier waits


@dataclass(frozen=True)
class Sending:
    """What a server is to send.

    Attributes:
        count: Messages.
        rate_hz: Of them; 0 is as fast as every client takes them.
        frame_bytes: With each, a binary message of this size in the room of frames.
    """

    count: int
    rate_hz: float = 0.0
    frame_bytes: int = 0


@dataclass(frozen=True)
class Sent:
    """What it took.

    Attributes:
        cpu_s: Of the server's process.
        wall_s: From the first message to the last one handed to every socket.
        started_s: ``time.time`` of each message.
    """

    cpu_s: float
    wall_s: float
    started_s: list[float]


def pose_text(seq: int) -> str:
    """The message of one object's pose."""
    seen = {"cube": Estimate(Pose(np.eye(3), np.array([0.1, 0.2, 0.5])), 0.9, State.TRACKED)}
    stages = {"transport": 0.003, "queue": 0.001, "decode": 0.004, "track": 0.005}
    times = (time.time_ns(), time.time_ns(), time.time_ns())
    return dumps(pose_message(PoseEvent(JOB, "run", seq, *times, "geometric", "3", "", seen, stage_s=stages)))


class Running:
    """A server in a process of its own; ``which`` is ``ours`` or ``broadcast``."""

    def __init__(self, which: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_run, args=(which, theirs))
        self.process.start()
        self.port = int(self._pipe.recv())

    def begin(self, sending: Sending, clients: int) -> None:
        """Start sending to so many clients; ``sent`` waits for its end."""
        self._pipe.send((sending, clients))

    def sent(self) -> Sent:
        found: Sent = self._pipe.recv()
        return found

    def close(self) -> None:
        self._pipe.send(None)
        self.process.join(30)


def _run(which: str, pipe: Connection) -> None:
    asyncio.run(_ours(pipe) if which == "ours" else _theirs(pipe))


async def _ours(pipe: Connection) -> None:
    metrics = SinkMetrics(CollectorRegistry())
    hub = Hub(metrics, lambda _: None, lambda _: None)
    sessions = Sessions(hub, Queries(connect("postgresql://nowhere")), metrics)  # nobody asks for what was missed

    async def websocket(one: WebSocket) -> None:
        await sessions.serve(one)

    config = server_config(Starlette(routes=[WebSocketRoute("/ws", websocket)]))
    config.port, config.host = 0, "127.0.0.1"
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    pipe.send(server.servers[0].sockets[0].getsockname()[1])

    counter = metrics.sent.labels("newest")

    def total() -> float:
        return counter._value.get()  # pyright: ignore[reportPrivateUsage] - a sample of the registry costs 200 us

    async def publish(seq: int, text: str, frame: bytes) -> None:
        hub.publish_pose(JOB, RecentPose("run", seq, text))
        if frame:
            hub.publish_newest(f"frames:{JOB}", frame)

    async def settled(wanted: float) -> None:
        await asyncio.sleep(0)
        while total() < wanted:
            await asyncio.sleep(_STEP_S)

    await _obey(pipe, publish, settled, total)
    server.should_exit = True
    await task


async def _theirs(pipe: Connection) -> None:
    connections = set[ServerConnection]()

    async def handler(connection: ServerConnection) -> None:
        connections.add(connection)
        await connection.wait_closed()
        connections.discard(connection)

    async def publish(_seq: int, text: str, _frame: bytes) -> None:
        broadcast(connections, text)

    async def settled(_: float) -> None:
        await asyncio.sleep(0)
        while any(one.transport.get_write_buffer_size() > _MOST_WAITING_BYTES for one in connections):
            await asyncio.sleep(_STEP_S)

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(serve(handler, "127.0.0.1", 0, compression=None))
        pipe.send(next(iter(server.sockets)).getsockname()[1])
        await _obey(pipe, publish, settled, lambda: 0.0)


async def _obey(
    pipe: Connection,
    publish: Callable[[int, str, bytes], Awaitable[None]],
    settled: Callable[[float], Awaitable[None]],
    total: Callable[[], float],
) -> None:
    """Send what the bench asks for, until it asks for no more."""
    while (asked := await asyncio.to_thread(pipe.recv)) is not None:
        sending, clients = cast("tuple[Sending, int]", asked)
        texts = [pose_text(seq) for seq in range(min(sending.count, 5000))]
        frame = _frame(sending.frame_bytes)
        before, cpu_s, start_s = total(), time.process_time(), time.perf_counter()
        started_s: list[float] = []
        for seq in range(sending.count):
            if sending.rate_hz:
                await asyncio.sleep(max(0.0, start_s + seq / sending.rate_hz - time.perf_counter()))
            started_s.append(time.time())
            await publish(seq, texts[seq % len(texts)], frame)
            if not sending.rate_hz:
                await settled(before + clients * (seq + 1))
        pipe.send(Sent(time.process_time() - cpu_s, time.perf_counter() - start_s, started_s))


def _frame(size: int) -> bytes:
    return b"" if not size else b'{"seq":0}' + bytes(size)
