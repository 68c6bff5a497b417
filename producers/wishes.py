"""What people want of a producer's job: it waits while the job is paused and ends when it is cancelled."""

import logging
import time
from collections.abc import Callable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from producers.client import DeliveryError
from schemas import BadMessage, Job, PosestreamError, Wanted
from schemas.codec import Codec
from schemas.connections import CONNECTIONS
from schemas.registry import RegistryUnavailable
from schemas.topics import JOBS

_log = logging.getLogger("posestream.producers")

_LOOK_S = 0.2
_ASK_S = 10.0
_BACK_MS = 10_000  # what was said between the reading of the job's record and the start


class JobCancelled(PosestreamError):
    """The job was cancelled or removed: nobody works on more frames of it."""


class Wishes:
    """Follows the job's record. Not thread-safe.

    Args:
        kafka: Bootstrap servers.
        codec: Reads the record.
        job: As it was known at the start.
        wait: Waits for so many seconds; true where the wait was ended early because everything stops.
        clock_s: Monotonic seconds.

    Raises:
        DeliveryError: Kafka does not answer.
    """

    def __init__(
        self,
        kafka: str,
        codec: Codec,
        job: Job,
        wait: Callable[[float], bool],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._codec, self._job, self._wait, self._clock_s = codec, job, wait, clock_s
        self._gone = False
        self._looked_s = clock_s()
        self._consumer = Consumer(
            {"bootstrap.servers": kafka, **CONNECTIONS, "group.id": "posestream-wishes", "enable.auto.commit": False}
        )
        since_ms = time.time_ns() // 1_000_000 - _BACK_MS
        try:
            asked = [TopicPartition(JOBS, job.partition, since_ms)]
            self._consumer.assign(self._consumer.offsets_for_times(asked, timeout=_ASK_S))
        except KafkaException as error:
            msg = f"topic {JOBS}: Kafka at {kafka} says: {error.args[0].str()}"
            raise DeliveryError(msg) from error

    def heed(self, serve: Callable[[], None]) -> float:
        """Wait while the job is paused; looks every 0.2 s.

        Args:
            serve: Called while waiting.

        Returns:
            Seconds that were waited.

        Raises:
            JobCancelled: The job is cancelled or gone.
        """
        now_s = self._clock_s()
        if now_s - self._looked_s < _LOOK_S:
            return 0.0
        self._look()
        while self._job.wanted is Wanted.PAUSE and not self._gone:
            serve()
            if self._wait(_LOOK_S):
                break
            self._look()
        self._looked_s = self._clock_s()
        if self._gone or self._job.wanted is Wanted.CANCEL:
            msg = f"job {self._job.id}: {'removed' if self._gone else 'cancelled'} while its frames were published"
            raise JobCancelled(msg)
        return self._looked_s - now_s

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()

    def _look(self) -> None:
        for message in self._consumer.consume(500, 0.0):
            if message.error() is not None or message.key() != self._job.id.encode():
                continue
            value = message.value()
            self._gone = value is None
            if value is None:
                continue
            try:
                self._job = self._codec.decode(value, Job)
            except (BadMessage, RegistryUnavailable) as error:
                _log.warning("job %s: its record is not readable: %s", self._job.id, error)
