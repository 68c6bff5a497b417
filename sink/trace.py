"""The last part of a frame's trace and its age: the row is committed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.trace import SpanKind

from consumers.broker import Record
from schemas.records.common import Avro
from schemas.traces import TRACEPARENT, Spans
from sink.metrics import SinkMetrics


@dataclass(slots=True)
class Unstored:
    """Events that wait for their commit.

    Attributes:
        published_ns: When their frames were published.
        traces: Where the process has an OpenTelemetry SDK: traceparent, job, run, number, and when they were taken.
    """

    published_ns: list[int] = field(default_factory=list[int])
    traces: list[tuple[str, str, str, int, int]] = field(default_factory=list[tuple[str, str, str, int, int]])


class RowTraces:
    """Measures and traces events from taking them to their commit.

    Args:
        metrics: Where ages go.
        now_ns: Nanoseconds since the Unix epoch.
    """

    def __init__(self, metrics: SinkMetrics, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._metrics = metrics
        self._now_ns = now_ns
        self._spans = Spans("sink")

    def taken(self, unstored: Unstored, record: Record, event: Avro) -> None:
        """An event was decoded, to its record."""
        unstored.published_ns.append(event["published_ns"])
        if self._spans.recording:
            found = next((value for name, value in record.headers if name == TRACEPARENT), b"")
            trace = found.decode(errors="replace") or event["traceparent"]
            unstored.traces.append((trace, event["job_id"], event["run_id"], event["seq"], self._now_ns()))

    def committed(self, unstored: Unstored, committed_ns: int) -> None:
        """The transaction with these rows was committed, nanoseconds since the Unix epoch."""
        for published_ns in unstored.published_ns:
            self._metrics.row_age_s.observe(max(0, committed_ns - published_ns) / 1e9)
        for trace, job_id, run_id, seq, taken_ns in unstored.traces:
            about: dict[str, str | int] = {"posestream.job": job_id, "posestream.run": run_id, "posestream.seq": seq}
            span = self._spans.start("store pose_events", SpanKind.CONSUMER, trace, taken_ns, about)
            if span is not None:
                span.end(committed_ns)
