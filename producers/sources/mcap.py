"""Recordings of ``posestream record``: ``mcap:FILE[?from=TIME&to=TIME&speed=N]``."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from producers.archive.reader import RecordedFrame, Recording
from producers.archive.shots import rate_hz, shot_of
from producers.archive.span import BadTime, Span, time_ns
from producers.sources.base import Shot, SourceError
from producers.sources.options import Address
from schemas import Pose
from schemas.depth import DEFAULT_UNIT_M


class McapSource:
    """A recorded run, played again; see ``producers.sources.base.Source``.

    Pictures travel again as the very bytes that were recorded, with their times of capture and all masks that
    travelled with them. Frames are numbered anew without gaps; what was missing in the recording stays missing.

    Args:
        address: ``mcap:FILE``, with a span of times of capture and how many times faster it is played.

    Raises:
        SourceError: No such recording, or no frame in it.
    """

    def __init__(self, address: Address) -> None:
        address.only("from", "to", "speed")
        self.name = address.text
        self._span = _span(address)
        self._speed = address.number("speed", 1.0)
        self._recording = Recording(Path(address.place))
        self.objects = self._recording.job.objects
        everything = self._span == Span()
        first = next(self._frames(), None)
        if first is None:
            msg = f"{self.name}: expected frames, the recording holds none{'' if everything else ' of then'}"
            raise SourceError(msg)
        depth = first.pictures().depth
        self.camera, self.depth_unit_m = first.camera, DEFAULT_UNIT_M if depth is None else depth.unit_m
        self._first_ns = first.captured_ns
        self.rate_hz = rate_hz([frame.captured_ns for frame in islice(self._frames(), 2)]) * self._speed
        self.frame_count = self._recording.frame_count() if everything else sum(1 for _ in self._frames())

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``."""
        for frame in islice(self._frames(), start, None):
            what = f"{self.name}, frame {frame.seq} of run {frame.run_id}"
            at_s = (frame.captured_ns - self._first_ns) * 1e-9 / self._speed
            yield shot_of(what, at_s, frame.camera, frame.captured_ns, frame.pictures())

    def truth(self, seq: int) -> Mapping[str, Pose]:  # noqa: ARG002 - the protocol's
        """Recordings know none: what was tracked is not the truth."""
        return {}

    def image_id(self, seq: int) -> int:
        """See ``Source.image_id``."""
        return seq

    def _frames(self) -> Iterator[RecordedFrame]:
        return (frame for frame in self._recording.frames() if self._span.holds(frame.captured_ns))


def _span(address: Address) -> Span:
    texts = (address.text_of("from"), address.text_of("to"))
    try:
        return Span(*(None if text is None else time_ns(text) for text in texts))
    except BadTime as error:
        msg = f"{address.text}: {error}"
        raise SourceError(msg) from error
