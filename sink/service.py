"""The sink's process: stores events and serves the notifier; for the command line, the demo and tests."""

import logging
import os
import socket
import threading
from collections.abc import Callable
from functools import partial

import uvicorn
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from consumers.kafka import KafkaBroker
from consumers.loop import Loop, LoopSettings
from schemas import PosestreamError
from schemas.codec import Codec
from schemas.topics import HEARTBEATS, JOB_REQUESTS, JOBS, POSES, STATUS, specs
from sink.api.job_making import JobMaker
from sink.api.mesh_store import MeshStore
from sink.api.places import ModelFolders
from sink.api.services import Services
from sink.behind import quick_switches
from sink.database import connect, migrate_when_up
from sink.feeding.commands import Commands
from sink.feeding.desk import SourceDesk
from sink.feeding.service import feed
from sink.handler import TOPICS, SinkHandler
from sink.jobs import job_book
from sink.metrics import SinkMetrics
from sink.notifier.app import make_notifier
from sink.notifier.entrance import Entrance
from sink.notifier.guard import own_hosts
from sink.notifier.wire import WiredWebsocket
from sink.patience import MOST_CONNECTIONS, PatientProtocol
from sink.people.accounts import FIRST_ADMIN
from sink.people.secret import signing_secret
from sink.queries import Queries
from sink.requests.service import take_requests
from sink.settings import SinkSettings
from sink.store import Store
from sink.topic_ids import topic_ids
from sink.watchman import watch
from sink.web import make_web

_log = logging.getLogger("posestream.sink")

_MAX_REQUEST_BYTES = 64 * 1024
_PING_S = 20.0


class PortTaken(PosestreamError):
    """The notifier's port cannot be bound."""


def run_sink(settings: SinkSettings, stop: threading.Event, on_ready: Callable[[str], None]) -> None:
    """Store events and serve the page until ``stop`` is set; blocking.

    Args:
        settings: Where everything is.
        stop: Ends it, from any thread.
        on_ready: Called once with the page's address when events are read and the page answers.

    Raises:
        DatabaseUnusable: Postgres refuses us, or is too old; where it does not answer at the start it is waited for.
        PortTaken: The port is in use.
        Exception: Whatever the loop, the feed or the server could not get over.
    """
    with _bound(settings.host, settings.port) as listener:
        engine = connect(settings.database)
        try:
            if not migrate_when_up(engine, stop):
                return
            KafkaBroker(settings.kafka).ensure_topics([one for one in specs(()) if _ours(one.name)])
            _Sink(settings, stop, engine).run(listener, Store(engine), Queries(engine), on_ready)
        finally:
            engine.dispose()


