"""What a producer's process is told: each field is an option and ``POSESTREAM_<FIELD>``."""

from typing import Literal

from pydantic import Field

from producers.confinement.settings import SourceRuleSettings


class ProduceSettings(SourceRuleSettings):
    """Settings of ``producers.service.produce``."""

    kafka: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, host:port,...")
    registry: str = Field("http://127.0.0.1:8081", description="schema registry, its Confluent-compatible address")
    rate: float | None = Field(
        None, ge=0, description="frames a second; 0 is as fast as possible; the source's own rate if not given"
    )
    new_run: bool = Field(False, description="start from the beginning even where an interrupted run could go on")
    once: bool = Field(False, description="end at once where the job's last run came to its end")
    managed: bool = Field(
        False, description="as the service starts it: only what --source-* let through, and no longer than its stdin"
    )
    rgb: Literal["jpeg", "png"] = Field("jpeg", description="colour codec; png is lossless and five times larger")
    jpeg_quality: int = Field(90, ge=1, le=100, description="quality of jpeg")
    depth: Literal["dzp16", "png16"] = Field("dzp16", description="depth codec; both are lossless")
    queue_frames: int = Field(32, ge=1, description="frames that may wait for the broker; then live drops, all waits")
    trace_share: float = Field(
        1.0, ge=0, le=1, description="share of frames whose trace is recorded, where no OpenTelemetry SDK decides"
    )
    metrics_port: int | None = Field(None, ge=0, le=65535, description="serve /metrics here, on loopback")
