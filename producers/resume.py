"""Where an interrupted run stands, as the broker knows it: no file beside it can be wrong."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, Message, TopicPartition

from producers.publish import END_OF_STREAM
from schemas import BadMessage, Job, PosestreamError, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.topics import STATUS, frames_topic

_CHUNK = 64  # records; frames are large
_TIMEOUT_S = 20.0


class BrokerSilent(PosestreamError):
    """The broker did not answer in time."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The last run of a job in the frames topic.

    Attributes:
        run_id: The run.
        next_seq: One after the last delivered frame.
        ended: The run came to its end.
    """

    run_id: str
    next_seq: int
    ended: bool


def last_progress(kafka: str, codec: Codec, job: Job) -> Progress | None:
    """How far the newest run of a job came; None where the topic holds no frame of it.

    Raises:
        BrokerSilent: No answer within 20 s.
    """
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": f"posestream-tail-{uuid.uuid4()}", "enable.auto.commit": False}
    )
    try:
        for message in _backwards(consumer, TopicPartition(frames_topic(job.pool), job.partition)):
            if message.key() != job.id.encode():
                continue
            try:
                header = codec.decode_frame_header(message.value() or b"")
            except BadMessage:  # somebody else's record under our key
                continue
            ended = _ended(consumer, codec, job, header.run_id, message.timestamp()[1])
            return Progress(header.run_id, header.seq + 1, ended)
        return None
    finally:
        consumer.close()


def _ended(consumer: Consumer, codec: Codec, job: Job, run_id: str, since_ms: int) -> bool:
    """Whether the end of the run was published; it comes after the run's last frame."""
    partition = TopicPartition(STATUS, job.partition, since_ms)
    start = consumer.offsets_for_times([partition], timeout=_TIMEOUT_S)[0].offset
    _, end = _watermarks(consumer, partition)
    if start < 0:
        return False
    for message in _read(consumer, TopicPartition(STATUS, job.partition), start, end):
        if message.key() != job.id.encode():
            continue
        event = codec.decode(message.value() or b"", StatusEvent)
        if event.kind is StatusKind.STREAM and event.run_id == run_id and event.reason == END_OF_STREAM:
            return True
    return False


def _backwards(consumer: Consumer, partition: TopicPartition) -> Iterator[Message]:
    low, end = _watermarks(consumer, partition)
    while end > low:
        start = max(low, end - _CHUNK)
        yield from reversed(_read(consumer, partition, start, end))
        end = start


def _read(consumer: Consumer, partition: TopicPartition, start: int, end: int) -> list[Message]:
    consumer.assign([TopicPartition(partition.topic, partition.partition, start)])
    deadline_s = time.monotonic() + _TIMEOUT_S
    found: list[Message] = []
    # the position is past what aborted transactions and compaction left out
    while consumer.position([partition])[0].offset < end and (not found or (found[-1].offset() or 0) < end - 1):
        message = consumer.poll(0.2)
        if message is not None and message.error() is None and (message.offset() or 0) < end:
            found.append(message)
        if time.monotonic() > deadline_s:
            msg = f"{partition.topic}[{partition.partition}]: no answer from the broker within {_TIMEOUT_S:.0f} s"
            raise BrokerSilent(msg)
    return found


def _watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    return consumer.get_watermark_offsets(TopicPartition(partition.topic, partition.partition), timeout=_TIMEOUT_S)
