"""A worker as a process or as a thread of one."""

import logging
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry, start_http_server

from consumers.broker import Broker, Partition
from consumers.heart import BeatSender, Heart
from consumers.kafka_records import is_passing
from consumers.loop import Loop, LoopSettings
from consumers.metrics import WorkerMetrics
from consumers.pose import PoseHandler
from consumers.settings import WorkerSettings
from estimators.base import Estimator
from estimators.catalogue import catalogue
from schemas import PoseEvent, StatusEvent, Track
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import POSES, STATUS, TRACKS, frames_topic, specs, worker_group

_log = logging.getLogger("posestream.consumers")

_MAX_RECORDS = 64
_PAUSE_S = 2.0
_FLUSH_S = 10.0
_TRANSACTION_S = 0.1  # nobody sees an event before its transaction is committed


def run_worker(
    settings: WorkerSettings,
    stop: threading.Event,
    loader: Callable[[str], Estimator] | None = None,
    registry: CollectorRegistry | None = None,
    broker: Broker | None = None,
) -> None:
    """Answer the frames of a pool until ``stop`` is set, then hand over and return.

    Args:
        settings: What to work on and how.
        stop: Noticed within a round: 50 ms, or one call of the estimator.
        loader: Estimator's name -> estimator; ``estimators.registry.load`` if None.
        registry: Where metrics are registered; one of its own if None.
        broker: Another broker than the Kafka of the settings.

    Raises:
        BadJob: The estimator of the settings cannot be loaded.
        Exception: Whatever the worker cannot get over; nothing was committed after it.
    """
    loader = _with_first(loader or _loader(settings), settings.estimator)
    metrics = WorkerMetrics(registry or CollectorRegistry())
    codec = Codec(settings.registry)
    beats = BeatSender(settings.kafka) if broker is None else None
    heart = Heart(settings.pool, codec, beats, estimators=catalogue(settings.weights)) if beats else None
    broker = broker or settings.broker(exactly_once=settings.delivery == "exactly_once")
    handler = PoseHandler(broker, codec, settings, metrics, loader, heart=heart)

    def on_lag(lag: Mapping[Partition, int]) -> None:
        for partition, behind in lag.items():
            metrics.lag.labels(str(partition)).set(behind)

    try:
        if not (_prepared(codec, stop) and _topics_made(broker, settings.pool, stop)):
            return
        with _served(metrics.registry, settings.metrics_port):
            Loop(broker, handler, _loop_settings(settings), on_lag=on_lag, on_commit=handler.committed).run(stop)
    finally:
        handler.close()
        if beats:
            beats.close()


def _loader(settings: WorkerSettings) -> Callable[[str], Estimator]:
    from estimators.registry import Resources, load  # torch and kernels: only where they are used

    places = (settings.weights, settings.device, settings.precision, settings.renderer)
    return partial(load, resources=Resources(settings.threads, *places))


def _loop_settings(settings: WorkerSettings) -> LoopSettings:
    exactly_once = settings.delivery == "exactly_once"
    return LoopSettings(
        group=worker_group(settings.pool),
        topics=(frames_topic(settings.pool),),
        max_records=_MAX_RECORDS,
        flush_timeout_s=min(_FLUSH_S, settings.session_timeout_ms / 1000) if exactly_once else _FLUSH_S,
        flush_interval_s=min(settings.flush_s, _TRANSACTION_S) if exactly_once else settings.flush_s,
        revoke_budget_s=settings.revoke_s,
        dead_letter_limit=settings.dead_letter_limit,
    )


def _with_first(loader: Callable[[str], Estimator], name: str) -> Callable[[str], Estimator]:
    """The loader, with one estimator loaded already; with none where the name is empty."""
    if not name:
        return loader
    first = {name: loader(name)}
    return lambda wanted: first.pop(wanted, None) or loader(wanted)


def _prepared(codec: Codec, stop: threading.Event) -> bool:
    """Ask for the schemas of all that a worker says before there is work; False where ``stop`` came first."""
    for topic, kind in ((POSES, PoseEvent), (TRACKS, Track), (STATUS, StatusEvent)):
        while True:
            try:
                codec.prepare(topic, kind)
                break
            except RegistryUnavailable as error:
                _log.warning("waiting: %s", error)
                if stop.wait(_PAUSE_S):
                    return False
    return True


def _topics_made(broker: Broker, pool: str, stop: threading.Event) -> bool:
    """A worker may be the first of its pool, and before the broker; False where ``stop`` came first."""
    while True:
        try:
            broker.ensure_topics(specs([pool]))
        except KafkaException as error:
            if not is_passing(error.args[0]):
                raise
            _log.warning("waiting: %s", error.args[0])
            if stop.wait(_PAUSE_S):
                return False
        else:
            return True


@contextmanager
def _served(registry: CollectorRegistry, port: int | None) -> Generator[None]:
    """``/metrics`` on loopback while the block runs; nothing where ``port`` is None."""
    if port is None:
        yield
        return
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    _log.info("metrics at http://127.0.0.1:%d/metrics", server.server_port)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
