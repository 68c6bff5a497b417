"""What an estimator says about an object, and what a stream needs to go on elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from schemas.arrays import Array, checked_finite
from schemas.geometry import Pose

MAX_MEMORY_BYTES = 64 * 1024
"""An estimator's carry-over for one object; tracks are written ten times a second."""


class State(StrEnum):
    """How an estimate came to be."""

    REGISTERED = "registered"
    TRACKED = "tracked"
    LOST = "lost"


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """One object in one frame.

    Attributes:
        cam_from_obj: The pose; for a lost object its last trusted pose, None if there never was one.
        score: In [0, 1]; what it means is documented by the estimator. 0 for a lost object.
        state: ``registered``, ``tracked`` or ``lost``.
        covariance: (6, 6) float64 of a small turn (radians) and shift (metres), in that order, in the
            object's frame: true cam_from_obj = cam_from_obj @ exp(error); None where not known.
        memory: The estimator's own carry-over for this object, versioned by the estimator, at most
            64 KiB; never part of an event.
        reason: Why an object that was asked for was not found, one line, else ""; it goes out as a status of kind
            ``object`` and is part of no event and no track.
    """

    cam_from_obj: Pose | None
    score: float
    state: State
    covariance: Array | None = None
    memory: bytes | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            msg = f"score: expected 0 to 1, got {self.score}"
            raise ValueError(msg)
        if self.cam_from_obj is None and self.state is not State.LOST:
            msg = f"estimate: expected a pose in state {self.state}, got none"
            raise ValueError(msg)
        if self.covariance is not None:
            object.__setattr__(self, "covariance", checked_finite("covariance", self.covariance, (6, 6)))
        if self.memory is not None and len(self.memory) > MAX_MEMORY_BYTES:
            msg = f"memory: expected at most {MAX_MEMORY_BYTES} bytes, got {len(self.memory)}"
            raise ValueError(msg)


Estimates = Mapping[str, Estimate]
"""object_id -> Estimate."""


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """All that a stream needs to continue on another worker with the very poses it would have had.

    Attributes:
        job_id: The stream.
        run_id: The run of its last handled frame.
        seq: The last handled frame; a redelivered frame with ``seq`` at or below it is skipped.
        owner_epoch: One more than the epoch that this owner found; readers take the highest (epoch, seq).
        prompt_offset: The next offset to read in the prompts topic.
        estimates: The last word on every object, memory included.
    """

    job_id: str
    run_id: str
    seq: int
    owner_epoch: int
    prompt_offset: int = 0
    estimates: Estimates = field(default_factory=dict[str, Estimate])

    def __post_init__(self) -> None:
        object.__setattr__(self, "estimates", MappingProxyType(dict(self.estimates)))
