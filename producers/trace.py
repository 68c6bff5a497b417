"""The trace of a frame begins where it is published."""

from confluent_kafka import KafkaError
from opentelemetry.trace import Span, SpanKind, StatusCode

from schemas import Frame
from schemas.traces import Spans, header_of, new_traceparent


class FrameTraces:
    """Begins a trace for each frame.

    Args:
        topic: Where frames go.
        share: Of the frames whose trace is marked to be recorded, where the process has no OpenTelemetry SDK; one
            that has it follows its own sampler.
    """

    def __init__(self, topic: str, share: float) -> None:
        self._spans = Spans("producers")
        self._name = f"send {topic}"
        self._share = share

    def begin(self, frame: Frame, start_ns: int) -> "FrameTrace":
        """The trace of a frame whose publishing began at ``start_ns``."""
        if not self._spans.recording:
            return FrameTrace(None, new_traceparent(self._share))
        about: dict[str, str | int] = {
            "posestream.job": frame.job_id,
            "posestream.run": frame.run_id,
            "posestream.seq": frame.seq,
            "posestream.captured_ns": frame.captured_ns,
        }
        span = self._spans.start(self._name, SpanKind.PRODUCER, "", start_ns, about)
        return FrameTrace(span, header_of(span, ""))


class FrameTrace:
    """One frame's trace.

    Attributes:
        header: Its ``traceparent``.
    """

    def __init__(self, span: Span | None, header: str) -> None:
        self._span = span
        self.header = header

    def end(self, error: KafkaError | str | None = None) -> None:
        """The frame is delivered, or was given up on."""
        if self._span is None:
            return
        if error is not None:
            self._span.set_status(StatusCode.ERROR, str(error))
        self._span.end()
