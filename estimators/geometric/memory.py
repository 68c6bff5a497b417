"""What the tracker carries from frame to frame for one object, as bytes of a fixed layout."""

import struct
from dataclasses import dataclass, field

import numpy as np

from schemas.arrays import Array

_VERSION = 2
_LAYOUT = struct.Struct("<H2q2I20d36f")


TURNS = 36


def _zeros() -> Array:
    return np.zeros(3)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The carry-over of one object.

    Attributes:
        captured_ns: When the last handled frame was taken; 0 where unknown.
        tries: Frames since the object was lost.
        good: Frames with a trusted score so far.
        bad: Frames in a row with a score at which an object is about to be lost.
        turn_rad_s: (3,) float64 rotation vector a second, camera's axes.
        shift_m_s: (3,) float64 of the object's centre, metres a second.
        mean_score: Running mean of trusted scores; 0 before the first.
        likeness: Running mean of the agreement of colours in trusted frames.
        rotation: (3, 3) float64 of the last trusted cam_from_obj.
        translation_m: (3,) float64 of the last trusted cam_from_obj.
        turns: (36,) float32, what speaks for other turns about the axis of near-symmetry, gathered over frames.
    """

    captured_ns: int = 0
    tries: int = 0
    good: int = 0
    bad: int = 0
    turn_rad_s: Array = field(default_factory=_zeros)
    shift_m_s: Array = field(default_factory=_zeros)
    mean_score: float = 0.0
    likeness: float = 0.0
    rotation: Array = field(default_factory=lambda: np.eye(3))
    translation_m: Array = field(default_factory=_zeros)
    turns: Array = field(default_factory=lambda: np.zeros(TURNS, np.float32))

    def pack(self) -> bytes:
        """The same as bytes."""
        vectors = (self.turn_rad_s, self.shift_m_s, self.rotation.reshape(-1), self.translation_m)
        numbers = np.concatenate([*vectors, [self.mean_score, self.likeness]])
        return _LAYOUT.pack(_VERSION, self.captured_ns, self.tries, self.good, self.bad, *numbers, *self.turns)

    @staticmethod
    def unpack(data: bytes | None) -> "Memory | None":
        """The memory of these bytes; None where there are none or another version wrote them."""
        if data is None or len(data) != _LAYOUT.size:
            return None
        version, captured_ns, tries, good, bad, *numbers = _LAYOUT.unpack(data)
        values = np.array(numbers)
        if version != _VERSION or not np.isfinite(values).all():
            return None
        return Memory(
            captured_ns=captured_ns,
            tries=tries,
            good=good,
            bad=bad,
            turn_rad_s=values[:3],
            shift_m_s=values[3:6],
            rotation=values[6:15].reshape(3, 3),
            translation_m=values[15:18],
            mean_score=float(values[18]),
            likeness=float(values[19]),
            turns=values[20:].astype(np.float32),
        )
