"""What workers and producers say while they live."""

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite


class MemberKind(StrEnum):
    """Who has a heart."""

    WORKER = "worker"
    PRODUCER = "producer"


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a member has come with a job.

    Attributes:
        job_id: The job.
        run_id: The run; "" before its first frame.
        seq: The last frame that it answered or published; -1 before the first.
        total: Frames of the run; 0 where nobody knows.
        rate_hz: Frames a second since the beat before.
        waiting: Frames that wait in it.
    """

    job_id: str
    run_id: str
    seq: int
    total: int
    rate_hz: float
    waiting: int

    def __post_init__(self) -> None:
        if self.seq < -1 or self.total < 0 or self.waiting < 0 or not (isfinite(self.rate_hz) and self.rate_hz >= 0):
            msg = f"job {self.job_id}: expected seq >= -1, total, rate and waiting >= 0, got {self}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True)
class EstimatorOffer:
    """An estimator that a worker knows, whether or not it is loaded.

    Attributes:
        name: As jobs name it.
        version: Of its code, as in pose events.
        digest: Of its networks' weights, as in pose events; "" where it needs none or they are missing.
        missing: What it needs and the worker has not; "" where it can be used.
    """

    name: str
    version: str
    digest: str
    missing: str


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One beat; the Kafka key is ``member_id``.

    Attributes:
        member_id: Differs for every start of a process.
        kind: Worker or producer.
        pool: Of the worker, or of the producer's job.
        host: The machine's name.
        at_ns: When, nanoseconds since the Unix epoch.
        started_ns: When the member began.
        jobs: What it works on.
        leaving: The last beat: it ends on purpose, nobody need look for it.
        estimators: What a worker knows; () of a producer.
    """

    member_id: str
    kind: MemberKind
    pool: str
    host: str
    at_ns: int
    started_ns: int
    jobs: tuple[JobProgress, ...] = ()
    leaving: bool = False
    estimators: tuple[EstimatorOffer, ...] = ()


BEAT_S = 2.0
"""How often a member beats."""

SILENT_S = 10.0
"""A member that was not heard for so long is dead: five beats, more than a session of the consumer group."""
