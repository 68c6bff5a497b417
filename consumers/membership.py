"""How a process is a member of its consumer group; the same options for workers and sinks."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from consumers.kafka import KafkaBroker, KafkaSettings


class MemberSettings(BaseSettings):
    """Settings that every member of a group has."""

    model_config = SettingsConfigDict(env_prefix="POSESTREAM_", frozen=True)

    kafka: str = Field("127.0.0.1:9092", description="Kafka bootstrap servers, host:port,...")
    registry: str = Field("http://127.0.0.1:8081", description="schema registry, its Confluent-compatible address")
    session_timeout_ms: int = Field(6000, ge=100, description="a member silent for so long is counted out")
    group_protocol: Literal["classic", "consumer"] = Field(
        "classic", description="consumer: KIP-848, the broker shares the partitions out (Kafka 4)"
    )
    instance_id: str = Field("", description="static group member, for StatefulSets; empty: a dynamic one")

    def broker(self, *, exactly_once: bool = False) -> KafkaBroker:
        """A broker whose consumers are such members."""
        settings = KafkaSettings(
            session_timeout_ms=self.session_timeout_ms,
            group_instance_id=self.instance_id,
            group_protocol=self.group_protocol,
            exactly_once=exactly_once,
        )
        return KafkaBroker(self.kafka, settings)
