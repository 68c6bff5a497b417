"""A body that is too large or too slow ends with an answer, not with memory or a worker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from sink.api.bodies import MOST_BYTES, BodyLimit


async def count(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def answer(receive: Callable[[], Awaitable[Message]], patience_s: float = 5.0) -> tuple[int, bytes]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {"type": "http", "method": "PUT", "path": "/", "headers": [], "query_string": b""}
    asyncio.run(BodyLimit(count, patience_s)(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def pieces(count: int, size: int) -> Callable[[], Awaitable[Message]]:
    left = [count]

    async def receive() -> Message:
        left[0] -= 1
        return {"type": "http.request", "body": bytes(size), "more_body": left[0] > 0}

    return receive


def test_a_body_within_the_limits_goes_through() -> None:
    assert answer(pieces(3, 1000)) == (200, b"3000")
    assert answer(pieces(1, MOST_BYTES))[0] == 200


def test_a_body_without_an_end_is_stopped_when_it_is_too_large() -> None:
    assert answer(pieces(10**9, 1 << 20))[0] == 413


def test_a_body_that_drips_is_stopped_when_it_is_too_slow() -> None:
    async def drip() -> Message:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert answer(drip, patience_s=0.1)[0] == 408
