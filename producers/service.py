"""Runs one source into one job."""

import logging
import secrets
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from prometheus_client import CollectorRegistry, start_http_server

from producers.client import JobClient
from producers.headroom import Headroom
from producers.heart import ProducerHeart
from producers.metrics import ProducerMetrics
from producers.pacing import Pacer
from producers.publish import Counts, FramePublisher
from producers.resume import has_ended, unfinished_run
from producers.run import Run
from producers.settings import ProduceSettings
from producers.sources.base import LiveSource, Notice, Source, SourceError
from producers.wishes import JobCancelled, Wishes
from schemas import Frame, Heartbeat, Job, Mode, PosestreamError, SeqRange, StatusEvent
from schemas.codec import Codec
from schemas.event import END_OF_STREAM, START_OF_STREAM
from schemas.images import FrameEncoding
from schemas.topics import HEARTBEATS, STATUS, frames_topic

_log = logging.getLogger("posestream.producers")

_SETTLE_S = 300.0
_SETTLE_STOPPED_S = 10.0
_LAST_BEAT_S = 1.0


class IncompleteRun(PosestreamError):
    """A run of a job in mode ``all`` came to its end, but not with every frame."""


@dataclass(frozen=True, slots=True)
class ProduceReport:
    """What a producer did.

    Attributes:
        run_id: The run it fed; "" where ``once`` left nothing to do.
        first_seq: Its first frame; above 0 where it went on with an interrupted run.
        frames: Frames read from the source, damaged ones included.
        delivered: Frames acknowledged by the broker.
        dropped: Frames given up on; their ranges are on ``status``.
        sent_bytes: Size of the messages, before Kafka's client compresses them.
        seconds: From the first frame to the last acknowledgement.
        ended: The source came to its end; else it was stopped and the run may go on.
    """

    run_id: str
    first_seq: int
    frames: int
    delivered: int
    dropped: int
    sent_bytes: int
    seconds: float
    ended: bool


def produce(
    settings: ProduceSettings,
    job: Job,
    source: Source,
    stop: Event,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    metrics: ProducerMetrics | None = None,
) -> ProduceReport:
    """Publish a source's frames from where the job's last run stands, until the source ends or ``stop``.

    Every picture has its number in the run. One that is damaged, too large, or in mode ``live`` not taken in time
    is published as a range on ``status`` instead, with the reason.

    Args:
        settings: Addresses, pace and encoding.
        job: Whose frames these are.
        source: Where they come from.
        stop: Ends it early, with every frame read so far delivered; the run may go on later.
        on_progress: Called with frames done and frames in all, 0 where nobody knows.
        metrics: Where to count.

    Raises:
        BrokerSilent: No answer from Kafka at the start.
        DeliveryError: Kafka did not take what must not be lost; the next start goes on from there.
        JobCancelled: The job was cancelled or removed meanwhile.
        IncompleteRun: Mode ``all``, and the run ended without some frames.
        SourceError: The source failed; what was read before is delivered and the run may go on.
    """
    metrics = metrics or ProducerMetrics()
    codec = Codec(settings.registry)
    if settings.once and has_ended(settings.kafka, codec, job):
        return ProduceReport("", 0, 0, 0, 0, 0, 0.0, ended=True)
    run_id, first_seq = _place(settings, codec, job, source)
    codec.prepare(frames_topic(job.pool), Frame)
    codec.prepare(STATUS, StatusEvent)  # it must be able to tell what it drops while the registry is away
    codec.prepare(HEARTBEATS, Heartbeat)
    client, pacer = JobClient(settings.kafka, job), Pacer(settings.rate, stop.wait)
    publisher = _publisher(settings, codec, job, run_id, source, metrics, stop, client)
    run = Run(job, run_id, first_seq, source, publisher, pacer)
    heart = ProducerHeart(client, codec, job, run_id, source.frame_count)
    with (
        _served(metrics.registry, settings.metrics_port),
        _headroom(settings.kafka, job, stop) as wait_for_workers,
        closing(Wishes(settings.kafka, codec, job, stop.wait)) as wishes,
    ):
        if first_seq == 0:  # before the first frame: a start after a crash looks for it
            publisher.tell(START_OF_STREAM + source.name, None, _SETTLE_STOPPED_S)

        def serve() -> None:
            publisher.serve()
            heart.beat(run.next_seq)

        def on_frame() -> None:
            metrics.follow(publisher.counts)
            on_progress(run.next_seq, source.frame_count)
            heart.beat(run.next_seq)
            wait_for_workers(publisher.counts, serve)
            pacer.shift(wishes.heed(serve))

        began_s = time.monotonic()
        try:
            ended = _played(run, publisher, on_frame, metrics.notice, stop)
        finally:
            if isinstance(source, LiveSource):
                source.close()
            heart.leave()
            client.flush(_LAST_BEAT_S)
        metrics.follow(publisher.counts)
    report = _report(publisher.counts, run_id, first_seq, time.monotonic() - began_s, ended=ended)
    if ended and job.mode is Mode.ALL and report.dropped:
        lost = f"{report.dropped} of {report.frames} frames"
        msg = f"job {job.id}, run {run_id}: {lost} could not be published; topic status has their ranges and reasons"
        raise IncompleteRun(msg)
    return report


