"""What the sink's process is told: each field is an option and ``POSESTREAM_<FIELD>``."""

import ipaddress

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SinkSettings(BaseSettings):
    """Settings of ``sink.service.run_sink``."""

    model_config = SettingsConfigDict(env_prefix="POSESTREAM_", frozen=True)

    kafka: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, host:port,...")
    registry: str = Field("http://127.0.0.1:8081", description="schema registry, its Confluent-compatible address")
    database: str = Field(
        "postgresql://postgres@127.0.0.1:5432/posestream", description="Postgres >= 15, postgresql://user:pw@host/name"
    )
    group: str = Field("sink", min_length=1, description="consumer group; processes of one group share the work")
    host: str = Field("127.0.0.1", description="address of page, websocket and HTTP; loopback, there are no accounts")
    port: int = Field(8080, ge=0, le=65535, description="its port; 0 takes a free one")
    write: bool = Field(True, description="store events; without, only page, websocket and HTTP")
    flush_s: float = Field(0.2, gt=0, le=10, description="how often rows are written, at least")
    dead_letter_limit: int = Field(
        6000, ge=0, description="more dead letters within a minute stop the sink with exit code 3; 0: no limit"
    )

    @field_validator("host")
    @classmethod
    def _loopback_only(cls, value: str) -> str:
        if value != "localhost" and not ipaddress.ip_address(value).is_loopback:
            msg = f"host: expected a loopback address, since this service has no accounts, got {value}"
            raise ValueError(msg)
        return value
