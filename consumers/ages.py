"""How old frames are at the steps of their way through a worker."""

from collections import deque
from collections.abc import Callable, Mapping

from consumers.broker import Partition, Position, Record
from consumers.metrics import WorkerMetrics
from schemas import PoseEvent

_KEPT = 10_000  # frames of a partition between two commits; beyond, the oldest are not measured


class FrameAges:
    """Measures ages since publishing: when handling starts, when the event is made, when the position is committed.

    Args:
        metrics: Where they go.
        now_ns: Nanoseconds since the Unix epoch.
    """

    def __init__(self, metrics: WorkerMetrics, now_ns: Callable[[], int]) -> None:
        self._metrics = metrics
        self._now_ns = now_ns
        self._open: dict[Partition, deque[tuple[int, str, int]]] = {}

    def answered(self, record: Record, event: PoseEvent) -> None:
        """An event was made for the frame in this record."""
        self._observe(event.job_id, "start", (event.started_ns or 0) - event.published_ns)
        self._observe(event.job_id, "end", event.produced_ns - event.published_ns)
        waiting = self._open.setdefault(record.source, deque(maxlen=_KEPT))
        waiting.append((record.offset, event.job_id, event.published_ns))

    def committed(self, positions: Mapping[Partition, Position]) -> None:
        """Everything before these positions is committed."""
        now_ns = self._now_ns()
        for partition, position in positions.items():
            waiting = self._open.get(partition)
            while waiting and waiting[0][0] < position.offset:
                _, job_id, published_ns = waiting.popleft()
                self._observe(job_id, "commit", now_ns - published_ns)

    def forget(self, partition: Partition) -> None:
        """It is not ours any more."""
        self._open.pop(partition, None)

    def forget_job(self, partition: Partition, job_id: str) -> None:
        """The job is over: a later commit is not measured for it."""
        kept = (one for one in self._open.get(partition, ()) if one[1] != job_id)
        self._open[partition] = deque(kept, maxlen=_KEPT)

    def _observe(self, job_id: str, at: str, age_ns: int) -> None:
        self._metrics.age_s.labels(job_id, at).observe(max(0, age_ns) / 1e9)
