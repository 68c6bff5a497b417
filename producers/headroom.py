"""Keeps a flat-out producer from running so far ahead that Kafka deletes what nobody has read."""

import logging
import math
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource  # the public name is not declared as exported

from producers.client import DeliveryError
from producers.publish import Counts
from schemas import Job
from schemas.topics import frames_topic, worker_group

_log = logging.getLogger("posestream.producers")

_CHECK_BYTES = 32 * 1024 * 1024
_CHECKS_PER_LIMIT = 8
_WAIT_S = 0.1
_TELL_S = 5.0
_TIMEOUT_S = 10.0


class Headroom:
    """Waits while the group's committed offset is more than half of the topic's retention behind.

    What lies between is reckoned by the size of our own messages before compression, so it is rather too careful.

    Args:
        kafka: Bootstrap servers.
        job: Gives topic, partition and group.
        wait: Waits for so many seconds; true where the wait was ended early because everything stops.
        clock_s: Monotonic seconds.

    Raises:
        DeliveryError: No such topic, or no answer.
    """

    def __init__(
        self, kafka: str, job: Job, wait: Callable[[float], bool], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wait = wait
        self._clock_s = clock_s
        self._group = worker_group(job.pool)
        self._partition = TopicPartition(frames_topic(job.pool), job.partition)
        self._limit_bytes = _retention_bytes(kafka, self._partition.topic) // 2
        self._step_bytes = min(_CHECK_BYTES, self._limit_bytes // _CHECKS_PER_LIMIT)
        self._next_check_bytes = 1  # a run may begin behind another one that nobody has read
        self._consumer = Consumer({"bootstrap.servers": kafka, "group.id": self._group, "enable.auto.commit": False})
        if self._limit_bytes > 0:
            self._ahead_frames()  # the first question finds the coordinator: before the first frame it makes none late

    def wait(self, counts: Counts, serve: Callable[[], None]) -> None:
        """Wait for room; asks the broker every 32 MiB, or eight times per limit where that is less.

        Args:
            counts: Of the publisher.
            serve: Called while waiting, so that deliveries are noticed.
        """
        if self._limit_bytes <= 0 or counts.sent_bytes < self._next_check_bytes:
            return
        self._next_check_bytes = counts.sent_bytes + self._step_bytes
        tell_at_s = self._clock_s() + _TELL_S
        while (ahead := self._ahead_frames()) * counts.sent_bytes / counts.sent > self._limit_bytes:
            serve()
            if self._clock_s() >= tell_at_s:
                _log.warning("waiting: the workers of group %s are %.0f frames behind", self._group, ahead)
                tell_at_s += 2 * _TELL_S
            if self._wait(_WAIT_S):
                return

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _ahead_frames(self) -> float:
        """Records of the partition that the group has not finished; infinity while the broker is away."""
        try:
            low, high = self._consumer.get_watermark_offsets(self._partition, timeout=_TIMEOUT_S)
            committed = self._consumer.committed([self._partition], timeout=_TIMEOUT_S)[0].offset
        except KafkaException as error:
            _log.warning("group %s: no offsets: %s; trying again", self._group, error.args[0].str())
            return math.inf
        return high - max(low, committed)  # a negative one stands for a group that has read nothing yet


def _retention_bytes(kafka: str, topic: str) -> int:
    """The topic's ``retention.bytes`` per partition; -1 where it has none."""
    client = AdminClient({"bootstrap.servers": kafka})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    try:
        settings = client.describe_configs([resource], request_timeout=_TIMEOUT_S)[resource].result()
    except KafkaException as error:
        msg = f"topic {topic}: Kafka at {kafka} says: {error.args[0].str()}"
        raise DeliveryError(msg) from error
    return int(settings["retention.bytes"].value)
