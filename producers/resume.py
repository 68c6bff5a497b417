"""Where an interrupted run stands, as the broker knows it: no file beside it can be wrong.

A run tells ``status`` when it starts and when it ends; between the two, its last frame in the frames topic says how
far it came.
"""

from dataclasses import dataclass

from confluent_kafka import Message

from producers.tail import TailReader
from schemas import BadMessage, Job, JobStatus, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.event import END_OF_STREAM, START_OF_STREAM
from schemas.topics import STATUS, frames_topic

_CLOCKS_MS = 60_000  # how far the clocks of two machines that publish may be apart


@dataclass(frozen=True, slots=True)
class Progress:
    """A run of a job that has started and not ended.

    Attributes:
        run_id: The run.
        source: Name of the source that it started with.
        next_seq: One after the last delivered frame.
    """

    run_id: str
    source: str
    next_seq: int


def unfinished_run(kafka: str, codec: Codec, job: Job) -> Progress | None:
    """How far the newest run of a job came; None where it has none, or where that came to its end.

    Raises:
        BrokerSilent: No answer within 20 s.
    """
    with TailReader(kafka) as reader:
        newest = _newest_word(reader, codec, job)
        if newest is None or not newest[0].reason.startswith(START_OF_STREAM):
            return None
        start, at_ms = newest
        source = start.reason.removeprefix(START_OF_STREAM)
        since_ms = max(1, at_ms - _CLOCKS_MS)
        for message in reader.backwards(frames_topic(job.pool), job.partition, since_ms):
            seq = _seq(codec, message, job.id, start.run_id)
            if seq is not None:
                return Progress(start.run_id, source, seq + 1)
        return Progress(start.run_id, source, 0)


def has_ended(kafka: str, codec: Codec, job: Job) -> bool:
    """Whether the job's newest run came to its end.

    Raises:
        BrokerSilent: No answer within 20 s.
    """
    with TailReader(kafka) as reader:
        newest = _newest_word(reader, codec, job)
    return newest is not None and newest[0].reason == END_OF_STREAM


def _newest_word(reader: TailReader, codec: Codec, job: Job) -> tuple[StatusEvent, int] | None:
    """The newest start or end of a stream of the job since it was made, and its time in ms."""
    for message in reader.backwards(STATUS, job.partition):
        if message.key() != job.id.encode():
            continue
        try:
            event = codec.decode(message.value() or b"", StatusEvent)
        except BadMessage:  # somebody else's record under our key
            continue
        if event.kind is StatusKind.STREAM and (
            event.reason.startswith(START_OF_STREAM) or event.reason == END_OF_STREAM
        ):
            return event, message.timestamp()[1]
        if event.kind is StatusKind.JOB and event.status == JobStatus.PENDING:  # what lies before is another job's
            return None
    return None


def _seq(codec: Codec, message: Message, job_id: str, run_id: str) -> int | None:
    if message.key() != job_id.encode():
        return None
    try:
        header = codec.decode_frame_header(message.value() or b"")
    except BadMessage:
        return None
    return header.seq if header.run_id == run_id else None
