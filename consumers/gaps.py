"""Missing frames: explained by a published range, by an unreadable record, or reported as lost."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from consumers.broker import Partition
from consumers.jobs import JobDirectory
from consumers.outbox import Outbox
from consumers.streams import Stream
from schemas import SeqRange


@dataclass(frozen=True, slots=True, eq=False)
class _Gap:
    stream: Stream
    run_id: str
    frames: SeqRange
    reason: str
    explained: bool  # by us: the frames are the dead letters just before
    due_s: float


class GapWatch:
    """Holds each gap for a while, since its explanation travels in another topic.

    Args:
        directory: Knows the published ranges.
        outbox: Where reports go.
        wait_s: How long a gap waits.
        clock: Seconds, monotonic.
    """

    def __init__(self, directory: JobDirectory, outbox: Outbox, wait_s: float, clock: Callable[[], float]) -> None:
        self._directory = directory
        self._outbox = outbox
        self._wait_s = wait_s
        self._clock = clock
        self._gaps: list[_Gap] = []
        self._expired: dict[Partition, str] = {}

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        """The next gap in this partition is of these records."""
        self._expired[partition] = f"records {first_offset} to {last_offset} of {partition} expired unread"

    def missing(self, stream: Stream, run_id: str, frames: SeqRange) -> None:
        """Frames did not come; the stream's unreadable records just before may be them."""
        explained = len(frames) <= len(stream.unreadable)
        if explained:
            reason = f"dead-lettered: {stream.unreadable[0]}"
        else:
            reason = self._expired.pop(stream.source, "") or f"expected {frames.first}, got {frames.last + 1}"
        self._gaps.append(_Gap(stream, run_id, frames, reason, explained, self._clock() + self._wait_s))

    def report(self) -> None:
        """Report the gaps that waited long enough and were not explained."""
        now_s = self._clock()
        self._report([gap for gap in self._gaps if gap.explained or gap.due_s <= now_s])

    def report_now(self, partitions: Collection[Partition]) -> None:
        """Report the gaps of these partitions without waiting longer: we own them no more after this."""
        self._report([gap for gap in self._gaps if gap.stream.source in partitions])

    def _report(self, gaps: list[_Gap]) -> None:
        for gap in gaps:
            if gap.explained:
                self._outbox.skipped(gap.stream, gap.run_id, gap.frames, gap.reason)
            elif not self._directory.explains(gap.stream.job_id, gap.run_id, gap.frames):
                self._outbox.gap(gap.stream, gap.run_id, gap.frames, gap.reason)
            self._gaps.remove(gap)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drop what waits about these partitions."""
        self._gaps = [gap for gap in self._gaps if gap.stream.source not in partitions]
