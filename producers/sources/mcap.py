"""Recordings of ``posestream record``: ``mcap:FILE``."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from producers.archive.reader import RecordedFrame, Recording
from producers.archive.shots import shot_of
from producers.sources.base import Shot, SourceError
from producers.sources.options import Address
from schemas import Pose

_NS = 1e-9


class McapSource:
    """A recorded run, played again; see ``producers.sources.base.Source``.

    Pictures travel again as the very bytes that were recorded, with their times of capture and all masks that
    travelled with them. Frames are numbered anew without gaps; what was missing in the recording stays missing.

    Args:
        address: ``mcap:FILE``.

    Raises:
        SourceError: No such recording, or no frame in it.
    """

    def __init__(self, address: Address) -> None:
        address.only()
        self.name = address.text
        self._recording = Recording(Path(address.place))
        self.objects = self._recording.job.objects
        self.frame_count = self._recording.frame_count()
        first = self._recording.frames()
        head = next(first, None)
        if head is None:
            msg = f"{self.name}: expected frames, the recording holds none"
            raise SourceError(msg)
        depth = head.pictures().depth
        self.camera, self.depth_unit_m = head.camera, 0.001 if depth is None else depth.unit_m
        self._first_ns = head.captured_ns
        self.rate_hz = _rate_hz(head, next(first, head))

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``."""
        for frame in self._recording.frames(start):
            what = f"{self.name}, frame {frame.seq} of run {frame.run_id}"
            yield shot_of(what, frame.camera, frame.captured_ns, self._first_ns, frame.pictures())

    def truth(self, seq: int) -> Mapping[str, Pose]:  # noqa: ARG002 - the protocol's
        """Recordings know none: what was tracked is not the truth."""
        return {}

    def image_id(self, seq: int) -> int:
        """See ``Source.image_id``."""
        return seq


def _rate_hz(first: RecordedFrame, second: RecordedFrame) -> float:
    step_ns = second.captured_ns - first.captured_ns
    return 1.0 / (step_ns * _NS) if step_ns > 0 else 30.0
