"""The one consume loop: poll, handle, make durable, commit; in that order and no other.

It knows partitions and offsets, not frames. The pose worker and the sink are two handlers of it.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from consumers.broker import Broker, Partition, Position, Record
from consumers.deadletter import DeadLetters
from consumers.handler import Handled, Handler
from schemas import Overloaded

_log = logging.getLogger("posestream.consumers")


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How a loop runs.

    Attributes:
        group: The consumer group.
        topics: What the group reads; partitions of one topic only, where state goes by partition number.
        max_records: At most this many a round.
        poll_s: How long a round waits for records; a stop is noticed within it.
        flush_interval_s: How often work is made durable and committed.
        flush_timeout_s: How long one of these may take.
        revoke_budget_s: One budget for everything at a revoke: events, tracks and offsets.
        dead_letter_limit: More than this many within a minute end the loop; 0 is no limit.
    """

    group: str
    topics: tuple[str, ...]
    max_records: int = 256
    poll_s: float = 0.05
    flush_interval_s: float = 0.5
    flush_timeout_s: float = 10.0
    revoke_budget_s: float = 5.0
    dead_letter_limit: int = 0


class Loop:
    """Runs a handler over a consumer group.

    Args:
        broker: Where records come from and dead letters go to.
        handler: Does the work.
        settings: How it runs.
        clock: Seconds, monotonic.
        on_lag: Told after each flush how many records of each partition were not brought yet.
        on_commit: Told which positions were committed.
    """

    def __init__(
        self,
        broker: Broker,
        handler: Handler,
        settings: LoopSettings,
        clock: Callable[[], float] = time.monotonic,
        on_lag: Callable[[Mapping[Partition, int]], None] | None = None,
        on_commit: Callable[[Mapping[Partition, Position]], None] | None = None,
    ) -> None:
        self._handler = handler
        self._settings = settings
        self._clock = clock
        self._on_lag = on_lag
        self._on_commit = on_commit
        self._consumer = broker.consumer(settings.group)
        self._dead_letters = DeadLetters(broker.producer(), settings.dead_letter_limit, clock)
        self._held: list[Record] = []  # brought but not taken: the handler was overloaded
        self._paused: frozenset[Partition] = frozenset()
        self._owned: set[Partition] = set()
        self._busy = False
        self._failed = False
        self._flush_due_s = clock() + settings.flush_interval_s

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set, then make durable, commit and leave the group.

        Raises:
            Exception: Whatever the handler or the broker could not get over; nothing was committed after it.
        """
        try:
            self.join()
            while not stop.is_set():
                self.step()
        except BaseException:
            self._failed = True
            raise
        finally:
            self.close()

    def join(self) -> None:
        """Join the group."""
        self._consumer.subscribe(self._settings.topics, self)

    def step(self) -> None:
        """One round; for tests and for callers that interleave several loops."""
        timeout_s = 0.0 if self._busy else self._settings.poll_s
        self._held += self._consumer.poll(self._settings.max_records, timeout_s)
        outcome = self._hand_over()
        for refused in outcome.refused:
            self._dead_letters.send(refused.record, refused.error)
        self._busy = outcome.busy
        self._pause(outcome.full)
        if outcome.flush or self._clock() >= self._flush_due_s:
            self._make_durable(self._settings.flush_timeout_s, wait=False)
            self._flush_due_s = self._clock() + self._settings.flush_interval_s
            if self._on_lag:
                self._on_lag(self._consumer.lag())

    def lag(self) -> Mapping[Partition, int]:
        """Records of each of our partitions that were not brought yet."""
        return self._consumer.lag()

    def close(self) -> None:
        """Make durable, commit and leave the group; after a failure only leave."""
        try:
            self._consumer.close()  # calls revoked: one budget for everything
        finally:
            self._dead_letters.close()

    def _hand_over(self) -> Handled:
        try:
            outcome = self._handler.handle(self._held)
        except Overloaded as error:
            _log.info("overloaded, %d records wait: %s", len(self._held), error)
            return Handled(full=self._paused | {record.source for record in self._held})
        self._held = []
        return outcome

    def _pause(self, full: frozenset[Partition]) -> None:
        full &= self._owned
        if full - self._paused:
            self._consumer.pause(full - self._paused)
        if self._paused - full:
            self._consumer.resume((self._paused - full) & self._owned)
        self._paused = full

    def _make_durable(self, timeout_s: float, *, wait: bool) -> None:
        deadline_s = self._clock() + timeout_s
        try:
            positions = self._handler.flush(timeout_s, wait=wait)
            self._dead_letters.flush(max(0.0, deadline_s - self._clock()))
            mine = {partition: position for partition, position in positions.items() if partition in self._owned}
            if mine and not self._consumer.commit(mine, max(0.0, deadline_s - self._clock())):
                _log.info("commit refused, the group is moving: %s", ", ".join(map(str, sorted(mine))))
            elif mine and self._on_commit:
                self._on_commit(mine)
        except (TimeoutError, Overloaded) as error:
            _log.warning("not durable yet, nothing is committed: %s", error)

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        """The broker's word; see ``Ownership``."""
        _log.info("assigned: %s", ", ".join(map(str, sorted(committed))))
        self._owned |= set(committed)
        return self._handler.assigned(committed)

    def revoked(self, partitions: Collection[Partition]) -> None:
        """The broker's word; see ``Ownership``."""
        if self._failed:
            self.lost(partitions)
            return
        _log.info("revoked: %s", ", ".join(map(str, sorted(partitions))))
        self._make_durable(self._settings.revoke_budget_s, wait=True)
        self._forget(partitions)
        self._handler.revoked(partitions)

    def lost(self, partitions: Collection[Partition]) -> None:
        """The broker's word; see ``Ownership``."""
        _log.warning("lost: %s", ", ".join(map(str, sorted(partitions))))
        self._forget(partitions)
        self._handler.lost(partitions)

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None:
        """The broker's word; see ``Ownership``."""
        _log.error("%s: records %d to %d expired before they were read", partition, first_offset, last_offset)
        self._handler.expired(partition, first_offset, last_offset)

    def _forget(self, partitions: Collection[Partition]) -> None:
        gone = set(partitions)
        self._owned -= gone
        self._paused -= gone
        self._held = [record for record in self._held if record.source not in gone]


@contextmanager
def stop_on_signals() -> Generator[threading.Event]:
    """An event that SIGTERM and SIGINT set while the block runs; only in the main thread."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
