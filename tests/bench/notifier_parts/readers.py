"""Many websockets in one process that costs little: raw sockets, whose messages are counted and thrown away."""

import base64
import json
import os
import re
import selectors
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

_PIECE = 1 << 18
_PATIENCE_S = 120.0
_SEQ = re.compile(rb'"seq":(\d+)')


@dataclass
class Reader:
    """One client.

    Attributes:
        messages: Poses and frames that came.
        seen: (number, seconds of ``time.time``) of each, where that is asked for.
    """

    connection: socket.socket
    keep: bool = False
    messages: int = 0
    seen: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    _rest: bytes = b""

    def take(self) -> None:
        """Read what is there."""
        data = self.connection.recv(_PIECE)
        if not data:
            msg = f"a client was closed after {self.messages} messages"
            raise ConnectionError(msg)
        data, at = self._rest + data, 0
        while (end := _end_of(data, at)) <= len(data) and end > at:
            found = _SEQ.search(data, at, min(end, at + 300))
            if found:
                self.messages += 1
                if self.keep:
                    self.seen.append((int(found[1]), time.time()))
            at = end
        self._rest = data[at:]


def _end_of(data: bytes, at: int) -> int:
    """Where the message that begins at a place ends; past the end of the data where that is not known yet."""
    if len(data) - at < 10:  # the longest header
        short = data[at + 1] & 127 if len(data) - at >= 2 else 126
        return at + 2 + short if short < 126 else len(data) + 1
    length = data[at + 1] & 127
    if length < 126:
        return at + 2 + length
    size = 2 if length == 126 else 8
    return at + 2 + size + int.from_bytes(data[at + 2 : at + 2 + size], "big")


def opened(port: int, requests: Sequence[Mapping[str, object]], receive_bytes: int | None = None) -> socket.socket:
    """A websocket on which these requests were sent; the answer to its handshake was read."""
    made = socket.socket()
    if receive_bytes is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.settimeout(_PATIENCE_S)
    made.connect(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    lines = ("GET /ws HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade")
    asked = "\r\n".join((*lines, f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", "", ""))
    made.sendall(asked.encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += made.recv(1)
    if b" 101 " not in answer.splitlines()[0]:
        msg = f"expected a websocket, got {answer.splitlines()[0]!r}"
        raise ConnectionError(msg)
    for request in requests:
        made.sendall(_masked(json.dumps(request).encode()))
    return made


def _masked(payload: bytes) -> bytes:
    """A text message of a client: masked, as the protocol wants, with zeros."""
    return bytes((0x81, 0x80 | len(payload))) + bytes(4) + payload


def read_all(readers: Sequence[Reader], enough: Callable[[Reader], bool], limit_s: float = _PATIENCE_S) -> None:
    """Read until it is enough for each of them, or the time is over."""
    selector = selectors.DefaultSelector()
    for one in readers:
        one.connection.settimeout(0)
        selector.register(one.connection, selectors.EVENT_READ, one)
    waiting, give_up_s = {id(one) for one in readers if not enough(one)}, time.monotonic() + limit_s
    while waiting and time.monotonic() < give_up_s:
        for key, _ in selector.select(1.0):
            reader: Reader = key.data
            reader.take()
            if enough(reader):
                waiting.discard(id(reader))
    selector.close()
