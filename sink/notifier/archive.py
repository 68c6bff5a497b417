"""Frames that Kafka still holds, with the poses that were found in them, to be looked at again."""

import struct
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

from consumers.broker import Broker, Partition, PartitionReader, Record
from schemas import BadMessage, Overloaded, PoseEvent
from schemas.codec import Codec
from schemas.topics import frames_topic
from sink.notifier.messages import frame_message
from sink.queries import JobView

MOST_FRAMES = 32
"""Frames in one answer: some megabytes."""
_READERS = 4  # at once: each takes a thread of the server and some memory
_WAIT_S = 5.0
_BUDGET_S = 10.0
_READ_S = 0.2
_LATE_MS = 1000  # producers of one partition do not publish in exactly the order of their clocks
_LENGTH = struct.Struct("<I")


class Archive:
    """Reads frames of the past, outside any group; may be used by several threads.

    Args:
        broker: Where the frames lie.
        codec: Reads their headers; pixels are not decoded.
        clock: Seconds, monotonic.
    """

    def __init__(self, broker: Broker, codec: Codec, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._codec = codec
        self._clock = clock
        self._readers = threading.BoundedSemaphore(_READERS)

    def frames(self, job: JobView, events: Sequence[PoseEvent]) -> bytes:
        """The frames of pose events, each with its poses; blocking.

        Args:
            job: Says where its frames lie.
            events: Of one run of this job, in the order of their frames.

        Returns:
            For each frame that Kafka still holds, in the same order: uint32 little-endian length, then a message as
            ``sink.notifier.messages.frame_message`` makes it. Empty where it holds none of them.

        Raises:
            Overloaded: Too many look back at once, or Kafka does not answer in time.
        """
        if not events:
            return b""
        with self._reader() as reader:
            found = self._found(reader, Partition(frames_topic(job.pool), job.partition), job.id.encode(), events)
        return b"".join(_LENGTH.pack(len(one)) + one for one in found)

    def _found(
        self, reader: PartitionReader, place: Partition, job_key: bytes, events: Sequence[PoseEvent]
    ) -> list[bytes]:
        wanted = {(event.run_id, event.seq): event for event in events}
        until_ms = max(event.published_ns for event in events) // 1_000_000 + _LATE_MS
        end, give_up_s = reader.end(place), self._clock() + _BUDGET_S
        reader.assign({place: reader.since(place, min(event.published_ns for event in events) // 1_000_000)})
        found: dict[tuple[str, int], bytes] = {}
        while len(found) < len(wanted) and reader.position(place) < end:
            if self._clock() > give_up_s:
                msg = f"{place.topic}[{place.number}]: expected frames within {_BUDGET_S:.0f} s"
                raise Overloaded(msg)
            for record in reader.read(_READ_S):
                if record.timestamp_ms > until_ms:
                    return _in_order(found)
                if record.key == job_key:
                    found |= self._message(record, wanted)
        return _in_order(found)

    def _message(self, record: Record, wanted: dict[tuple[str, int], PoseEvent]) -> dict[tuple[str, int], bytes]:
        try:
            header = self._codec.decode_frame_header(record.value or b"")
        except BadMessage:  # the workers sent it to the dead letters
            return {}
        key = header.run_id, header.seq
        return {key: frame_message(header, record.timestamp_ms, wanted[key])} if key in wanted else {}

    @contextmanager
    def _reader(self) -> Generator[PartitionReader]:
        if not self._readers.acquire(timeout=_WAIT_S):
            msg = f"archive: {_READERS} look at frames of the past already"
            raise Overloaded(msg)
        try:
            reader = self._broker.reader()
            try:
                yield reader
            finally:
                reader.close()
        finally:
            self._readers.release()


def _in_order(found: dict[tuple[str, int], bytes]) -> list[bytes]:
    """A frame that was published twice is there once; redelivered ones may come late."""
    return [found[key] for key in sorted(found)]
