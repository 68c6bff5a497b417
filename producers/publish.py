"""Frames to their topic: encoded, counted, and none dropped in silence."""

import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas import BadMessage, Frame, Job, Mode, PosestreamError, SeqRange, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.images import FrameEncoding
from schemas.topics import MESSAGE_LIMIT_BYTES, STATUS, frames_topic

_log = logging.getLogger("posestream.producers")

END_OF_STREAM = "end of stream"

_LIVE_DELIVERY_MS = 5_000  # an older frame of a camera is of no use
_ALL_DELIVERY_MS = 300_000
_POLL_S = 0.02
_QUEUE_KBYTES = 65_536


class DeliveryError(PosestreamError):
    """The broker did not take a frame that must not be lost."""


@dataclass(slots=True)
class Counts:
    """What became of the frames of this process.

    Attributes:
        frames: Handed to the publisher.
        delivered: Acknowledged by the broker.
        dropped: Given up on: no room, too late, or larger than a message may be; all published as ranges.
        sent_bytes: Size of the messages handed to the client.
        last_offset: Of the newest acknowledged frame; -1 before the first.
    """

    frames: int = 0
    delivered: int = 0
    dropped: int = 0
    sent_bytes: int = 0
    last_offset: int = -1


class FramePublisher:
    """Publishes the frames of one job. Not thread-safe.

    In mode ``all`` it waits where the queue is full and raises where a frame cannot be delivered; in mode
    ``live`` it drops the frame. Dropped frames are published as a range on ``status`` before the next frame.

    Args:
        kafka: Bootstrap servers.
        codec: Encodes the frames.
        job: Gives topic, partition and mode.
        encoding: How pictures are encoded.
        queue_frames: How many may wait for the broker.
        on_delivered: Called with seconds from publishing to acknowledgement.
        now_ns: Nanoseconds since the Unix epoch.
    """

    def __init__(
        self,
        kafka: str,
        codec: Codec,
        job: Job,
        encoding: FrameEncoding,
        queue_frames: int,
        on_delivered: Callable[[float], None] = lambda _: None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.counts = Counts()
        self._codec = codec
        self._job = job
        self._encoding = encoding
        self._queue_frames = queue_frames
        self._on_delivered = on_delivered
        self._now_ns = now_ns
        self._topic = frames_topic(job.pool)
        self._dropped: SeqRange | None = None
        self._waiting = 0
        self._failed: KafkaError | None = None
        self._producer = Producer(_config(kafka, job.mode))

    def publish(self, frame: Frame) -> None:
        """Send a frame, or count it as dropped; blocks in mode ``all`` while the queue is full.

        Raises:
            DeliveryError: Mode ``all``, and an earlier frame could not be delivered.
        """
        self.counts.frames += 1
        self._producer.poll(0)
        self._check()
        try:
            value = self._codec.encode(self._topic, frame, self._encoding)
        except BadMessage as error:
            _log.error("frame %d of job %s cannot be sent: %s", frame.seq, frame.job_id, error)
            self._drop(frame, str(error))
            return
        if self._waiting >= self._queue_frames and self._job.mode is Mode.LIVE:
            self._drop(frame, f"{self._waiting} frames wait for the broker")
            return
        while self._waiting >= self._queue_frames:
            self._producer.poll(_POLL_S)
            self._check()
        self._explain(frame.run_id)
        self._send(frame, value)

    def serve(self) -> None:
        """Notice deliveries; for callers that wait for something else.

        Raises:
            DeliveryError: As ``publish``.
        """
        self._producer.poll(0)
        self._check()

    def finish(self, run_id: str, last_seq: int, timeout_s: float, *, ended: bool) -> None:
        """Wait for every frame, then publish the end of the stream.

        Args:
            run_id: The run.
            last_seq: Its last frame; -1 where it had none.
            timeout_s: How long to wait.
            ended: Whether the source is at its end; else the run may go on later.

        Raises:
            DeliveryError: Frames are still waiting, or one could not be delivered in mode ``all``.
        """
        self._explain(run_id)
        self._settle(timeout_s)
        if ended and last_seq >= 0:
            self._status(run_id, StatusKind.STREAM, END_OF_STREAM, SeqRange(0, last_seq))
            self._settle(timeout_s)

    def _settle(self, timeout_s: float) -> None:
        left = self._producer.flush(timeout_s)
        self._check()
        if left:
            msg = f"job {self._job.id}: {left} messages not delivered within {timeout_s:.0f} s; is the broker up?"
            raise DeliveryError(msg)

    def _send(self, frame: Frame, value: bytes) -> None:
        sent_s = time.monotonic()

        def settled(error: KafkaError | None, message: Message) -> None:
            self._waiting -= 1
            if error is None:
                self.counts.delivered += 1
                self.counts.last_offset = max(self.counts.last_offset, message.offset() or 0)
                self._on_delivered(time.monotonic() - sent_s)
            elif self._job.mode is Mode.LIVE:
                self._drop(frame, f"not delivered: {error}")
            else:
                self._failed = error

        self._producer.produce(
            self._topic,
            value,
            key=self._job.id.encode(),
            partition=self._job.partition,
            headers=[("traceparent", _traceparent())],
            on_delivery=settled,
        )
        self._waiting += 1
        self.counts.sent_bytes += len(value)

    def _drop(self, frame: Frame, reason: str) -> None:
        self.counts.dropped += 1
        _log.warning("frame %d of job %s dropped: %s", frame.seq, frame.job_id, reason)
        known = self._dropped
        if known is not None and known.first <= frame.seq <= known.last + 1:
            self._dropped = SeqRange(known.first, max(known.last, frame.seq))
            return
        self._explain(frame.run_id)
        self._dropped = SeqRange(frame.seq, frame.seq)

    def _explain(self, run_id: str) -> None:
        if self._dropped is not None:
            self._status(run_id, StatusKind.SKIPPED, "dropped by the producer", self._dropped)
            self._dropped = None

    def _status(self, run_id: str, kind: StatusKind, reason: str, frames: SeqRange) -> None:
        event = StatusEvent(self._job.id, run_id, kind, self._now_ns(), "", reason, frames)
        value = self._codec.encode(STATUS, event)
        self._producer.produce(STATUS, value, key=self._job.id.encode(), partition=self._job.partition)

    def _check(self) -> None:
        if self._failed is not None:
            msg = f"job {self._job.id}: a frame was not delivered to {self._topic}: {self._failed}"
            raise DeliveryError(msg) from KafkaException(self._failed)


def _config(kafka: str, mode: Mode) -> dict[str, Any]:
    return {
        "bootstrap.servers": kafka,
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 1,
        "compression.type": "zstd",
        "compression.level": 1,
        "message.max.bytes": MESSAGE_LIMIT_BYTES,
        "queue.buffering.max.kbytes": _QUEUE_KBYTES,
        "delivery.timeout.ms": _LIVE_DELIVERY_MS if mode is Mode.LIVE else _ALL_DELIVERY_MS,
    }


def _traceparent() -> bytes:
    """A new W3C trace context, sampled."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01".encode()
