"""What was taken of each partition and is not known to be in the tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from consumers.broker import Partition
from sink.rows import RecordPlace
from sink.store import Batch
from sink.trace import Unstored


@dataclass(slots=True)
class Waiting:
    """Of one partition.

    Attributes:
        batch: Rows, without offsets.
        next_offset: One past the last record that was taken.
        unstored: What is told once they are written.
    """

    batch: Batch = field(default_factory=Batch)
    next_offset: int = 0
    unstored: Unstored = field(default_factory=Unstored)


def count(parts: Mapping[Partition, Waiting]) -> int:
    """Rows of events, statuses and jobs."""
    return sum(len(waiting.batch) for waiting in parts.values())


def merged(parts: Mapping[Partition, Waiting], topic_ids: Mapping[str, str]) -> Batch:
    """One batch of all of them, with the offsets from which reading goes on after it."""
    batch = Batch()
    for partition, waiting in parts.items():
        batch.events += waiting.batch.events
        batch.statuses += waiting.batch.statuses
        batch.jobs += waiting.batch.jobs
        topic_id = topic_ids[partition.topic]
        batch.offsets.append(RecordPlace(topic_id, partition.topic, partition.number, waiting.next_offset))
    return batch
