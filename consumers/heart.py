"""A worker's heart: beats from the loop's own thread, so that a loop that hangs is silent."""

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, Producer

from consumers.streams import Stream
from schemas import Heartbeat, JobProgress, MemberKind
from schemas.codec import Codec
from schemas.heartbeat import BEAT_S, EstimatorOffer
from schemas.registry import RegistryUnavailable
from schemas.topics import HEARTBEATS

_log = logging.getLogger("posestream.consumers")

_TIMEOUT_MS = 5000  # an older beat says nothing
_CLOSE_S = 1.0

SendBeat = Callable[[bytes, bytes], None]
"""Takes key and value; never waits, and a beat that nobody takes is no error."""


class BeatSender:
    """Sends beats to Kafka beside the worker's producer: in no transaction, and without harm where they fail.

    Args:
        kafka: Bootstrap servers.
    """

    def __init__(self, kafka: str) -> None:
        config = {"bootstrap.servers": kafka, "message.timeout.ms": _TIMEOUT_MS, "linger.ms": 1, "logger": _log}
        self._producer = Producer(config)

    def __call__(self, key: bytes, value: bytes) -> None:
        """Send one."""
        try:
            self._producer.produce(HEARTBEATS, value, key, 0)
            self._producer.poll(0)
        except (BufferError, KafkaException) as error:
            _log.debug("a heartbeat was not sent: %s", error)

    def close(self) -> None:
        """Give the last beat a moment."""
        self._producer.flush(_CLOSE_S)


def member_id() -> str:
    """Differs for every start of a process, and says where it runs."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


@dataclass(slots=True)
class Heart:
    """Says which streams a worker holds and how far it has come with each.

    Attributes:
        pool: The worker's.
        codec: Writes the beats.
        send: Takes them.
        clock: Seconds, monotonic.
        now_ns: Nanoseconds since the Unix epoch.
        estimators: What the worker knows; told with every beat.
    """

    pool: str
    codec: Codec
    send: SendBeat
    clock: Callable[[], float] = time.monotonic
    now_ns: Callable[[], int] = time.time_ns
    estimators: tuple[EstimatorOffer, ...] = ()
    _id: str = field(default_factory=member_id)
    _started_ns: int = 0
    _beat_at_s: float | None = None
    _answered: dict[str, int] = field(default_factory=dict[str, int])

    def beat(self, streams: Iterable[Stream]) -> None:
        """Beat where it is due; a registry that is away puts it off."""
        now_s = self.clock()
        if self._beat_at_s is not None and now_s - self._beat_at_s < BEAT_S:
            return
        passed_s = 0.0 if self._beat_at_s is None else now_s - self._beat_at_s
        self._beat_at_s = now_s
        self._started_ns = self._started_ns or self.now_ns()
        held = list(streams)
        jobs = tuple(self._progress(stream, passed_s) for stream in held)
        self._answered = {stream.job_id: stream.answered for stream in held}
        self._say(jobs, leaving=False)

    def leave(self) -> None:
        """The last beat: it ends on purpose."""
        if self._beat_at_s is not None:
            self._say((), leaving=True)

    def _progress(self, stream: Stream, passed_s: float) -> JobProgress:
        fresh = max(0, stream.answered - self._answered.get(stream.job_id, stream.answered))
        rate_hz = fresh / passed_s if passed_s > 0 else 0.0
        return JobProgress(stream.job_id, stream.run_id, stream.seq, 0, rate_hz, len(stream.pending))

    def _say(self, jobs: tuple[JobProgress, ...], *, leaving: bool) -> None:
        beat = Heartbeat(
            self._id,
            MemberKind.WORKER,
            self.pool,
            socket.gethostname(),
            self.now_ns(),
            self._started_ns,
            jobs,
            leaving,
            self.estimators,
        )
        try:
            self.send(self._id.encode(), self.codec.encode(HEARTBEATS, beat))
        except RegistryUnavailable as error:
            _log.debug("a heartbeat was not sent: %s", error)
