"""What the tracker carries from frame to frame for one object, as bytes of a fixed layout."""

import struct
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np

from estimators.geometric.scene import GRID, NOTHING
from schemas.arrays import Array

_VERSION = 6
TURNS = 36
RIVALS = 2
_HEAD, _SIZES = struct.Struct("<Hq9I"), struct.Struct("<4I")
_NUMBERS = np.dtype([("values", "<f8", 67), ("turns", "<f4", TURNS), ("levels", "<f8", 2)])
_SIZES_AT = _HEAD.size + _NUMBERS.itemsize
_SCENE_AT = _SIZES_AT + _SIZES.size
_FIXED_BYTES = _SCENE_AT + 2 * GRID[0] * GRID[1]


def _zeros() -> Array:
    return np.zeros(3)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """The carry-over of one object.

    Attributes:
        captured_ns: When the last handled frame was taken; 0 where unknown.
        frames: Frames handled so far.
        trusted_frame: The last of them that gave a trusted pose.
        tries: Frames since the object was lost.
        good: Frames with a trusted score so far.
        bad: Frames in a row with a score at which an object is about to be lost.
        doubts: Frames in a row in which the object was in full view and scored less than usual.
        turn_rad_s: (3,) float64 rotation vector a second, camera's axes.
        shift_m_s: (3,) float64 of the object's centre, metres a second.
        mean_score: Running mean of trusted scores; 0 before the first.
        likeness: Running mean of the agreement of colours in trusted frames.
        rotation: (3, 3) float64 of the last trusted cam_from_obj.
        translation_m: (3,) float64 of the last trusted cam_from_obj.
        tone: (2,) running mean of ``Evidence.tone`` in trusted frames.
        speed_m_s: Running mean of its speed in trusted frames.
        probation: Frames for which a find is still watched.
        still: Of these, frames in which it did not move.
        found_m: (3,) float64 where it was found, centre, camera's frame.
        decoy_m: (3,) float64 where something stands that only looks like the object.
        decoy_frames: For how many frames that is still believed.
        offset: (6,) float64 turn (radians) and shift (metres), centre, object's axes: what a pose that was given from
            outside differed by from the fit in its frame; 0 without one.
        offset_view: (3,) float64 unit direction from which the object was seen there, object's axes.
        rivals: (2, 13) float64 poses that were as likely at registration: rotation (9, row-major) and shift (metres)
            from the chosen pose, centre, its axes, and what speaks for it since; 0 where there is none.
        rivals_view: (3,) float64 unit direction from which they were looked at last, object's axes.
        scene: (48, 64) uint16, what stood still before the camera, as ``scene.learned`` writes it.
        around: The colours that surround it where there is no depth, see ``colours.packed``; empty before the first.
        light: The light on it there, see ``Light.pack``; empty likewise, as are the next two.
        backdrop: What stands still before the camera there, see ``Backdrop.pack``.
        spread: (12, 12) float32 covariance of pose and velocities there, see ``kalman``.
        odds: Running mean of the log-odds of its pixels there.
        turns: (36,) float32, what speaks for other turns about the axis of near-symmetry, gathered over frames.
        over: What speaks for its lying end for end, gathered likewise, see ``ends``.
    """

    captured_ns: int = 0
    frames: int = 0
    trusted_frame: int = 0
    tries: int = 0
    good: int = 0
    bad: int = 0
    doubts: int = 0
    turn_rad_s: Array = field(default_factory=_zeros)
    shift_m_s: Array = field(default_factory=_zeros)
    mean_score: float = 0.0
    likeness: float = 0.0
    speed_m_s: float = 0.0
    probation: int = 0
    still: int = 0
    decoy_frames: int = 0
    tone: Array = field(default_factory=lambda: np.zeros(2))
    found_m: Array = field(default_factory=_zeros)
    decoy_m: Array = field(default_factory=_zeros)
    rotation: Array = field(default_factory=lambda: np.eye(3))
    translation_m: Array = field(default_factory=_zeros)
    offset: Array = field(default_factory=lambda: np.zeros(6))
    offset_view: Array = field(default_factory=_zeros)
    rivals: Array = field(default_factory=lambda: np.zeros((RIVALS, 13)))
    rivals_view: Array = field(default_factory=_zeros)
    scene: Array = field(default_factory=lambda: NOTHING)
    turns: Array = field(default_factory=lambda: np.zeros(TURNS, np.float32))
    around: bytes = b""
    light: bytes = b""
    backdrop: bytes = b""
    odds: float = 0.0
    over: float = 0.0
    spread: bytes = b""

    def way_m(self, seconds: float) -> float:
        """How far the object goes in a time, by its usual speed or by that of now, whichever is higher."""
        return seconds * max(self.speed_m_s, float(np.linalg.norm(self.shift_m_s)))

    def pack(self) -> bytes:
        """The same as bytes."""
        vectors = (self.turn_rad_s, self.shift_m_s, self.rotation.reshape(-1), self.translation_m)
        usual = [self.mean_score, self.likeness, self.speed_m_s]
        kept = [self.offset, self.offset_view, self.rivals.reshape(-1), self.rivals_view]
        numbers = np.empty((), _NUMBERS)
        numbers["values"] = np.concatenate([*vectors, usual, self.found_m, self.decoy_m, self.tone, *kept])
        numbers["turns"], numbers["levels"] = self.turns, (self.odds, self.over)
        counts = (self.frames, self.trusted_frame, self.tries, self.good, self.bad, self.doubts)
        watch = (self.probation, self.still, self.decoy_frames)
        parts = (self.around, self.light, self.backdrop, self.spread)
        head, sizes = _HEAD.pack(_VERSION, self.captured_ns, *counts, *watch), _SIZES.pack(*map(len, parts))
        return b"".join([head, numbers.tobytes(), sizes, self.scene.astype("<u2").tobytes(), *parts])

    @staticmethod
    def unpack(data: bytes | None) -> "Memory | None":
        """The memory of these bytes; None where there are none or another version wrote them."""
        if data is None or len(data) < _FIXED_BYTES:
            return None
        version, captured_ns, *counts = _HEAD.unpack_from(data)
        sizes = _SIZES.unpack_from(data, _SIZES_AT)
        if version != _VERSION or len(data) != _FIXED_BYTES + sum(sizes):
            return None
        numbers = np.frombuffer(data, _NUMBERS, 1, _HEAD.size)[0]
        values, turns, levels = (numbers[name].copy() for name in ("values", "turns", "levels"))
        if not (np.isfinite(values).all() and np.isfinite(turns).all() and np.isfinite(levels).all()):
            return None
        ends = list(accumulate(sizes, initial=_FIXED_BYTES))
        around, light, backdrop, spread = (data[ends[k] : ends[k + 1]] for k in range(len(sizes)))
        frames, trusted_frame, tries, good, bad, doubts, probation, still, decoy_frames = counts
        odds, over = levels.tolist()
        return Memory(
            captured_ns=captured_ns,
            frames=frames,
            trusted_frame=trusted_frame,
            tries=tries,
            good=good,
            bad=bad,
            doubts=doubts,
            turn_rad_s=values[:3],
            shift_m_s=values[3:6],
            rotation=values[6:15].reshape(3, 3),
            translation_m=values[15:18],
            mean_score=float(values[18]),
            likeness=float(values[19]),
            speed_m_s=float(values[20]),
            probation=probation,
            still=still,
            decoy_frames=decoy_frames,
            found_m=values[21:24],
            decoy_m=values[24:27],
            tone=values[27:29],
            offset=values[29:35],
            offset_view=values[35:38],
            rivals=values[38:64].reshape(RIVALS, 13),
            rivals_view=values[64:67],
            turns=turns,
            scene=np.frombuffer(data, "<u2", GRID[0] * GRID[1], _SCENE_AT).reshape(GRID),
            odds=odds,
            over=over,
            around=around,
            light=light,
            backdrop=backdrop,
            spread=spread,
        )
