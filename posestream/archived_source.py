"""A job's stream in Kafka as a source: what is there already, played again."""

from collections.abc import Iterator, Mapping
from itertools import islice

from consumers.broker import Broker, Partition
from posestream.archive import NothingArchived, RunChoice, ends_of, frames, records_before, starts_of
from producers.archive.shots import rate_hz, shot_of
from producers.sources.base import Shot
from schemas import Pose
from schemas.codec import Codec, FrameHeader
from schemas.depth import DEFAULT_UNIT_M


class ArchivedSource:
    """The frames of a run up to where its partition ends when this is made; see ``producers.sources.base.Source``.

    Args:
        broker: Where the stream lies.
        codec: Reads it.
        choice: Which frames.
        speed: How many times faster than they were taken; above 0.

    Raises:
        NothingArchived: There is none.
    """

    def __init__(self, broker: Broker, codec: Codec, choice: RunChoice, speed: float) -> None:
        span = choice.span
        bounds = "" if span.from_ns is None and span.to_ns is None else f"?from={span.from_ns}&to={span.to_ns}"
        self.name = f"kafka:{choice.job.id}/{choice.run_id}{bounds}"
        self.objects = choice.job.objects
        self._broker = broker
        self._codec = codec
        self._choice = choice
        self._speed = speed
        self._ends = self._end_offsets()
        found = list(islice(self._frames(), 2))
        if not found:
            msg = f"{self.name}: expected frames captured in that time, Kafka holds none"
            raise NothingArchived(msg)
        depth = found[0].pictures.depth
        self.camera, self.depth_unit_m = found[0].camera, DEFAULT_UNIT_M if depth is None else depth.unit_m
        self._first_ns = found[0].captured_ns
        self.rate_hz = rate_hz([header.captured_ns for header in found]) * speed
        self.frame_count = sum(1 for _ in self._frames())

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``."""
        for header in islice(self._frames(), start, None):
            what = f"{self.name}, frame {header.seq}"
            at_s = (header.captured_ns - self._first_ns) * 1e-9 / self._speed
            yield shot_of(what, at_s, header.camera, header.captured_ns, header.pictures)

    def truth(self, seq: int) -> Mapping[str, Pose]:  # noqa: ARG002 - the protocol's
        """A stream knows none: what was tracked is not the truth."""
        return {}

    def image_id(self, seq: int) -> int:
        """See ``Source.image_id``."""
        return seq

    def _end_offsets(self) -> dict[Partition, int]:
        reader = self._broker.reader()
        try:
            return ends_of(reader, [self._choice.frames])
        finally:
            reader.close()

    def _frames(self) -> Iterator[FrameHeader]:
        """Each reading has a reader of its own, closed where the reading stops."""
        reader = self._broker.reader()
        try:
            starts = starts_of(reader, [self._choice.frames], self._choice.span)
            yield from frames(self._codec, self._choice, records_before(reader, starts, self._ends))
        finally:
            reader.close()