class _Sink:
    """The threads of one sink; the first failure ends all of them."""

    def __init__(self, settings: SinkSettings, stop: threading.Event, engine: Engine) -> None:
        self._settings = settings
        self._engine = engine
        self._asked = stop
        self._over = threading.Event()
        self._hearing = threading.Event()
        self._failure: BaseException | None = None
        self._metrics = SinkMetrics(CollectorRegistry())
        self._codec = Codec(settings.registry)

    def run(self, listener: socket.socket, store: Store, queries: Queries, on_ready: Callable[[str], None]) -> None:
        host, port = listener.getsockname()[:2]
        maker = self._maker(queries)
        server = uvicorn.Server(server_config(self._web(maker, queries, own_hosts(host, port))))
        threads = [threading.Thread(target=self._guarded, args=(partial(server.run, [listener]),), name="notifier")]
        for work, name in self._works(store, maker):
            threads.append(threading.Thread(target=self._guarded, args=(work,), name=name))
        for thread in threads:
            thread.start()
        self._wait(server, f"http://{host}:{port}/", on_ready)
        self._over.set()
        server.should_exit = True
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure
        if not self._asked.is_set():
            msg = "the sink ended without being asked to; its log says why"
            raise RuntimeError(msg)

    def _works(self, store: Store, maker: JobMaker) -> list[tuple[Callable[[], None], str]]:
        settings, codec = self._settings, self._codec
        found: list[tuple[Callable[[], None], str]] = []
        if settings.write:
            watching = partial(watch, settings.kafka, codec, self._engine, self._over)
            found += [(partial(self._store, store), "sink"), (watching, "watchman")]
        if settings.write and settings.managed_producers:
            found.append((partial(feed, settings, codec, self._engine, self._over), "feeding"))
        if settings.requests:
            found.append((partial(take_requests, settings, codec, maker, self._over), "requests"))
        return found

    def _maker(self, queries: Queries) -> JobMaker:
        services = _services(self._settings, self._engine, queries, self._codec)
        folders, meshes = ModelFolders(self._settings.folders()), MeshStore(self._engine, self._settings.mesh_folder)
        return JobMaker(services, folders, meshes)

    def _web(self, maker: JobMaker, queries: Queries, hosts: frozenset[str]) -> object:
        settings, codec, services = self._settings, self._codec, maker.services
        entrance = None
        if services.has_accounts:
            people = (services.sessions, services.ownership, services.tickets, services.audit)
            entrance = Entrance(*people, services.per_address)
        feeding = (settings.kafka, codec, queries, self._metrics, self._hearing, self._fail)
        routes, lifespan = make_notifier(*feeding, services.ownership.readable, entrance)
        return make_web(services, routes, lifespan, hosts, settings.hosts(), maker)

    def _wait(self, server: uvicorn.Server, address: str, on_ready: Callable[[str], None]) -> None:
        told = False
        while not (self._asked.wait(0.02 if not told else 0.2) or self._over.is_set()):
            if not told and server.started and self._hearing.is_set():
                on_ready(address)
                told = True

    def _store(self, store: Store) -> None:
        handler = SinkHandler(self._codec, store, partial(topic_ids, self._settings.kafka), self._metrics)
        loop_settings = LoopSettings(
            self._settings.group,
            TOPICS,
            flush_interval_s=self._settings.flush_s,
            dead_letter_limit=self._settings.dead_letter_limit,
        )
        loop = Loop(self._settings.broker(), handler, loop_settings)
        for topic in TOPICS:
            self._metrics.lag.labels(topic).set_function(partial(_lag, loop, topic))
        try:
            with quick_switches():
                loop.run(self._over)
        finally:
            handler.close()

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again by run
            self._fail(error)
        finally:
            self._over.set()

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error
        self._over.set()


def _services(settings: SinkSettings, engine: Engine, queries: Queries, codec: Codec) -> Services:
    """With accounts: the secret is read, and the first admin is made."""
    secret = signing_secret(settings.secret_file) if settings.accounts else None
    book = partial(job_book, settings.kafka, codec)
    made = Services(engine, queries, book, secret, settings.jobs_per_user, _desk(settings))
    if made.has_accounts and made.accounts.make_first_admin():
        _log.warning("the account %s was made; to log in: posestream user set-password %s", *[FIRST_ADMIN] * 2)
    return made


def _desk(settings: SinkSettings) -> SourceDesk:
    folders = [*settings.source_paths(), *settings.folders()]
    look = Commands(settings, os.environ).objects
    return SourceDesk(settings.rules(), look, folders, settings.managed_producers, settings.producers_per_user)


def server_config(app: object) -> uvicorn.Config:
    """How the web server serves an ASGI application: no log of accesses, limits on the size of messages, pings."""
    return uvicorn.Config(
        app,  # type: ignore[arg-type] - Starlette follows the protocol
        http=PatientProtocol,
        limit_concurrency=MOST_CONNECTIONS,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws=WiredWebsocket,
        ws_max_size=_MAX_REQUEST_BYTES,
        ws_ping_interval=_PING_S,
        ws_ping_timeout=_PING_S,
        ws_per_message_deflate=False,  # JPEG does not shrink, and poses are small
        timeout_graceful_shutdown=2,
        server_header=False,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        msg = f"page: expected to listen on {host}:{port}, got: {error.strerror}; choose another --port, 0 for any"
        raise PortTaken(msg) from error
    return listener


def _ours(topic: str) -> bool:
    return topic.removesuffix(".dlq") in (POSES, STATUS, JOBS, HEARTBEATS, JOB_REQUESTS)


def _lag(loop: Loop, topic: str) -> float:
    return float(sum(count for partition, count in loop.lag().items() if partition.topic == topic))
