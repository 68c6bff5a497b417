"""A TCP proxy that can be cut, slow or lossy; clients reach the broker through it alone.

It works on connections, not on packets: a lost packet is what TCP makes of it, a pause of that connection until it is
sent again, and never a missing byte.
"""

import asyncio
import random
import threading
from contextlib import suppress

_CHUNK_BYTES = 1460
"""A packet's worth on Ethernet: what a loss strikes."""
_AGAIN_S = 0.2
"""Linux sends a lost packet again after 200 ms at the earliest."""
_READ_BYTES = 64 * 1024


class Proxy:
    """Forwards a port of loopback to another, in a thread of its own.

    Attributes:
        port: Where it listens.
        delay_s: Held back this long in each direction.
        loss: Part of the packets that come only when they are sent again.
    """

    def __init__(self, target: int, rng: random.Random) -> None:
        self.delay_s = 0.0
        self.loss = 0.0
        self._target = target
        self._rng = rng
        self._cut = False
        self._connections: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = self._run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """End all connections and refuse new ones."""
        self._run(self._cut_all())

    def mend(self) -> None:
        """As a wire again."""
        self._cut, self.delay_s, self.loss = False, 0.0, 0.0

    def close(self) -> None:
        """Stop."""
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _cut_all(self) -> None:
        self._cut = True
        for writer in self._connections:
            writer.transport.abort()

    async def _stop(self) -> None:
        self._server.close()
        await self._cut_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:  # the broker is down
            writer.transport.abort()
            return
        self._connections |= {writer, far_writer}
        ways = [
            asyncio.create_task(self._pass(reader, far_writer)),
            asyncio.create_task(self._pass(far_reader, writer)),
        ]
        self._tasks |= set(ways)
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, far_writer):
            end.transport.abort()
            self._connections.discard(end)
        await asyncio.gather(*ways, return_exceptions=True)
        self._tasks -= set(ways)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One direction: bytes wait their time in a queue, so that a delay costs no throughput."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(1000)
        out = asyncio.create_task(self._deliver(waiting, writer))
        due_s = 0.0
        with suppress(OSError):
            while data := await reader.read(_READ_BYTES):
                due_s = max(due_s, self._loop.time() + self.delay_s + self._again_s(len(data)))
                await waiting.put((due_s, data))
        await waiting.put((due_s, b""))
        await out

    async def _deliver(self, waiting: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while True:
                due_s, data = await waiting.get()
                if due_s > self._loop.time():
                    await asyncio.sleep(due_s - self._loop.time())
                if not data:
                    return
                writer.write(data)
                await writer.drain()

    def _again_s(self, size_bytes: int) -> float:
        """How long what is lost of so many bytes holds up all of them; a second loss waits twice as long."""
        waits_s = 0.0
        for _ in range(0, size_bytes, _CHUNK_BYTES):
            again_s = _AGAIN_S
            while self._rng.random() < self.loss:
                waits_s, again_s = max(waits_s, again_s), again_s * 2
        return waits_s
