"""Pose and status events for the notifier, as they come."""

import logging
import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaException, Message, TopicPartition

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from consumers.kafka_records import is_passing
from schemas import BadMessage, PoseEvent, StatusEvent
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import POSES, STATUS
from sink.metrics import SinkMetrics
from sink.notifier.reading import FeedFailed, consumer_of, messages_of

_log = logging.getLogger("posestream.notifier")

_ASK_S = 10.0
_PATIENCE_S = 60.0
_RETRY_S = 0.5


class EventFeed:
    """Reads pose and status events from now on, in a thread of its own.

    Args:
        kafka: Bootstrap servers.
        codec: Reads the records.
        on_pose: Called in the feed's thread with each pose event.
        on_status: Called in the feed's thread with each status event.
        metrics: Where it counts.
        clock: Seconds, monotonic.
    """

    def __init__(
        self,
        kafka: str,
        codec: Codec,
        on_pose: Callable[[PoseEvent], None],
        on_status: Callable[[StatusEvent], None],
        metrics: SinkMetrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._consumer = consumer_of(kafka)
        self._ends_of = KafkaBroker(kafka).reader()
        self._codec = codec
        self._on_pose = on_pose
        self._on_status = on_status
        self._metrics = metrics
        self._clock = clock

    def run(self, stop: threading.Event, on_ready: Callable[[], None]) -> None:
        """Read until ``stop``; ``on_ready`` is called once everything published from then on will be heard.

        Raises:
            FeedFailed: Kafka does not answer for a minute at the start, or fails for good.
        """
        try:
            self._consumer.assign(self._ends_when_there(stop))
            on_ready()
            while not stop.is_set():
                for message in messages_of(self._consumer, 256, 0.1):
                    self._take(message)
        finally:
            self._consumer.close()
            self._ends_of.close()

    def _ends_when_there(self, stop: threading.Event) -> list[TopicPartition]:
        """Waits for a broker that is being started again."""
        deadline_s = self._clock() + _PATIENCE_S
        while True:
            try:
                return self._ends()
            except KafkaException as error:
                problem = error.args[0]
                if stop.wait(_RETRY_S) or not is_passing(problem) or self._clock() > deadline_s:
                    msg = f"notifier: expected topics {POSES} and {STATUS}, got: {problem}"
                    raise FeedFailed(msg) from error
                _log.warning("kafka does not say where topics end, asked again: %s", problem)

    def _ends(self) -> list[TopicPartition]:
        places = [
            TopicPartition(topic, number)
            for topic in (POSES, STATUS)
            for number in self._consumer.list_topics(topic, _ASK_S).topics[topic].partitions
        ]
        # asked now, not left to the first fetch: what is published after `on_ready` must be heard; by a
        # reader of ours, which waits for the leaders of topics that were only just made
        ends = [self._ends_of.end(Partition(one.topic, one.partition)) for one in places]
        return [TopicPartition(one.topic, one.partition, end) for one, end in zip(places, ends, strict=True)]

    def _take(self, message: Message) -> None:
        value = message.value()
        if value is None:
            return
        try:
            if message.topic() == POSES:
                self._on_pose(self._codec.decode(value, PoseEvent))
            else:
                self._on_status(self._codec.decode(value, StatusEvent))
        except (
            BadMessage,
            RegistryUnavailable,
        ) as error:  # the sink sends it to the dead letters; here it only cannot be shown
            self._metrics.unreadable.inc()
            _log.info("unreadable: %s", error)
