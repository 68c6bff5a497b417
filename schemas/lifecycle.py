"""The life of a job: which state may follow which, in the one table that everybody who tells a state asks."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from schemas.errors import PosestreamError
from schemas.job import JobStatus

_S = JobStatus

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = MappingProxyType(
    {
        _S.PENDING: frozenset({_S.QUEUED, _S.PAUSED, _S.FAILED, _S.CANCELLED}),
        _S.QUEUED: frozenset({_S.PROCESSING, _S.PAUSED, _S.FAILED, _S.CANCELLED}),
        # back to queued: its worker died, or another run begins
        _S.PROCESSING: frozenset({_S.QUEUED, _S.PAUSED, _S.COMPLETED, _S.FAILED, _S.CANCELLED}),
        _S.PAUSED: frozenset({_S.QUEUED, _S.FAILED, _S.CANCELLED}),
        _S.COMPLETED: frozenset({_S.QUEUED}),  # it is fed again: another run
        _S.FAILED: frozenset({_S.QUEUED, _S.CANCELLED}),  # it is tried again
        _S.CANCELLED: frozenset(),
    }
)
"""Who makes what happen: ``posestream job`` and the service pending, paused, cancelled and queued (resumed, tried
again); a worker queued (it has taken the job), processing, completed and failed."""


class IllegalTransition(PosestreamError):
    """A job cannot go from the state it is in to the one that is asked for."""


def may_follow(before: JobStatus | None, after: JobStatus) -> bool:
    """Whether a job may be told to be in state ``after``.

    Args:
        before: Its state; None where nothing was heard of it. The same state may be told again, with another reason.
        after: ``pending`` begins a life, also of a job that is made anew under an old name.
    """
    return before is None or after in (before, JobStatus.PENDING) or after in TRANSITIONS[before]


def checked(job_id: str, before: JobStatus | None, after: JobStatus) -> JobStatus:
    """``after``, where it may follow.

    Raises:
        IllegalTransition: It may not; the message names what may.
    """
    if not may_follow(before, after):
        state = JobStatus.PENDING if before is None else before
        after_it = ", ".join(sorted(TRANSITIONS[state])) or "nothing"
        msg = f"job {job_id} is {state}: expected to make it {after_it}, got {after}"
        raise IllegalTransition(msg)
    return after


def state_after(before: JobStatus | None, told: Iterable[JobStatus]) -> JobStatus | None:
    """The state of a job after words in the order of their records; what cannot follow is no news.

    Two that tell at the same moment may not know of each other: a worker that answers a frame while the job is
    paused says ``processing`` behind ``paused``. Everybody who reads the words in order comes to the same state.
    """
    state = before
    for word in told:
        if may_follow(state, word):
            state = word
    return state
