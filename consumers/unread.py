"""Records that cannot be read now, and those behind them: they wait here, in order, and nobody else does."""

import logging
from collections import deque
from collections.abc import Collection, Iterator, Sequence

from consumers.broker import Partition, Record
from schemas import Overloaded

_log = logging.getLogger("posestream.consumers")


class Unread:
    """For handlers that decode: a schema that the registry does not give now holds up its own partition only."""

    def __init__(self) -> None:
        self._waiting: dict[Partition, deque[Record]] = {}
        self._told = ""

    def with_new(self, records: Sequence[Record]) -> Iterator[Record]:
        """What waits and what came, to be read; whoever cannot read one calls ``keep`` before asking for the next."""
        before, self._waiting = self._waiting, {}
        for queue in (*before.values(), records):
            for record in queue:
                if record.source in self._waiting:
                    self._waiting[record.source].append(record)
                else:
                    yield record
        if not self._waiting and self._told:
            _log.info("what waited can be read again")
            self._told = ""

    def keep(self, record: Record, error: Overloaded) -> None:
        """It cannot be read now; the same is said once."""
        self._waiting[record.source] = deque([record])
        if self._told != str(error):
            self._told = str(error)
            _log.warning("%s waits from offset %d on: %s", record.source, record.offset, error)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drop what waits of these."""
        for partition in partitions:
            self._waiting.pop(partition, None)

    @property
    def partitions(self) -> frozenset[Partition]:
        """Where something waits; no more of these is wanted."""
        return frozenset(self._waiting)
