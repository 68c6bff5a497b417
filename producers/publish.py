"""Frames to their topic: encoded, counted, and none dropped in silence."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import KafkaError

from producers.client import LARGEST_BYTES, DeliveryError, JobClient, is_hopeless
from producers.skipped import SkippedFrames
from schemas import BadMessage, Frame, Job, Mode, SeqRange, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.images import FrameEncoding
from schemas.pictures import EncodedPictures
from schemas.topics import STATUS, frames_topic

_log = logging.getLogger("posestream.producers")

_PATIENCE_S = 300.0
_POLL_S = 0.02
_TOO_LARGE = f"larger than a message may be ({LARGEST_BYTES} bytes)"
_NO_ROOM = "too many frames wait for the broker"


@dataclass(slots=True)
class Counts:
    """What became of the frames of this process.

    Attributes:
        frames: Handed to the publisher, damaged pictures included.
        delivered: Acknowledged by the broker.
        dropped: Given up on: damaged, too large, no room, or too late; their ranges are on ``status``.
        sent: Handed to the client.
        sent_bytes: Size of their messages, before the client compresses them.
    """

    frames: int = 0
    delivered: int = 0
    dropped: int = 0
    sent: int = 0
    sent_bytes: int = 0


class FramePublisher:
    """Publishes the frames of one run of one job, in order. Not thread-safe.

    In mode ``all`` it waits while the queue is full. In mode ``live`` a frame is dropped where the queue is full, or
    where the broker does not take it in time. Dropped frames are published as ranges on ``status``, before the next
    frame where that is possible.

    Args:
        client: Sends the records.
        codec: Encodes the frames.
        job: Gives topic and mode.
        run_id: The run.
        encoding: How pictures are encoded.
        queue_frames: How many may wait for the broker.
        on_delivered: Called with seconds from publishing to acknowledgement.
        stopped: Whether to wait no longer for room.
        clock_s: Monotonic seconds.
    """

    def __init__(
        self,
        client: JobClient,
        codec: Codec,
        job: Job,
        run_id: str,
        encoding: FrameEncoding,
        queue_frames: int,
        *,
        on_delivered: Callable[[float], None] = lambda _: None,
        stopped: Callable[[], bool] = lambda: False,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.counts = Counts()
        self._client = client
        self._codec = codec
        self._job = job
        self._run_id = run_id
        self._encoding = encoding
        self._queue_frames = queue_frames
        self._on_delivered = on_delivered
        self._stopped = stopped
        self._clock_s = clock_s
        self._topic = frames_topic(job.pool)
        self._skipped = SkippedFrames()
        self._waiting = 0
        self._news_s = clock_s()
        self._failed = ""

    def publish(self, frame: Frame, pictures: EncodedPictures | None = None) -> bool:
        """Send a frame, or drop it; waits for room in mode ``all``.

        Args:
            frame: The frame.
            pictures: Its pictures where they are encoded already; they travel as they are.

        Returns:
            False where everything stops before there was room: then nothing happened to the frame.

        Raises:
            DeliveryError: The broker refuses the job's records, or mode ``all`` and it took none for 5 minutes.
        """
        self.serve()
        live = self._job.mode is not Mode.ALL
        if live and self._full():  # before the work of encoding
            self.skip(frame.seq, _NO_ROOM)
            return True
        value = self._encoded(frame, pictures)
        if value is None:
            self.skip(frame.seq, _TOO_LARGE)
            return True
        self._tell_skipped()
        while not self._send(frame.seq, value):
            if live:
                self.skip(frame.seq, _NO_ROOM)
                return True
            if self._stopped():
                return False
            self._client.poll(_POLL_S)
            self._check()
        self.counts.frames += 1
        return True

    def skip(self, seq: int, reason: str) -> None:
        """Count a frame that will not be sent; its range is published with the next frame, or at the end."""
        self.counts.frames += 1
        self._drop(seq, reason)

    def serve(self) -> None:
        """Notice deliveries; for callers that wait for something else.

        Raises:
            DeliveryError: As ``publish``.
        """
        self._client.poll(0)
        self._check()

    def tell(self, reason: str, frames: SeqRange | None, timeout_s: float) -> None:
        """Publish a status of the stream after all that went before, and wait until it is delivered.

        Raises:
            DeliveryError: Not taken in time.
        """
        self.settle(timeout_s)
        self._status(StatusKind.STREAM, reason, frames, self._fail)
        self.settle(timeout_s)

    def settle(self, timeout_s: float) -> None:
        """Wait until every frame is delivered, or dropped and its range delivered.

        Raises:
            DeliveryError: Not within ``timeout_s``.
        """
        until_s = self._clock_s() + timeout_s
        while True:
            self._tell_skipped()
            left = self._client.flush(until_s - self._clock_s())
            self._check()
            if not left and not self._skipped:
                return
            if self._clock_s() >= until_s:
                self._client.abandon()
                waiting = f"{left} records and the ranges of {len(self._skipped)} dropped frames"
                msg = f"job {self._job.id}: {waiting} not taken by Kafka at {self._client.address} in {timeout_s:.0f} s"
                raise DeliveryError(msg)

    def _encoded(self, frame: Frame, pictures: EncodedPictures | None) -> bytes | None:
        """The message; None where it is larger than a message may be."""
        try:
            value = self._codec.encode(self._topic, frame, pictures or self._encoding)
        except BadMessage as error:
            _log.error("job %s, frame %d: %s", self._job.id, frame.seq, error)
            return None
        return value if len(value) <= LARGEST_BYTES else None

    def _full(self) -> bool:
        return self._waiting >= self._queue_frames

    def _send(self, seq: int, value: bytes) -> bool:
        """Whether there was room for it."""
        at_s = self._clock_s()

        def settled(error: KafkaError | None) -> None:
            self._settled(seq, at_s, error)

        if self._full() or not self._client.send(self._topic, value, settled, traced=True):
            return False
        if not self._waiting:
            self._news_s = at_s
        self._waiting += 1
        self.counts.sent += 1
        self.counts.sent_bytes += len(value)
        return True

    def _settled(self, seq: int, at_s: float, error: KafkaError | None) -> None:
        self._waiting -= 1
        self._news_s = self._clock_s()
        if error is None:
            self.counts.delivered += 1
            self._on_delivered(self._news_s - at_s)
        elif self._job.mode is not Mode.ALL and not is_hopeless(error):
            self._drop(seq, f"not delivered: {error.str()}")
        else:
            self._fail(error)

    def _fail(self, error: KafkaError) -> None:
        self._failed = self._failed or error.str()

    def _drop(self, seq: int, reason: str) -> None:
        self.counts.dropped += 1
        _log.warning("job %s: frame %d dropped: %s", self._job.id, seq, reason)
        self._skipped.add(SeqRange(seq, seq), reason)

    def _tell_skipped(self) -> None:
        for frames, reason in self._skipped.take():

            def again(error: KafkaError, frames: SeqRange = frames, reason: str = reason) -> None:
                self._skipped.add(frames, reason)
                if is_hopeless(error):
                    self._fail(error)

            if not self._status(StatusKind.SKIPPED, f"dropped by the producer: {reason}", frames, again):
                self._skipped.add(frames, reason)

    def _status(
        self, kind: StatusKind, reason: str, frames: SeqRange | None, on_error: Callable[[KafkaError], None]
    ) -> bool:
        """Whether there was room for it."""
        event = StatusEvent(self._job.id, self._run_id, kind, time.time_ns(), "", reason, frames)

        def settled(error: KafkaError | None) -> None:
            if error is not None:
                on_error(error)

        return self._client.send(STATUS, self._codec.encode(STATUS, event), settled, traced=False)

    def _check(self) -> None:
        if self._waiting and self._job.mode is Mode.ALL and self._clock_s() - self._news_s > _PATIENCE_S:
            self._failed = f"no frame taken for {_PATIENCE_S:.0f} s; is Kafka at {self._client.address} up?"
        if self._failed:
            self._client.abandon()
            msg = f"job {self._job.id}: {self._topic} did not take a record: {self._failed}"
            raise DeliveryError(msg)
