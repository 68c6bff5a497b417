"""Slow clients on real sockets: those that keep the server waiting are closed, those that are answered are not."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from websockets.sync.client import connect

from sink.patience import PatientProtocol

HEAD_S, READ_S = 1.0, 1.0
LATE_S = 20.0  # a busy machine; without the limit it is for ever
LARGE = bytes(64 << 20)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Impatient(PatientProtocol):
    head_s, read_s = HEAD_S, READ_S


class Served:
    """An application that answers slowly, largely or over a websocket, and says what ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        config = uvicorn.Config(
            self.app,
            http=Impatient,
            ws="websockets-sansio",
            interface="asgi3",
            log_config=None,
            lifespan="off",
            timeout_keep_alive=60,
        )
        self._server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([listener],))
        self._thread.start()

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await asyncio.sleep(2 * HEAD_S)
            await send({"type": "websocket.send", "text": "still here"})
            return
        await asyncio.sleep(2 * HEAD_S if scope["path"] == "/slow" else 0)
        body = LARGE if scope["path"] == "/large" else b"ok"
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for at in range(0, len(body), 1 << 20):
            await send({"type": "http.response.body", "body": body[at : at + (1 << 20)], "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.ended.append(scope["path"])

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=LATE_S)

    def ask(self, client: socket.socket, request: bytes) -> bytes:
        """The whole answer."""
        client.sendall(request)
        answer = b""
        while not answer.endswith(b"\r\n\r\nok"):
            answer += client.recv(4096) or b" closed\r\n\r\nok"
        return answer

    def drip(self, client: socket.socket) -> float:
        """Send a head byte by byte; seconds until that fails."""
        began_s = time.monotonic()
        client.sendall(b"GET / HTTP/1.1\r\nX: ")
        while (passed_s := time.monotonic() - began_s) < LATE_S:
            try:
                client.sendall(b"a")
            except OSError:
                break
            time.sleep(0.05)
        return passed_s

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    made = Served()
    yield made
    made.close()


def test_a_client_that_says_nothing_is_closed(served: Served) -> None:
    with served.client() as client:
        began_s = time.monotonic()
        assert client.recv(1) == b""
        assert time.monotonic() - began_s >= HEAD_S * 0.9


@pytest.mark.parametrize("before", [b"", GET], ids=["first", "next"])
def test_a_head_that_comes_byte_by_byte_is_not_waited_for(served: Served, before: bytes) -> None:
    with served.client() as client:
        if before:
            assert b"200 OK" in served.ask(client, before)
        assert served.drip(client) < LATE_S


def test_an_answer_may_take_longer_than_a_head(served: Served) -> None:
    with served.client() as client:
        assert b"200 OK" in served.ask(client, GET.replace(b"/ ", b"/slow ", 1))
        assert b"200 OK" in served.ask(client, GET), "the connection is still good"


def test_a_client_that_does_not_read_is_cut_off(served: Served) -> None:
    with served.client() as client:
        client.sendall(GET.replace(b"/ ", b"/large ", 1))
        deadline_s = time.monotonic() + LATE_S
        while "/large" not in served.ended:  # the answer's task ends although nobody took it
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        came = 0
        try:
            while data := client.recv(1 << 20):
                came += len(data)
        except ConnectionResetError:
            pass
        assert came < len(LARGE)


def test_a_websocket_is_no_head(served: Served) -> None:
    with connect(f"ws://127.0.0.1:{served.port}/") as client:
        assert client.recv(LATE_S) == "still here"
