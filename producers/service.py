"""Runs one source into one job."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

from producers.headroom import Headroom
from producers.metrics import ProducerMetrics
from producers.publish import FramePublisher
from producers.resume import last_progress
from producers.settings import ProduceSettings
from producers.sources.base import Source
from schemas import Frame, Job, Mode
from schemas.codec import Codec
from schemas.images import FrameEncoding

_FINISH_TIMEOUT_S = 300.0


@dataclass(frozen=True, slots=True)
class ProduceReport:
    """What a producer did.

    Attributes:
        run_id: The run it fed.
        first_seq: Its first frame; above 0 where it went on with an interrupted run.
        frames: Frames read from the source.
        delivered: Frames acknowledged by the broker.
        dropped: Frames given up on; their ranges are on ``status``.
        sent_bytes: Size of the messages.
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

    Args:
        settings: Addresses, pace and encoding.
        job: Whose frames these are.
        source: Where they come from.
        stop: Ends it early, with every frame read so far delivered.
        on_progress: Called with frames done and frames in all.
        metrics: Where to count.

    Raises:
        DeliveryError: Mode ``all``, and a frame could not be delivered.
        SourceError: The source failed; what was read before is delivered and the run may go on.
    """
    metrics = metrics or ProducerMetrics()
    codec = Codec(settings.registry)
    run_id, start = _run(settings, codec, job)
    encoding = FrameEncoding(settings.rgb, settings.jpeg_quality, settings.depth, source.depth_unit_m)
    publisher = FramePublisher(settings.kafka, codec, job, encoding, settings.queue_frames, metrics.delivered)
    headroom = Headroom(settings.kafka, job, stop.is_set) if job.mode is Mode.ALL else None
    rate_hz = source.rate_hz if settings.rate is None else settings.rate
    began_s, seq, ended = time.monotonic(), start, False
    try:
        for shot in source.shots(start):
            if stop.wait(_until_due_s(began_s, seq - start, rate_hz)):
                break
            frame = Frame(job.id, run_id, seq, time.time_ns(), source.camera, shot.rgb, shot.depth_m, shot.masks)
            if headroom is not None:
                headroom.wait(publisher.counts, publisher.serve)
            publisher.publish(frame)
            metrics.follow(publisher.counts)
            seq += 1
            on_progress(seq, source.frame_count)
        else:
            ended = True
    finally:
        publisher.finish(run_id, seq - 1, _FINISH_TIMEOUT_S, ended=ended)
        metrics.follow(publisher.counts)
        if headroom is not None:
            headroom.close()
    counts, seconds = publisher.counts, time.monotonic() - began_s
    return ProduceReport(
        run_id, start, counts.frames, counts.delivered, counts.dropped, counts.sent_bytes, seconds, ended
    )


def new_run_id(now: datetime) -> str:
    """An id that sorts by time and is not given twice, such as ``20261124T101500-9f3c``."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def _run(settings: ProduceSettings, codec: Codec, job: Job) -> tuple[str, int]:
    progress = None if settings.new_run else last_progress(settings.kafka, codec, job)
    if progress is None or progress.ended:
        return new_run_id(datetime.now(UTC)), 0
    return progress.run_id, progress.next_seq


def _until_due_s(began_s: float, done: int, rate_hz: float) -> float:
    """How long until frame number ``done`` is due; 0 where it is late or the pace is free."""
    if rate_hz <= 0:
        return 0.0
    return max(0.0, began_s + done / rate_hz - time.monotonic())
