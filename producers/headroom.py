"""Keeps a flat-out producer from running so far ahead that Kafka deletes what nobody has read."""

import time
from collections.abc import Callable

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource  # the public name is not declared as exported

from producers.publish import Counts
from schemas import Job
from schemas.topics import frames_topic, worker_group

_CHECK_EVERY_BYTES = 32 * 1024 * 1024
_WAIT_S = 0.05
_TIMEOUT_S = 10.0


class Headroom:
    """Waits while the group's committed offset is more than half of the topic's retention behind.

    Args:
        kafka: Bootstrap servers.
        job: Gives topic, partition and group.
        stopped: Whether to wait no longer.
    """

    def __init__(self, kafka: str, job: Job, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped
        self._partition = TopicPartition(frames_topic(job.pool), job.partition)
        self._consumer = Consumer(
            {"bootstrap.servers": kafka, "group.id": worker_group(job.pool), "enable.auto.commit": False}
        )
        self._limit_bytes = _retention_bytes(kafka, self._partition.topic) // 2
        self._checked_bytes = 0

    def wait(self, counts: Counts, serve: Callable[[], None]) -> float:
        """Wait for room; asks the broker only every 32 MiB.

        Args:
            counts: Of the publisher.
            serve: Called while waiting, so that deliveries are noticed.

        Returns:
            Seconds waited.
        """
        if self._limit_bytes <= 0 or counts.sent_bytes - self._checked_bytes < _CHECK_EVERY_BYTES:
            return 0.0
        began_s = time.monotonic()
        while not self._stopped() and self._ahead_bytes(counts) > self._limit_bytes:
            serve()
            time.sleep(_WAIT_S)
        self._checked_bytes = counts.sent_bytes
        return time.monotonic() - began_s

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _ahead_bytes(self, counts: Counts) -> float:
        committed = self._consumer.committed([self._partition], timeout=_TIMEOUT_S)[0].offset
        if committed < 0:  # the group has read nothing yet
            committed = self._consumer.get_watermark_offsets(self._partition, timeout=_TIMEOUT_S)[0]
        frame_bytes = counts.sent_bytes / max(1, counts.frames - counts.dropped)
        return (counts.last_offset + 1 - committed) * frame_bytes


def _retention_bytes(kafka: str, topic: str) -> int:
    """The topic's ``retention.bytes`` per partition; -1 where it has none."""
    client = AdminClient({"bootstrap.servers": kafka})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    settings = client.describe_configs([resource], request_timeout=_TIMEOUT_S)[resource].result()
    return int(settings["retention.bytes"].value)
