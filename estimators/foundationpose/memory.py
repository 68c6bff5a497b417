"""What tracking carries from frame to frame for one object, as bytes of a fixed layout."""

import struct
from dataclasses import dataclass

import numpy as np

from schemas import Pose

_VERSION = 1
_LAYOUT = struct.Struct("<H3I16d")


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The carry-over of one object.

    Attributes:
        frames: Frames since it was registered.
        bad: Frames in a row with a score at which it is about to be lost.
        unseen: Frames since it was lost.
        trust: What the scorer said last: 1 as good as at registration, 0 as bad as an average hypothesis there.
        level: The scorer's logit of the registered pose by itself; NaN where it was not asked.
        floor: The median of those of the hypotheses at registration; NaN likewise.
        mean: Running mean of the score.
        trusted: The last trusted cam_from_obj; None before the first.
    """

    frames: int = 0
    bad: int = 0
    unseen: int = 0
    trust: float = 1.0
    level: float = float("nan")
    floor: float = float("nan")
    mean: float = 0.0
    trusted: Pose | None = None

    def pack(self) -> bytes:
        """The same as bytes."""
        pose = np.full((3, 4), np.nan) if self.trusted is None else self.trusted.matrix()[:3]
        numbers = (self.trust, self.level, self.floor, self.mean)
        return _LAYOUT.pack(_VERSION, self.frames, self.bad, self.unseen, *numbers, *pose.ravel())

    @staticmethod
    def unpack(data: bytes | None) -> "Memory | None":
        """The memory of these bytes; None where there are none or another version or estimator wrote them."""
        if data is None or len(data) != _LAYOUT.size:
            return None
        version, frames, bad, unseen, trust, level, floor, mean, *pose = _LAYOUT.unpack(data)
        if version != _VERSION or not np.isfinite([trust, mean]).all():
            return None
        matrix = np.array(pose).reshape(3, 4)
        trusted = Pose.from_matrix(matrix) if np.isfinite(matrix).all() else None
        return Memory(frames, bad, unseen, trust, level, floor, mean, trusted)
