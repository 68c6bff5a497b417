"""What leaves the pipeline: pose events, status and prompts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from schemas.arrays import Array, checked
from schemas.track import Estimates


@dataclass(frozen=True, slots=True)
class SeqRange:
    """Frames ``first`` to ``last`` of a run, both included."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if not 0 <= self.first <= self.last:
            msg = f"range: expected 0 <= first <= last, got {self.first} to {self.last}"
            raise ValueError(msg)

    def __len__(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, eq=False)
class PoseEvent:
    """The answer to one frame, for all objects of its job.

    Attributes:
        job_id: The job; also the Kafka key.
        run_id: The run of the frame.
        seq: The frame.
        captured_ns: Copied from the frame: nanoseconds since the Unix epoch.
        published_ns: When the producer published the frame (the record's CreateTime).
        produced_ns: When this event was made.
        frame_of_reference: What the poses are relative to: ``"camera"`` (OpenCV axes, metres).
        estimator: Name in the registry.
        estimator_version: Its version.
        weights_digest: sha256 of its weights; "" for an estimator without weights.
        estimates: Without memory.
        stage_s: Stage name -> seconds spent on this frame (``decode``, ``register``, ``track`` ...).
        skipped: Frames of the same run skipped just before this one; None where there are none.
        traceparent: W3C trace context of the frame's record; of the answer where that had none.
        received_ns: When a worker took the frame's record; None in events from before it was kept, as the next one.
        started_ns: When its handling began.
        capture_clock: ``"repeated"``, ``"backwards"`` or ``"jumped"`` where ``captured_ns`` does not follow on that of
            the frame answered before; else "".
    """

    job_id: str
    run_id: str
    seq: int
    captured_ns: int
    published_ns: int
    produced_ns: int
    estimator: str
    estimator_version: str
    weights_digest: str
    estimates: Estimates
    stage_s: Mapping[str, float] = field(default_factory=dict[str, float])
    skipped: SeqRange | None = None
    frame_of_reference: str = "camera"
    traceparent: str = ""
    received_ns: int | None = None
    started_ns: int | None = None
    capture_clock: str = ""

    @property
    def event_id(self) -> str:
        """The same for every redelivery of the same frame."""
        return f"{self.job_id}/{self.run_id}/{self.seq}"


class StatusKind(StrEnum):
    """What a status message tells."""

    JOB = "job"
    """The job changed its state."""
    SKIPPED = "skipped"
    """Frames were skipped or dropped on purpose."""
    GAP = "gap"
    """Frames are missing that nobody explained: a loss."""
    STREAM = "stream"
    """The source started or ended; a camera is away, frozen or black, or is back; capture times do not run forward."""
    OBJECT = "object"
    """One object cannot be used, or was not found in a frame where it was asked for; the others go on."""


START_OF_STREAM = "start of stream: "
"""Reason of kind ``stream``, followed by the source's name: a run is only gone on with from the same source."""
END_OF_STREAM = "end of stream"
"""Reason of kind ``stream``, with all frames of the run."""


@dataclass(frozen=True, slots=True)
class StatusEvent:
    """Something that happened to a job, for people and programs that watch it.

    Attributes:
        job_id: The job; also the Kafka key.
        run_id: The run, "" where it concerns the whole job.
        kind: What the message tells.
        at_ns: When, nanoseconds since the Unix epoch.
        status: The job's new state for kind ``job``, else "".
        reason: One line for people; for kind ``object`` it begins with ``object NAME:``.
        frames: The frames it is about, where it is about frames.
    """

    job_id: str
    run_id: str
    kind: StatusKind
    at_ns: int
    status: str = ""
    reason: str = ""
    frames: SeqRange | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A box in the image: pixels, the far edges not included."""

    x_px: float
    y_px: float
    width_px: float
    height_px: float

    def __post_init__(self) -> None:
        if not (self.width_px > 0 and self.height_px > 0):
            msg = f"box: expected a size above 0 px, got {self.width_px}x{self.height_px}"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, eq=False)
class Prompt:
    """What somebody says about a running stream; applied at the next frame.

    Attributes:
        job_id: The job; also the Kafka key.
        run_id: The run it is meant for; "" for any.
        object_id: The object it is about.
        box: Where the object is, or
        mask: (H, W) bool, its visible pixels, or
        reset: Forget the object and search again.
    """

    job_id: str
    run_id: str
    object_id: str
    box: Box | None = None
    mask: Array | None = None
    reset: bool = False

    def __post_init__(self) -> None:
        if (self.box is not None) + (self.mask is not None) + self.reset != 1:
            msg = f"prompt for {self.object_id}: expected exactly one of box, mask and reset"
            raise ValueError(msg)
        if self.mask is not None:
            object.__setattr__(self, "mask", checked("mask", self.mask, (None, None), np.bool_))
