"""What the consume loop asks of whoever does the work on records; the pose worker and the sink are two of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from consumers.broker import Partition, Position, Record
from schemas import BadMessage


@dataclass(frozen=True, slots=True, eq=False)
class Refused:
    """A record that can never be handled, and why."""

    record: Record
    error: BadMessage


@dataclass(frozen=True, slots=True)
class Handled:
    """What a handler says after a round.

    Attributes:
        refused: To be dead-lettered by the loop; for the handler they are done.
        full: Partitions to bring no records of for now; every round says it anew.
        busy: There is more to do right away: the loop does not wait for records.
        flush: Make durable and commit now rather than when it is due.
    """

    refused: Sequence[Refused] = ()
    full: frozenset[Partition] = frozenset()
    busy: bool = False
    flush: bool = False


class Handler(Protocol):
    """Does the work on records. Called by one thread, in the loop's order; never concurrently.

    Any exception that is not named below stops the loop, and nothing is committed.
    """

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        """New partitions and the group's positions there; see ``Ownership.assigned``.

        Returns:
            Offsets to start from where the handler knows better than the group (a database's own offsets).
        """
        ...

    def handle(self, records: Sequence[Record]) -> Handled:
        """Take records, then do one bounded piece of work (well under ``max.poll.interval.ms``).

        Called every round, with no records when none came: also the place for work by time. Records come
        in order within a partition; each is brought once unless ``Overloaded`` is raised.

        Raises:
            Overloaded: None of the records was taken. Their partitions are paused, polling goes on, and the
                same records are brought again.
        """
        ...

    def flush(self, timeout_s: float, *, wait: bool = True) -> Mapping[Partition, Position]:
        """Make everything done so far durable.

        Args:
            timeout_s: For all of it.
            wait: Until all of it is durable; else a handler may only begin, and tell the positions at a later flush.

        Returns:
            The positions that may be committed now: everything before them is durable or was refused.
            Partitions without news may be left out.

        Raises:
            TimeoutError, Overloaded: Not now; nothing is committed, and it is asked again later.
        """
        ...

    def revoked(self, partitions: Collection[Partition]) -> None:
        """Not ours any more; ``flush`` with ``wait`` was called just before. Forget what was taken and not done."""
        ...

    def lost(self, partitions: Collection[Partition]) -> None:
        """Somebody else's already, without a flush: forget all of it, write nothing about it."""
        ...

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        """Records (both ends included) were deleted before they were read: a loss to be reported."""
        ...
