"""What tracking carries from frame to frame for one object, as bytes of a fixed layout."""

import struct
from dataclasses import dataclass

import numpy as np

from schemas import Pose

_VERSION = 0x6D01  # tells it from other estimators' memory, too
_LAYOUT = struct.Struct("<H2I12d")


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The carry-over of one object.

    Attributes:
        bad: Frames in a row with a score at which it is about to be lost.
        unseen: Frames since it was lost.
        trusted: The last trusted cam_from_obj; None before the first.
    """

    bad: int = 0
    unseen: int = 0
    trusted: Pose | None = None

    def pack(self) -> bytes:
        """The same as bytes."""
        pose = np.full((3, 4), np.nan) if self.trusted is None else self.trusted.matrix()[:3]
        return _LAYOUT.pack(_VERSION, self.bad, self.unseen, *pose.ravel())

    @staticmethod
    def unpack(data: bytes | None) -> "Memory | None":
        """The memory of these bytes; None where there are none or another version or estimator wrote them."""
        if data is None or len(data) != _LAYOUT.size:
            return None
        version, bad, unseen, *pose = _LAYOUT.unpack(data)
        if version != _VERSION:
            return None
        matrix = np.array(pose).reshape(3, 4)
        return Memory(bad, unseen, Pose.from_matrix(matrix) if np.isfinite(matrix).all() else None)
