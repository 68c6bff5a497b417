"""The notifier: the page's HTTP routes, the websocket and what feeds them."""

import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocket

from consumers.kafka import KafkaBroker
from schemas.codec import Codec
from sink.metrics import SinkMetrics
from sink.notifier.archive import Archive
from sink.notifier.entrance import Entrance
from sink.notifier.feed import EventFeed
from sink.notifier.routes import Routes
from sink.notifier.session import Sessions
from sink.notifier.watching import Watching
from sink.people.rights import Principal
from sink.queries import Queries

_STATIC = Path(__file__).with_name("static")
_JOIN_S = 5.0

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def make_notifier(
    kafka: str,
    codec: Codec,
    queries: Queries,
    metrics: SinkMetrics,
    hearing: threading.Event,
    on_failure: Callable[[BaseException], None],
    readable: Callable[[Principal], frozenset[str] | None],
    entrance: Entrance | None = None,
) -> tuple[list[BaseRoute], Lifespan]:
    """The routes of the page and the websocket, and what runs their feeds from start-up to shutdown.

    Args:
        kafka: Bootstrap servers.
        codec: Reads the records.
        queries: Reads the tables.
        metrics: Where it counts; ``/metrics`` shows its whole registry.
        hearing: Set here while pose events are read from Kafka.
        on_failure: Told, in the feed's thread, what ended the event feed: without it the process is of no use.
        readable: The jobs that somebody may read; None for all.
        entrance: Who may be in which room of the websocket; everybody in all if None.
    """
    routes = Routes(queries, metrics, hearing, readable, Archive(KafkaBroker(kafka), codec))

    @asynccontextmanager
    async def running(app: Starlette) -> AsyncGenerator[None]:
        watching = Watching(kafka, codec, queries, metrics)
        app.state.sessions = Sessions(watching.hub, queries, metrics, entrance)
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

    shown: list[BaseRoute] = [
        Route("/", _page),
        Mount("/static", StaticFiles(directory=_STATIC)),
        WebSocketRoute("/ws", _websocket),
        *routes.all(),
    ]
    return shown, running


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
