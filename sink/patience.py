"""How long a client of HTTP may take: uvicorn itself waits for the head of a request, and for who reads, for ever."""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_S = 10.0
READ_S = 60.0
MOST_CONNECTIONS = 2000


class PatientProtocol(H11Protocol):
    """Closes a connection whose request's head is not there after ``HEAD_S``, or that takes nothing for ``READ_S``.

    The time of a head runs from the connection, or from the answer before it; that of reading while more waits to be
    written than fits. Requests that are being answered and websockets take as long as they like.
    """

    head_s = HEAD_S
    read_s = READ_S

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own
        super().__init__(*arguments, **named)
        self._head: asyncio.TimerHandle | None = None
        self._read: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] - as uvicorn has it
        """The first head is waited for."""
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        """A head may be whole now."""
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """The next head is waited for."""
        super().on_response_complete()
        self._look()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """From here on it is not our connection."""
        super().handle_websocket_upgrade(event)
        self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for."""
        self._stop()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        super().pause_writing()
        if self._read is None:
            self._read = self.loop.call_later(self.read_s, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        super().resume_writing()
        if self._read is not None:
            self._read.cancel()
            self._read = None

    def _look(self) -> None:
        waiting = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr] - None at first
        if self.transport.is_closing() or self.transport.get_protocol() is not self:
            self._stop()
        elif waiting and self._head is None:
            self._head = self.loop.call_later(self.head_s, self.transport.close)
        elif not waiting and self._head is not None:
            self._head.cancel()
            self._head = None

    def _stop(self) -> None:
        for timer in (self._head, self._read):
            if timer is not None:
                timer.cancel()
        self._head = self._read = None
