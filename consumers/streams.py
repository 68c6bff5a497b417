"""The state of one stream while this worker owns it."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf

from consumers.broker import Partition, Record
from consumers.clocks import CaptureClock
from schemas import Estimate, Estimates, Job, JobStatus, SeqRange, Track, Wanted

PARKED_FRAMES = 256
"""Of a paused job, still encoded: about 40 MB of VGA. Its producer stops within a second."""


@dataclass(frozen=True, slots=True, eq=False)
class PendingFrame:
    """A frame that waits, still encoded.

    Attributes:
        record: As it came.
        run_id: From its header.
        seq: From its header.
        received_s: When it was taken, seconds of the worker's monotonic clock.
    """

    record: Record
    run_id: str
    seq: int
    received_s: float


@dataclass(frozen=True, slots=True)
class PassedFrame:
    """A frame that a newer one took the place of; its record stays open until that one is answered."""

    source: Partition
    offset: int
    run_id: str
    seq: int


@dataclass(slots=True, eq=False)
class Stream:
    """One job's stream; everything that must survive this worker is in ``track()``.

    Attributes:
        job_id: The job.
        source: Where its frames come from.
        epoch: Ours as an owner: one more than the one we found.
        run_id: The run of the last handled frame; "" before the first.
        seq: The last handled frame.
        prompt_offset: The next offset to read in the prompts topic.
        estimates: The last word on every object, memory included.
        job: None while it is not known.
        prepared: Whether the estimator has what the job needs.
        refused: Its objects that the estimator cannot use, and why.
        unfound: Objects of which was said that they were not found, until they are or are asked for again.
        ended: Why its frames are not worked on any more; "" while they are.
        over: ``completed`` or ``cancelled`` once somebody said so; it ends when nothing waits.
        state: What the job was told to be last, by us or others; None where nothing was heard.
        answered: Frames answered by this worker.
        done_offset: The last record of it that is done; -1 before the first.
        pending: Frames that wait, oldest first.
        passed: Frames that newer ones took the place of, since the last event.
        passed_behind: The same, but behind the frame that is worked on: they go with the event after its own.
        taken_run: The run of the newest frame taken.
        taken_seq: That frame.
        unreadable: Reasons of records that could not be read at all, since the last readable one.
        event_ticket: The producer's ticket of its last event.
        unsaved: Whether its track moved since it was last sent.
        save_due_s: When its track may be sent again.
        clock: Judges the times of capture of its answered frames.
        trace: ``traceparent`` of the last of them.
        settled_run: The run up to whose first frame offsets were committed; see ``PoseHandler``.
    """

    job_id: str
    source: Partition
    epoch: int = 1
    run_id: str = ""
    seq: int = -1
    prompt_offset: int = 0
    estimates: Estimates = field(default_factory=dict[str, Estimate])
    job: Job | None = None
    prepared: bool = False
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    unfound: set[str] = field(default_factory=set[str])
    ended: str = ""
    over: str = ""
    state: JobStatus | None = None
    answered: int = 0
    done_offset: int = -1
    pending: deque[PendingFrame] = field(default_factory=deque[PendingFrame])
    passed: list[PassedFrame] = field(default_factory=list[PassedFrame])
    passed_behind: list[PassedFrame] = field(default_factory=list[PassedFrame])
    taken_run: str = ""
    taken_seq: int = -1
    unreadable: list[str] = field(default_factory=list[str])
    event_ticket: int = -1
    unsaved: bool = False
    save_due_s: float = 0.0
    clock: CaptureClock = field(default_factory=CaptureClock)
    trace: str = ""
    settled_run: str = ""

    @staticmethod
    def restored(track: Track, source: Partition) -> "Stream":
        """A stream that goes on from the track of its last owner."""
        return Stream(
            track.job_id,
            source,
            epoch=track.owner_epoch + 1,
            run_id=track.run_id,
            seq=track.seq,
            prompt_offset=track.prompt_offset,
            estimates=track.estimates,
            taken_run=track.run_id,
            taken_seq=track.seq,
            unsaved=True,  # a new owner writes the track again first: a zombie's late write does no harm
        )

    def track(self) -> Track:
        """All that another worker needs to go on."""
        return Track(self.job_id, self.run_id, self.seq, self.epoch, self.prompt_offset, self.estimates)

    @property
    def paused(self) -> bool:
        """Whether no more of its frames are begun for now."""
        return self.job is not None and self.job.wanted is Wanted.PAUSE

    def take(self, frame: PendingFrame) -> SeqRange | None:
        """Queue a frame and return the frames missing just before it; call ``repeats`` first."""
        first = self.taken_seq + 1 if frame.run_id == self.taken_run else 0
        self.taken_run, self.taken_seq = frame.run_id, frame.seq
        self.pending.append(frame)
        return SeqRange(first, frame.seq - 1) if frame.seq > first else None

    def repeats(self, run_id: str, seq: int) -> bool:
        """Whether a frame was taken before: a redelivery, or a producer that sent it twice."""
        return run_id == self.taken_run and seq <= self.taken_seq

    def pass_over(self, before_ms: float = inf, *, behind_head: bool = False) -> None:
        """Let frames give way to newer ones that wait.

        The first frame of a run always stays: it may carry the masks that the objects are found by.

        Args:
            before_ms: Only those that were published before, milliseconds since the Unix epoch.
            behind_head: The frame at the head is being worked on and stays.
        """
        at, passed = (1, self.passed_behind) if behind_head else (0, self.passed)
        while len(self.pending) > at + 1 and self.pending[at].seq > 0 and _published_ms(self.pending[at]) < before_ms:
            passed.append(passed_frame(self.pending[at]))
            del self.pending[at]

    def advance(self, run_id: str, seq: int, estimates: Estimates) -> None:
        """The frame at the head is handled."""
        self.run_id, self.seq, self.estimates = run_id, seq, estimates
        self.unsaved = True


def passed_frame(frame: PendingFrame) -> PassedFrame:
    """A frame that waited and will not be answered."""
    return PassedFrame(frame.record.source, frame.record.offset, frame.run_id, frame.seq)


def _published_ms(frame: PendingFrame) -> int:
    return frame.record.timestamp_ms


def ranges(frames: list[PassedFrame]) -> list[tuple[str, SeqRange]]:
    """Frames in the order of taking, as runs of dense ranges."""
    found: list[tuple[str, SeqRange]] = []
    for frame in frames:
        if found and found[-1][0] == frame.run_id and found[-1][1].last + 1 == frame.seq:
            found[-1] = (frame.run_id, SeqRange(found[-1][1].first, frame.seq))
        else:
            found.append((frame.run_id, SeqRange(frame.seq, frame.seq)))
    return found


def full_partitions(streams: Iterable[Stream], limit: int, before: frozenset[Partition]) -> frozenset[Partition]:
    """Where so many frames wait; one that was full stays so until half is done, since each resume fetches anew.

    Frames of a paused job do not count as long as they are few enough to be kept: its neighbours go on.
    """
    waiting: Counter[Partition] = Counter()
    for stream in streams:
        if not (stream.paused and len(stream.pending) < PARKED_FRAMES):
            waiting[stream.source] += len(stream.pending)
    return frozenset(place for place, count in waiting.items() if count >= (limit // 2 if place in before else limit))
