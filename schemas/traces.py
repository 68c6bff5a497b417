"""The trace of a frame: W3C trace contexts, and its spans where an OpenTelemetry SDK is set up in the process."""

import hashlib
import re
import secrets
from collections.abc import Mapping

from opentelemetry.trace import (
    NonRecordingSpan,
    ProxyTracerProvider,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    get_tracer,
    get_tracer_provider,
    set_span_in_context,
)

TRACEPARENT = "traceparent"
"""The header's name."""

_FORM = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_SAMPLED = 1


def is_traceparent(text: str) -> bool:
    """Whether this is a valid W3C ``traceparent``, level 1."""
    return _parsed(text) is not None


def new_traceparent(share: float = 1.0) -> str:
    """A new trace, marked as sampled in this share of all calls."""
    flags = _SAMPLED if secrets.randbelow(1 << 32) < share * (1 << 32) else 0
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags:02x}"


def traceparent_of(event_id: str) -> str:
    """A trace for a frame that came without one: the same for every redelivery."""
    digest = hashlib.sha256(event_id.encode()).hexdigest()
    return f"00-{digest[:32]}-{digest[32:48]}-01"


class Spans:
    """Makes the spans of one room. Thread-safe.

    Where the process has no SDK nothing is made, and a trace goes on under the span that it came with.

    Args:
        room: Names the tracer.
    """

    def __init__(self, room: str) -> None:
        self._tracer = get_tracer(f"posestream.{room}")

    @property
    def recording(self) -> bool:
        """Whether the process has an SDK."""
        return not isinstance(get_tracer_provider(), ProxyTracerProvider)

    def start(
        self,
        name: str,
        kind: SpanKind,
        parent: str,
        start_ns: int | None = None,
        attributes: Mapping[str, str | int] | None = None,
    ) -> Span | None:
        """A span that is under way; None without an SDK.

        Args:
            name: What is done, and to what.
            kind: Its part in a message's way.
            parent: ``traceparent`` of the span above; where it is not valid, the span begins a trace.
            start_ns: Nanoseconds since the Unix epoch; now if None.
            attributes: What is known of it.
        """
        if not self.recording:
            return None
        known = _parsed(parent)
        context = set_span_in_context(NonRecordingSpan(known)) if known else None
        return self._tracer.start_span(name, context, kind, attributes, start_time=start_ns)


def header_of(span: Span | None, otherwise: str) -> str:
    """The ``traceparent`` of a span; ``otherwise`` where there is none."""
    context = span.get_span_context() if span else None
    if context is None or not context.is_valid:
        return otherwise
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _parsed(text: str) -> SpanContext | None:
    found = _FORM.fullmatch(text)
    if found is None or text.startswith("ff"):
        return None
    trace_id, span_id, flags = (int(part, 16) for part in found.groups())
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags))
    return context if context.is_valid else None
