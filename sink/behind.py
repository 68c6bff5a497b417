"""One batch on its way to the tables, while the loop already reads the next."""

import sys
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from schemas import Overloaded
from sink.store import Batch, Written

BACK_OFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
_SWITCH_S = 0.0005


class Writer(Protocol):
    """Where batches go; ``sink.store.Store`` is the real one, and its methods are the contract."""

    def write(self, batch: Batch) -> Written:
        """All of it or nothing; Overloaded where it cannot be done right now. One call at a time, of any thread."""
        ...

    def offsets(self, topic_ids: Mapping[str, str]) -> Mapping[tuple[str, int], int]:
        """(topic, partition) -> next offset; Overloaded where it cannot be done right now."""
        ...


@dataclass(frozen=True, slots=True)
class Done:
    """A batch is in the tables.

    Attributes:
        written: What it added.
        took_s: How long that took.
        committed_ns: When it was committed, nanoseconds since the Unix epoch.
    """

    written: Written
    took_s: float
    committed_ns: int


class WriteBehind:
    """Writes one batch at a time on a thread of its own. Itself for one thread, which hears of every failure.

    Args:
        store: Takes the batches.
        clock: Seconds, monotonic.
        executor: Runs the writing; a thread if None.
    """

    def __init__(
        self, store: Writer, clock: Callable[[], float] = time.monotonic, executor: Executor | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._executor = executor or ThreadPoolExecutor(1, "sink-store")
        self._batch: Future[Done] | None = None
        self._failures = 0
        self._retry_at_s = 0.0

    @property
    def resting(self) -> bool:
        """The last try failed, and the next one is not due."""
        return self._clock() < self._retry_at_s

    @property
    def under_way(self) -> bool:
        """A batch was begun and is not settled."""
        return self._batch is not None

    @property
    def ended(self) -> bool:
        """``settle`` would not wait."""
        return self._batch is not None and self._batch.done()

    def begin(self, batch: Batch) -> None:
        """Begin to write a batch; the one before must have been settled.

        Raises:
            Overloaded: The database is given time after a failure.
        """
        if self.resting:
            reason = f"the database is given time until the next try ({self._failures} failed)"
            raise Overloaded(reason)
        self._batch = self._executor.submit(self._write, batch)

    def settle(self, timeout_s: float) -> Done:
        """Wait for the batch that is under way.

        Raises:
            TimeoutError: It is still being written.
            Overloaded: Postgres does not answer; nothing of the batch is known to be written: begin it again.
            Exception: Whatever else went wrong in writing.
        """
        assert self._batch is not None, "nothing was begun"  # noqa: S101 - the caller's own error
        if not wait([self._batch], timeout_s).done:
            msg = f"the database takes longer than {timeout_s:.1f} s"
            raise TimeoutError(msg)
        batch, self._batch = self._batch, None
        try:
            done = batch.result()
        except Overloaded:
            self._retry_at_s = self._clock() + BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
            self._failures += 1
            raise
        self._failures = 0
        return done

    def close(self) -> None:
        """Wait for what is under way; nothing can be begun any more."""
        self._executor.shutdown()

    def _write(self, batch: Batch) -> Done:
        start_s = self._clock()
        written = self._store.write(batch)
        return Done(written, self._clock() - start_s, time.time_ns())


@contextmanager
def quick_switches() -> Generator[None]:
    """While the block runs a thread of this process waits .5 ms for the interpreter where another computes, not 5.

    Writing a batch asks for it some twenty times while the next batch is decoded: with Python's own 5 ms that is
    longer than Postgres takes (measured: a quarter fewer events a second).
    """
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
