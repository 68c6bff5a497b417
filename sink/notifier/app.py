"""The notifier as an ASGI application: HTTP routes, the websocket and what feeds them."""

import threading
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from schemas.codec import Codec
from sink.metrics import SinkMetrics
from sink.notifier.feed import EventFeed
from sink.notifier.guard import Guard
from sink.notifier.routes import Routes, plain_errors
from sink.notifier.session import Sessions
from sink.notifier.watching import Watching
from sink.queries import Queries

_STATIC = Path(__file__).with_name("static")
_JOIN_S = 5.0


def make_app(
    kafka: str,
    codec: Codec,
    queries: Queries,
    metrics: SinkMetrics,
    hosts: Collection[str],
    hearing: threading.Event,
    on_failure: Callable[[BaseException], None],
) -> Starlette:
    """The application; its feeds run from its start-up to its shutdown.

    Args:
        kafka: Bootstrap servers.
        codec: Reads the records.
        queries: Reads the tables.
        metrics: Where it counts; ``/metrics`` shows its whole registry.
        hosts: ``name:port`` values that ``Host`` and ``Origin`` may name.
        hearing: Set here while pose events are read from Kafka.
        on_failure: Told, in the feed's thread, what ended the event feed: without it the process is of no use.
    """
    routes = Routes(queries, metrics, hearing)

    @asynccontextmanager
    async def running(app: Starlette) -> AsyncGenerator[None]:
        watching = Watching(kafka, codec, queries, metrics)
        app.state.sessions = Sessions(watching.hub, queries, metrics)
        feed = EventFeed(kafka, codec, watching.hear_pose, watching.hear_status, metrics)
        stop = threading.Event()
        thread = threading.Thread(target=_run_feed, args=(feed, stop, hearing, on_failure), name="event-feed")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            await run_in_threadpool(watching.close)
            await run_in_threadpool(thread.join, _JOIN_S)

    return Starlette(
        routes=[
            Route("/", _page),
            Mount("/static", StaticFiles(directory=_STATIC)),
            WebSocketRoute("/ws", _websocket),
            *routes.all(),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers=plain_errors(),
        lifespan=running,
    )


def _run_feed(
    feed: EventFeed, stop: threading.Event, hearing: threading.Event, on_failure: Callable[[BaseException], None]
) -> None:
    try:
        feed.run(stop, hearing.set)
    except BaseException as error:  # noqa: BLE001 - handed on to whoever runs the process
        hearing.clear()
        on_failure(error)


async def _page(_: Request) -> FileResponse:
    return FileResponse(_STATIC / "index.html", headers={"Cache-Control": "no-cache"})


async def _websocket(websocket: WebSocket) -> None:
    await websocket.app.state.sessions.serve(websocket)