def new_run_id(now: datetime) -> str:
    """An id that sorts by time and is not given twice, such as ``20261124T101500-9f3c``."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _played(
    run: Run,
    publisher: FramePublisher,
    on_frame: Callable[[], None],
    on_notice: Callable[[Notice], None],
    stop: Event,
) -> bool:
    """Whether the source came to its end; all that was published is delivered."""
    try:
        ended = run.go(on_frame, on_notice)
    except SourceError as error:
        publisher.note(f"source failed: {error}")
        publisher.settle(_SETTLE_S)
        raise
    except JobCancelled:
        publisher.settle(_SETTLE_STOPPED_S)
        raise
    if ended and run.next_seq > 0:
        publisher.tell(END_OF_STREAM, SeqRange(0, run.next_seq - 1), _SETTLE_S)
    else:
        publisher.settle(_SETTLE_STOPPED_S if stop.is_set() else _SETTLE_S)
    return ended


def _place(settings: ProduceSettings, codec: Codec, job: Job, source: Source) -> tuple[str, int]:
    """The run to feed and its next frame."""
    unfinished = None if settings.new_run else unfinished_run(settings.kafka, codec, job)
    if unfinished is not None and unfinished.source == source.name:
        _log.info("job %s: run %s goes on at frame %d", job.id, unfinished.run_id, unfinished.next_seq)
        return unfinished.run_id, unfinished.next_seq
    if unfinished is not None:
        _log.warning(
            "job %s: run %s of %s stays unfinished, this is %s",
            job.id,
            unfinished.run_id,
            unfinished.source,
            source.name,
        )
    return new_run_id(datetime.now(UTC)), 0


def _publisher(
    settings: ProduceSettings,
    codec: Codec,
    job: Job,
    run_id: str,
    source: Source,
    metrics: ProducerMetrics,
    stop: Event,
    client: JobClient,
) -> FramePublisher:
    return FramePublisher(
        client,
        codec,
        job,
        run_id,
        FrameEncoding(settings.rgb, settings.jpeg_quality, settings.depth, source.depth_unit_m),
        settings.queue_frames,
        trace_share=settings.trace_share,
        on_delivered=metrics.delivered,
        stopped=stop.is_set,
    )


@contextmanager
def _headroom(kafka: str, job: Job, stop: Event) -> Generator[Callable[[Counts, Callable[[], None]], None]]:
    """What waits for the workers in mode ``all``; in the others nothing does."""
    if job.mode is not Mode.ALL:
        yield lambda _counts, _serve: None
        return
    headroom = Headroom(kafka, job, stop.wait)
    try:
        yield headroom.wait
    finally:
        headroom.close()


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


def _report(counts: Counts, run_id: str, first_seq: int, seconds: float, *, ended: bool) -> ProduceReport:
    return ProduceReport(
        run_id, first_seq, counts.frames, counts.delivered, counts.dropped, counts.sent_bytes, seconds, ended
    )
