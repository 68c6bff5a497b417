"""How far each partition is done, where its records are finished out of order."""

from collections.abc import Collection

from consumers.broker import Partition, Record


class OpenRecords:
    """Records that were taken and are not done; a partition is done up to its oldest one."""

    def __init__(self) -> None:
        self._open: dict[Partition, dict[int, None]] = {}  # offsets in the order they were taken
        self._next: dict[Partition, int] = {}

    def take(self, record: Record) -> None:
        """Count a record in; a partition's come in order."""
        self._open.setdefault(record.source, {})[record.offset] = None
        self._next[record.source] = record.offset + 1

    def done(self, partition: Partition, offset: int) -> None:
        """Count a record out; without effect for one that is not open."""
        self._open.get(partition, {}).pop(offset, None)

    def positions(self) -> dict[Partition, int]:
        """The next offset to read again after a crash, for each partition anything was taken from."""
        return {partition: next(iter(self._open[partition]), after) for partition, after in self._next.items()}

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drop all that is known of these."""
        for partition in partitions:
            self._open.pop(partition, None)
            self._next.pop(partition, None)
