"""Consumer groups of the in-memory broker: cooperative and sticky, as the real one is set up."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from consumers.broker import Ownership, Partition, Position, Record
from consumers.memory_log import Logs


class Group:
    """What members of one group share.

    Attributes:
        committed: The group's positions.
        owners: Who holds a partition now; a revoked one is missing until its next owner polls.
        targets: Who is to hold it.
    """

    def __init__(self, logs: Logs) -> None:
        self.committed: dict[Partition, Position] = {}
        self.owners: dict[Partition, MemoryConsumer] = {}
        self.targets: dict[Partition, MemoryConsumer] = {}
        self._members: list[MemoryConsumer] = []
        self._logs = logs

    def join(self, member: "MemoryConsumer") -> None:
        """Add a member and share out anew."""
        self._members.append(member)
        self._share_out()

    def leave(self, member: "MemoryConsumer") -> None:
        """Take a member and what it holds out, and share out anew."""
        self._members.remove(member)
        self.owners = {partition: owner for partition, owner in self.owners.items() if owner is not member}
        self._share_out()

    def has(self, member: "MemoryConsumer") -> bool:
        """Whether the group still counts on this member."""
        return member in self._members

    def _share_out(self) -> None:
        """Equal shares per topic; who holds a partition keeps it while its share allows."""
        self.targets = {}
        for topic in sorted({topic for member in self._members for topic in member.topics}):
            members = [member for member in self._members if topic in member.topics]
            partitions = self._logs.partitions(topic)
            size, extra = divmod(len(partitions), len(members))
            by_held = sorted(members, key=lambda m: -sum(self.owners.get(p) is m for p in partitions))
            room = {member: size + (rank < extra) for rank, member in enumerate(by_held)}
            for partition in sorted(partitions, key=lambda p: p not in self.owners):
                owner = self.owners.get(partition)
                keeper = owner if owner in room and room[owner] > 0 else None
                chosen = keeper or max(members, key=lambda m: room[m])
                room[chosen] -= 1
                self.targets[partition] = chosen
        self._logs.bell.notify_all()


class MemoryConsumer:
    """A member of a group in memory; see ``Consumer``."""

    def __init__(self, logs: Logs, group: Group) -> None:
        self.topics: tuple[str, ...] = ()
        self._logs = logs
        self._group = group
        self._ownership: Ownership | None = None
        self._next: dict[Partition, int] = {}
        self._paused: set[Partition] = set()

    def subscribe(self, topics: Sequence[str], ownership: Ownership) -> None:
        """Join the group."""
        with self._logs.bell:
            self.topics = tuple(topics)
            self._ownership = ownership
            self._group.join(self)

    def expel(self) -> None:
        """Let the group count this member out, as after its session timed out; its next poll notices."""
        with self._logs.bell:
            self._group.leave(self)

    def poll(self, max_records: int, timeout_s: float) -> list[Record]:
        """The next records of what is ours."""
        deadline_s = time.monotonic() + timeout_s
        with self._logs.bell:
            while True:
                self._follow_the_group()
                records = self._read(max_records)
                remaining_s = deadline_s - time.monotonic()
                if records or remaining_s <= 0:
                    return records
                self._logs.bell.wait(remaining_s)

    def commit(self, positions: Mapping[Partition, Position], timeout_s: float) -> bool:  # noqa: ARG002 - at once here
        """Store positions, all or none."""
        with self._logs.bell:
            if any(self._group.owners.get(partition) is not self for partition in positions):
                return False
            self._group.committed.update(positions)
            return True

    def pause(self, partitions: Collection[Partition]) -> None:
        """Bring no more of these."""
        self._paused |= set(partitions) & set(self._next)

    def resume(self, partitions: Collection[Partition]) -> None:
        """Bring them again."""
        self._paused -= set(partitions)

    def lag(self) -> Mapping[Partition, int]:
        """Records not returned yet."""
        with self._logs.bell:
            return {partition: self._logs.log(partition).end - offset for partition, offset in self._next.items()}

    def close(self) -> None:
        """Leave the group."""
        with self._logs.bell:
            if self._ownership is None:
                return
            if not self._group.has(self):
                self._drop(self._ownership.lost, set(self._next))
            else:
                self._drop(self._ownership.revoked, set(self._next))
                self._group.leave(self)
            self._ownership = None

    def _follow_the_group(self) -> None:
        ownership = self._ownership
        if ownership is None:
            return
        group = self._group
        if not group.has(self):
            self._drop(ownership.lost, set(self._next))
            group.join(self)
        self._drop(ownership.revoked, {p for p in self._next if group.targets.get(p) is not self})
        gained = {p for p, m in group.targets.items() if m is self and p not in group.owners}
        if gained:
            group.owners.update(dict.fromkeys(gained, self))
            self._take(ownership, gained)

    def _drop(self, tell: Callable[[Collection[Partition]], None], partitions: set[Partition]) -> None:
        if not partitions:
            return
        tell(partitions)
        for partition in partitions:
            del self._next[partition]
            if self._group.owners.get(partition) is self:
                del self._group.owners[partition]
        self._paused -= partitions
        self._logs.bell.notify_all()

    def _take(self, ownership: Ownership, partitions: set[Partition]) -> None:
        committed = {partition: self._group.committed.get(partition) for partition in partitions}
        starts = ownership.assigned(committed)
        for partition, position in committed.items():
            known = position.offset if position else self._logs.log(partition).start
            self._next[partition] = starts.get(partition, known)

    def _read(self, max_records: int) -> list[Record]:
        found: list[Record] = []
        for partition in [p for p in self._next if p not in self._paused]:
            log = self._logs.log(partition)
            offset = self._next[partition]
            if offset < log.start and self._ownership:
                self._ownership.expired(partition, offset, log.start - 1)
                offset = log.start
            records = log.read(offset, max_records - len(found))
            self._next[partition] = offset + len(records)
            found += records
        return found
