"""What lies in topics and tables after a run, in the checker's own words; nothing here knows how it came there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Range = tuple[int, int]
"""First and last frame, both included."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A frame in its topic."""

    run: str
    seq: int
    offset: int


@dataclass(frozen=True, slots=True)
class Event:
    """A pose event in its topic, as a reader with isolation ``read_committed`` sees it.

    Attributes:
        poses: Object -> CRC-32 of its pose.
        skipped: Frames that it says were passed over before it.
        published_ns: Of its frame.
        registered: Whether an object was searched for afresh.
    """

    run: str
    seq: int
    offset: int
    produced_ns: int
    poses: Mapping[str, int]
    skipped: Range | None = None
    published_ns: int = 0
    registered: bool = False

    @property
    def age_s(self) -> float:
        """From publishing the frame to making the event."""
        return (self.produced_ns - self.published_ns) / 1e9


@dataclass(frozen=True, slots=True)
class TrackRecord:
    """A track in its compacted topic."""

    run: str
    seq: int
    epoch: int
    offset: int


@dataclass(frozen=True, slots=True)
class Row:
    """A row of ``pose_events``.

    Attributes:
        stored_at_s: Seconds since the Unix epoch.
    """

    run: str
    seq: int
    produced_ns: int
    stored_at_s: float


@dataclass(frozen=True, slots=True)
class ObjectRow:
    """A row of ``object_poses``."""

    run: str
    seq: int
    object_id: str
    pose: int


@dataclass(frozen=True, slots=True)
class Log:
    """All of one job.

    Attributes:
        sent: Its frames.
        events: Their answers.
        tracks: Its tracks, those that compaction left.
        rows: Of its events.
        objects: Of its objects.
        explained: Run -> frames of which topic ``status`` says that they were skipped or dropped, and why.
    """

    sent: list[Sent] = field(default_factory=list[Sent])
    events: list[Event] = field(default_factory=list[Event])
    tracks: list[TrackRecord] = field(default_factory=list[TrackRecord])
    rows: list[Row] = field(default_factory=list[Row])
    objects: list[ObjectRow] = field(default_factory=list[ObjectRow])
    explained: list[tuple[str, Range]] = field(default_factory=list[tuple[str, Range]])
