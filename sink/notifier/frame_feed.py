"""The frames of one job for its viewers, in step with its poses."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import OFFSET_END, KafkaException, Message, TopicPartition

from schemas import BadMessage, PoseEvent
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import frames_topic
from sink.metrics import SinkMetrics
from sink.notifier.messages import frame_message
from sink.notifier.pairing import Pairer, Shot
from sink.notifier.reading import FeedFailed, consumer_of, messages_of
from sink.queries import JobView

_log = logging.getLogger("posestream.notifier")

_ASK_S = 10.0
_ROUND_S = 0.02
_HELD_FRAMES = 60
_GO_BACK_EVERY_S = 2.0


class FrameFeed:
    """Reads the frames of one job while somebody watches, in a thread of its own.

    It starts at the frame of the job's last pose, else at the end, and keeps in step with the worker:
    frames are held until their poses come.

    Args:
        kafka: Bootstrap servers.
        codec: Reads the frames' headers; pixels are not decoded.
        job: The stream.
        newest: The job's last pose event, None where there is none yet.
        publish: Called in the feed's thread with each message for the job's viewers.
        metrics: Where it counts.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        kafka: str,
        codec: Codec,
        job: JobView,
        newest: PoseEvent | None,
        publish: Callable[[bytes], None],
        metrics: SinkMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codec = codec
        self._job_key = job.id.encode()
        self._place = TopicPartition(frames_topic(job.pool), job.partition)
        self._newest = newest
        self._publish = publish
        self._metrics = metrics
        self._clock = clock
        self._consumer = consumer_of(kafka)
        self._poses: queue.SimpleQueue[PoseEvent] = queue.SimpleQueue()
        self._pairer = Pairer(_HELD_FRAMES, clock())
        self._waiting = False
        self._went_back_at_s = clock()

    def pose(self, event: PoseEvent) -> None:
        """Tell it a pose event of its job; from any thread."""
        self._poses.put(event)

    def run(self, stop: threading.Event) -> None:
        """Read until ``stop``.

        Raises:
            FeedFailed: Kafka does not answer at the start, or fails for good.
        """
        try:
            self._read_from(self._newest)
            if self._newest is not None:
                self._show(self._pairer.add_pose(self._newest, self._clock()))
            while not stop.is_set():
                self._round()
        except KafkaException as error:
            msg = f"frames of {self._place.topic}[{self._place.partition}]: {error.args[0]}"
            raise FeedFailed(msg) from error
        finally:
            self._consumer.close()

    def _round(self) -> None:
        self._keep_in_step()
        for message in messages_of(self._consumer, 8, _ROUND_S):
            if message.key() == self._job_key:
                self._take(message)
        while not self._poses.empty():
            event = self._poses.get()
            self._show(self._pairer.add_pose(event, self._clock()))
            self._go_back_if_ahead(event)

    def _take(self, message: Message) -> None:
        value: Any = message.value()
        try:
            header = self._codec.decode_frame_header(value or b"")
        except (BadMessage, RegistryUnavailable) as error:
            self._metrics.unreadable.inc()
            _log.info("unreadable frame: %s", error)
            return
        self._show(self._pairer.add_frame(Shot(header, message.timestamp()[1]), self._clock()))

    def _show(self, shot: Shot | None) -> None:
        if shot is not None:
            self._publish(frame_message(shot.frame, shot.published_ms, shot.event))

    def _keep_in_step(self) -> None:
        full = self._pairer.full(self._clock())
        if full and not self._waiting:
            self._consumer.pause([self._place])
        elif self._waiting and not full:
            self._consumer.resume([self._place])
        self._waiting = full

    def _go_back_if_ahead(self, event: PoseEvent) -> None:
        now_s = self._clock()
        if self._pairer.ahead_of(event) and now_s - self._went_back_at_s > _GO_BACK_EVERY_S:
            self._went_back_at_s = now_s
            self._pairer.clear()
            self._read_from(event)

    def _read_from(self, event: PoseEvent | None) -> None:
        start = OFFSET_END
        if event is not None:  # CreateTime is the time of publishing, which the event carries
            asked = TopicPartition(self._place.topic, self._place.partition, event.published_ns // 1_000_000)
            start = self._consumer.offsets_for_times([asked], _ASK_S)[0].offset
        self._consumer.assign([TopicPartition(self._place.topic, self._place.partition, start)])
        self._waiting = False
