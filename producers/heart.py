"""A producer's heart: beats while it publishes, waits or is paused."""

import os
import secrets
import socket
import time
from collections.abc import Callable
from contextlib import suppress

from producers.client import DeliveryError, JobClient
from schemas import Heartbeat, Job, JobProgress, MemberKind
from schemas.codec import Codec
from schemas.heartbeat import BEAT_S
from schemas.topics import HEARTBEATS


class ProducerHeart:
    """Says how far a run has come. Not thread-safe.

    Args:
        client: Sends the beats on the job's partition.
        codec: Encodes them.
        job: Whose frames are published.
        run_id: The run.
        total: Frames of the source; 0 where nobody knows.
        clock_s: Monotonic seconds.
    """

    def __init__(
        self,
        client: JobClient,
        codec: Codec,
        job: Job,
        run_id: str,
        total: int,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._codec, self._job, self._run_id, self._total = client, codec, job, run_id, total
        self._clock_s = clock_s
        self._id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._started_ns = time.time_ns()
        self._last: tuple[float, int] | None = None

    def beat(self, next_seq: int) -> None:
        """Beat where it is due.

        Args:
            next_seq: One after the last frame that was published or given up on.
        """
        now_s = self._clock_s()
        if self._last is not None and now_s - self._last[0] < BEAT_S:
            return
        rate_hz = 0.0 if self._last is None else max(0, next_seq - self._last[1]) / (now_s - self._last[0])
        self._last = (now_s, next_seq)
        self._say((JobProgress(self._job.id, self._run_id, next_seq - 1, self._total, rate_hz, 0),), leaving=False)

    def leave(self) -> None:
        """The last beat: it ends on purpose."""
        if self._last is not None:
            self._say((), leaving=True)

    def _say(self, jobs: tuple[JobProgress, ...], *, leaving: bool) -> None:
        member = (self._id, MemberKind.PRODUCER, self._job.pool, socket.gethostname())
        beat = Heartbeat(*member, time.time_ns(), self._started_ns, jobs, leaving)
        with suppress(DeliveryError):  # nobody looks after producers where the topic is missing
            self._client.send(HEARTBEATS, self._codec.encode(HEARTBEATS, beat), lambda _error: None)
