"""What Kafka still holds of a job's stream, read by time and outside any group."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from consumers.broker import Partition, PartitionReader, Record
from producers.archive.span import Span
from producers.tail import TailReader
from schemas import BadMessage, Job, PosestreamError
from schemas.codec import Codec, FrameHeader
from schemas.topics import frames_topic

_READ_S = 0.2
_DRAIN_S = 10.0  # where the broker is away at the end


class NothingArchived(PosestreamError):
    """Kafka holds no frame of what was asked for."""


@dataclass(frozen=True, slots=True)
class RunChoice:
    """The frames that are meant: one run of one job, in a span of capture times."""

    job: Job
    run_id: str
    span: Span

    def of_job(self, record: Record) -> bool:
        """Whether a record is of this job at all; a partition is shared."""
        return record.value is not None and record.key == self.job.id.encode()

    def holds(self, run_id: str, captured_ns: int) -> bool:
        """Whether a frame or its answer is meant."""
        return run_id == self.run_id and self.span.holds(captured_ns)

    @property
    def frames(self) -> Partition:
        """Where its frames lie."""
        return Partition(frames_topic(self.job.pool), self.job.partition)


def newest_run(kafka: str, codec: Codec, job: Job, span: Span) -> str | None:
    """The run of the newest frame of a job in a span; None where there is no frame.

    Raises:
        BrokerSilent: No answer within 20 s.
    """
    with TailReader(kafka) as reader:
        for message in reader.backwards(frames_topic(job.pool), job.partition, span.published_from_ms or 0):
            header = _header(codec, message.value()) if message.key() == job.id.encode() else None
            if header is not None and span.holds(header.captured_ns):
                return header.run_id
    return None


def starts_of(reader: PartitionReader, partitions: list[Partition], span: Span) -> dict[Partition, int | None]:
    """From where partitions must be read so that nothing of a span is missed."""
    since_ms = span.published_from_ms
    return {one: None if since_ms is None else reader.since(one, since_ms) for one in partitions}


def records_before(
    reader: PartitionReader, starts: Mapping[Partition, int | None], ends: Mapping[Partition, int]
) -> Iterator[Record]:
    """Records of partitions below these offsets."""
    reader.assign(starts)
    while any(reader.position(partition) < end for partition, end in ends.items()):
        yield from (record for record in reader.read(_READ_S) if record.offset < ends[record.source])


def records(
    reader: PartitionReader,
    starts: Mapping[Partition, int | None],
    stopped: Callable[[], bool],
    *,
    follow: bool = False,
) -> Iterator[Record]:
    """Records of partitions up to where they end now, or with ``follow`` up to where they end when ``stopped``."""
    if not follow:
        for record in records_before(reader, starts, ends_of(reader, starts)):
            if stopped():
                return
            yield record
        return
    reader.assign(starts)
    while not stopped():
        yield from reader.read(_READ_S)
    yield from _drained(reader, ends_of(reader, starts))


def _drained(reader: PartitionReader, ends: Mapping[Partition, int]) -> Iterator[Record]:
    """What a reader has not given yet; not waited for for ever, as the broker may be away."""
    give_up_s = time.monotonic() + _DRAIN_S
    while time.monotonic() < give_up_s and any(reader.position(one) < end for one, end in ends.items()):
        yield from (record for record in reader.read(_READ_S) if record.offset < ends[record.source])


def ends_of(reader: PartitionReader, partitions: Iterable[Partition]) -> dict[Partition, int]:
    """Where partitions end now."""
    return {partition: reader.end(partition) for partition in partitions}


def frames(codec: Codec, choice: RunChoice, found: Iterator[Record]) -> Iterator[FrameHeader]:
    """The frames among records that are meant; what cannot be read is for the workers to report."""
    for record in found:
        header = _header(codec, record.value) if choice.of_job(record) else None
        if header is not None and choice.holds(header.run_id, header.captured_ns):
            yield header


def _header(codec: Codec, value: bytes | None) -> FrameHeader | None:
    try:
        return codec.decode_frame_header(value or b"")
    except BadMessage:
        return None
