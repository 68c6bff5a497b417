"""The part of a frame's trace that a worker adds."""

from collections.abc import Callable

from opentelemetry.trace import SpanKind

from consumers.broker import Record
from schemas import PoseEvent
from schemas.topics import POSES
from schemas.traces import TRACEPARENT, Spans, header_of, is_traceparent, traceparent_of


def frame_trace(record: Record, event_id: str) -> str:
    """The trace context that a frame came with; where it had none that is valid, one that follows from its name."""
    found = next((value for name, value in record.headers if name == TRACEPARENT), b"").decode(errors="replace")
    return found if is_traceparent(found) else traceparent_of(event_id)


class AnswerTraces:
    """Makes the spans of answered frames, after the fact."""

    def __init__(self) -> None:
        self._spans = Spans("consumers")

    def answered(self, event: PoseEvent) -> tuple[str, Callable[[int], None] | None]:
        """Make the spans of an event that is about to be sent.

        Returns:
            Its ``traceparent``, and what to call when it is delivered.
        """
        if not self._spans.recording:
            return event.traceparent, None
        about: dict[str, str | int] = {
            "posestream.job": event.job_id,
            "posestream.run": event.run_id,
            "posestream.seq": event.seq,
        }
        process = self._spans.start("process frame", SpanKind.CONSUMER, event.traceparent, event.received_ns, about)
        inside = header_of(process, event.traceparent)
        if process is None or not process.is_recording():  # not sampled: neither are those below it
            return inside, None
        work = self._spans.start(f"estimate {event.estimator}", SpanKind.INTERNAL, inside, event.started_ns)
        send = self._spans.start(f"send {POSES}", SpanKind.PRODUCER, inside, event.produced_ns)
        if work is not None:
            work.end(event.produced_ns)
        process.end(event.produced_ns)

        def delivered(_offset: int) -> None:
            if send is not None:
                send.end()

        return header_of(send, event.traceparent), delivered
