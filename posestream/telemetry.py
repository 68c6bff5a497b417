"""Sets an OpenTelemetry SDK up where the environment asks for one, as the specification's OTEL_* variables say."""

import os
from importlib import metadata
from typing import Any

from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider, set_tracer_provider

from schemas import PosestreamError

_ASK = ("OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_GROUP = "opentelemetry_traces_exporter"
_PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}


class NoTelemetry(PosestreamError):
    """Spans are asked for and cannot be exported; the message says what to install or change."""


def set_up_telemetry() -> None:
    """Export spans where OTEL_TRACES_EXPORTER or an OTLP endpoint is set; nothing where an SDK is set up already.

    The sampler, the resource, limits and batches follow from the SDK's own reading of OTEL_*.

    Raises:
        NoTelemetry: The SDK or an exporter is not installed, or is unknown.
    """
    if not any(os.environ.get(name) for name in _ASK) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return
    names = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "otlp").split(",") if name.strip()]
    if names == ["none"] or not isinstance(get_tracer_provider(), ProxyTracerProvider):
        return
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        msg = "OTEL_TRACES_EXPORTER or an OTLP endpoint is set: expected pip install 'posestream[tracing]'"
        raise NoTelemetry(msg) from error
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(resource=Resource.create({} if named else {"service.name": "posestream"}))
    for name in names:
        provider.add_span_processor(BatchSpanProcessor(_exporter(name)))
    set_tracer_provider(provider)


def _exporter(name: str) -> Any:  # noqa: ANN401 - of a package that may not be there
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    wanted = _PROTOCOLS.get(protocol or "http/protobuf", name) if name == "otlp" else name
    known = {one.name: one for one in metadata.entry_points(group=_GROUP)}
    if wanted not in known:
        there = ", ".join(sorted(known)) or "(none)"
        msg = f"OTEL_TRACES_EXPORTER={name}: expected one of {there}; otlp comes with pip install 'posestream[tracing]'"
        raise NoTelemetry(msg)
    return known[wanted].load()()
