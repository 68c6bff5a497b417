"""A websocket that takes messages already framed, so that what goes to many clients is encoded once.

ASGI knows no such message: every client's own would be encoded again, by a task that must first be woken for it.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

EXTENSION = "posestream.wire"
"""Under this name a scope's ``extensions`` hold the ``Wire`` of its connection, where the server gives one."""


class Wire(Protocol):
    """Where framed messages go; used in the event loop's thread."""

    def write(self, framed: bytes) -> bool:
        """Send a framed message now; False, and nothing is sent, where the connection is full or not open."""
        ...


class WiredWebsocket(WebSocketsSansIOProtocol):
    """uvicorn's websocket, which offers itself as a ``Wire``."""

    def handle_connect(self, event: Request) -> None:
        """As uvicorn does; the application's task, which reads the scope, begins after this."""
        super().handle_connect(event)
        if not self.handshake_complete:  # it was not refused
            extensions: dict[str, Any] = self.scope["extensions"]  # type: ignore[assignment] - a dict of ours, too
            extensions[EXTENSION] = self

    def write(self, framed: bytes) -> bool:
        """See ``Wire``."""
        closed = self.close_sent or self.disconnected or self.conn.state is not State.OPEN
        if closed or not self.handshake_complete or not self.writable.is_set():
            return False
        self.transport.write(framed)
        return True


def wire_of(scope: Mapping[str, Any]) -> Wire | None:
    """The wire of a connection; None where its server gives none."""
    found: Wire | None = (scope.get("extensions") or {}).get(EXTENSION)
    return found


def framed(message: str | bytes) -> bytes:
    """A whole message as a server sends it: unmasked (RFC 6455, 5.1) and never compressed."""
    if isinstance(message, str):
        return Frame(Opcode.TEXT, message.encode()).serialize(mask=False)
    return Frame(Opcode.BINARY, message).serialize(mask=False)
