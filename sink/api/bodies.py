"""Limits of what comes in: no body is larger or slower than a request of ours can be."""

import asyncio
import time
from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sink.people.problem import problem

MOST_BYTES = (4 << 20) + 1
PATIENCE_S = 30.0


class _TooMuchError(Exception):
    """Raised where the application reads on."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class BodyLimit:
    """ASGI middleware: 413 for more than 4 MiB, 408 for a body that takes longer than 30 s.

    Args:
        app: What is guarded.
        patience_s: How long a body may take.
    """

    def __init__(self, app: ASGIApp, patience_s: float = PATIENCE_S) -> None:
        self._app = app
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The middleware's ASGI entry."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusals: list[_TooMuchError] = []
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            if refusals:  # the framework makes an answer of its own of what it could not read; ours is the true one
                return
            begun = True
            await send(message)

        with suppress(_TooMuchError):
            await self._app(scope, self._limited(receive, refusals), sending)
        if refusals and not begun:
            await problem(refusals[0].status, str(refusals[0]), {"Connection": "close"})(scope, receive, send)

    def _limited(self, receive: Receive, refusals: list[_TooMuchError]) -> Receive:
        until_s = time.monotonic() + self._patience_s
        came, whole = 0, False

        async def receiving() -> Message:
            nonlocal came, whole
            if whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.0, until_s - time.monotonic()))
            except TimeoutError as error:
                refusals.append(_TooMuchError(408, f"body: expected all of it within {self._patience_s:g} s"))
                raise refusals[0] from error
            came += len(message.get("body", b""))
            whole = message["type"] == "http.disconnect" or not message.get("more_body", False)
            if came > MOST_BYTES:
                refusals.append(_TooMuchError(413, f"body: expected at most {MOST_BYTES - 1} bytes"))
                raise refusals[0]
            return message

        return receiving
