"""Topic names and how each topic is made: keyed by job_id, one partition number per job in all of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.job import check_id

POSES = "poses"
TRACKS = "tracks"
JOBS = "jobs"
PROMPTS = "prompts"
STATUS = "status"
HEARTBEATS = "heartbeats"
JOB_REQUESTS = "job-requests"

MESSAGE_LIMIT_BYTES = 8 * 1024 * 1024
"""No message is larger; above it a frame is refused where it is encoded."""

DLQ_EXTRA_BYTES = 64 * 1024
"""A record near the limit plus the headers that say why it was refused must fit into a dead-letter topic."""

DEFAULT_PARTITIONS = 8

_HOUR_MS = 3_600_000
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it must be made.

    Attributes:
        name: Its name.
        partitions: How many; a topic's partitions are never reduced.
        config: Kafka's topic settings, as text.
    """

    name: str
    partitions: int
    config: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.partitions < 1:
            msg = f"topic {self.name}: expected at least 1 partition, got {self.partitions}"
            raise ValueError(msg)
        object.__setattr__(self, "config", MappingProxyType(dict(self.config)))


def frames_topic(pool: str) -> str:
    """The topic that carries the frames of a pool's jobs.

    Raises:
        ValueError: ``pool`` may not stand in a topic name.
    """
    check_id("pool", pool)
    return f"frames.{pool}"


def dlq_topic(topic: str) -> str:
    """Where records of ``topic`` go that cannot be handled."""
    return f"{topic}.dlq"


def worker_group(pool: str) -> str:
    """The consumer group of a pool's workers.

    Raises:
        ValueError: ``pool`` may not stand in a group's name.
    """
    check_id("pool", pool)
    return f"workers.{pool}"


def specs(pools: Iterable[str], partitions: int = DEFAULT_PARTITIONS) -> list[TopicSpec]:
    """All topics of an installation that serves these pools, dead-letter topics included.

    A dead-letter topic has as many partitions as its source, so that a record may keep its number.
    """
    sources = [TopicSpec(frames_topic(pool), partitions, _frames_config()) for pool in dict.fromkeys(pools)]
    sources += [
        TopicSpec(POSES, partitions, _log_config(retention_h=7 * 24)),
        TopicSpec(STATUS, partitions, _log_config(retention_h=7 * 24)),
        TopicSpec(PROMPTS, partitions, _log_config(retention_h=24)),
        TopicSpec(JOB_REQUESTS, partitions, _log_config(retention_h=24)),
        TopicSpec(HEARTBEATS, partitions, _log_config(retention_h=1)),
        TopicSpec(JOBS, partitions, _compacted_config(max_message_bytes=_MIB)),
        TopicSpec(TRACKS, partitions, _compacted_config(max_message_bytes=4 * _MIB)),
    ]
    return sources + [TopicSpec(dlq_topic(spec.name), partitions, _dlq_config()) for spec in sources]


def _frames_config() -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(MESSAGE_LIMIT_BYTES),
        "message.timestamp.type": "CreateTime",
        "retention.bytes": str(2048 * _MIB),
        "retention.ms": str(24 * _HOUR_MS),
        "segment.bytes": str(64 * _MIB),  # retention removes whole segments
    }


def _log_config(retention_h: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(_MIB),
        "message.timestamp.type": "CreateTime",
        "retention.bytes": str(2048 * _MIB),
        "retention.ms": str(retention_h * _HOUR_MS),
        "segment.bytes": str(64 * _MIB),
    }


def _compacted_config(max_message_bytes: int) -> dict[str, str]:
    return {
        "cleanup.policy": "compact",
        "compression.type": "producer",
        "max.message.bytes": str(max_message_bytes),
        "message.timestamp.type": "CreateTime",
        # the active segment is never compacted, so it is small; the broker refuses a batch larger than a segment
        "segment.bytes": str(4 * _MIB),
        "segment.ms": str(_HOUR_MS),
        "min.cleanable.dirty.ratio": "0.1",
        "delete.retention.ms": str(24 * _HOUR_MS),  # a reader must be able to see a tombstone for this long
    }


def _dlq_config() -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "compression.type": "producer",
        "max.message.bytes": str(MESSAGE_LIMIT_BYTES + DLQ_EXTRA_BYTES),
        "message.timestamp.type": "CreateTime",
        "retention.bytes": str(512 * _MIB),
        "retention.ms": str(14 * 24 * _HOUR_MS),
        "segment.bytes": str(64 * _MIB),
    }
