"""Puts frames and their poses together, so that an outline is drawn on the frame it was found in."""

from collections import OrderedDict
from dataclasses import dataclass

from schemas import PoseEvent
from schemas.codec import FrameHeader

Key = tuple[str, int]

_POSES_KEPT = 512
_ALONE_AFTER_S = 1.5  # without a pose for so long, frames are shown without


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A frame to be shown.

    Attributes:
        frame: The frame.
        published_ms: CreateTime of its record.
        event: What was found in it; None where nobody works on the stream.
    """

    frame: FrameHeader
    published_ms: int
    event: PoseEvent | None = None


class Pairer:
    """Holds frames until their pose comes, and poses until their frame comes.

    Args:
        limit: Frames held at most; then ``full`` asks the reader of frames to wait for the worker.
        now_s: Monotonic seconds.
    """

    def __init__(self, limit: int, now_s: float) -> None:
        self._limit = limit
        self._frames: OrderedDict[Key, Shot] = OrderedDict()
        self._poses: OrderedDict[Key, PoseEvent] = OrderedDict()
        self._newest: PoseEvent | None = None
        self._pose_at_s = now_s

    def full(self, now_s: float) -> bool:
        """Whether frames should wait: enough are held, and poses are coming."""
        return len(self._frames) >= self._limit and not self._alone(now_s)

    def add_frame(self, shot: Shot, now_s: float) -> Shot | None:
        """Take a frame; what can be shown now, if anything."""
        key = (shot.frame.run_id, shot.frame.seq)
        if key in self._poses:
            return Shot(shot.frame, shot.published_ms, self._poses.pop(key))
        if self._newest is not None and key[0] == self._newest.run_id and key[1] <= self._newest.seq:
            return None  # skipped by the worker, or shown already
        self._frames[key] = shot
        if len(self._frames) > 2 * self._limit:  # the reader stops a little late
            self._frames.popitem(last=False)
        return shot if self._alone(now_s) else None

    def add_pose(self, event: PoseEvent, now_s: float) -> Shot | None:
        """Take a pose; the frame that can be shown now, if it is held."""
        self._newest = event
        self._pose_at_s = now_s
        key = (event.run_id, event.seq)
        if key not in self._frames:
            self._poses[key] = event
            if len(self._poses) > _POSES_KEPT:
                self._poses.popitem(last=False)
            return None
        held = self._frames[key]
        while next(iter(self._frames)) != key:
            self._frames.popitem(last=False)
        del self._frames[key]
        return Shot(held.frame, held.published_ms, event)

    def ahead_of(self, event: PoseEvent) -> bool:
        """Whether all held frames come after this pose: the reader should go back to its frame."""
        first = next(iter(self._frames), None)
        return len(self._frames) >= self._limit and first is not None and _later(first, event)

    def clear(self) -> None:
        """Forget the frames, before reading goes on elsewhere."""
        self._frames.clear()

    def _alone(self, now_s: float) -> bool:
        return now_s - self._pose_at_s > _ALONE_AFTER_S


def _later(key: Key, event: PoseEvent) -> bool:
    return key[0] != event.run_id or key[1] > event.seq
