"""Whether what a camera sends is a living picture."""

import numpy as np

from producers.sources.base import SourceState
from schemas.arrays import Array

_DARK = 24  # of 255: black with the noise of a covered sensor, or with video's limited range
_LIGHT_SHARE = 0.01
_STEP = 8  # every eighth pixel in both directions tells whether a picture is dark
_ROWS = 16  # every sixteenth row tells nearly always that two pictures differ


class PictureWatch:
    """Notices a camera that sends the same picture again and again, or black.

    A living sensor's noise makes each picture differ in some pixel, so "the same" is equality of every pixel. A
    camera that smoothes all noise away before a still scene looks frozen too; hence the time.

    Args:
        freeze_s: The same picture for so long is frozen.
        black_s: Black for so long is black.
    """

    def __init__(self, freeze_s: float, black_s: float) -> None:
        self.freeze_s = freeze_s
        self.black_s = black_s
        self._last: Array | None = None
        self._same_since_s = 0.0
        self._black_since_s: float | None = None

    def look(self, picture: Array, now_s: float) -> SourceState:
        """What to think of a picture (H, W, 3) uint8 that came at ``now_s``; it must not be changed afterwards."""
        if self._last is None or not _same(self._last, picture):
            self._same_since_s = now_s
        self._last = picture
        if not _is_black(picture):
            self._black_since_s = None
        elif self._black_since_s is None:
            self._black_since_s = now_s
        if self._black_since_s is not None and now_s - self._black_since_s >= self.black_s:
            return SourceState.BLACK
        if now_s - self._same_since_s >= self.freeze_s:
            return SourceState.FROZEN
        return SourceState.PLAYING

    def forget(self) -> None:
        """The next picture is of a new connection."""
        self._last, self._black_since_s = None, None


def _same(left: Array, right: Array) -> bool:
    return np.array_equal(left[::_ROWS], right[::_ROWS]) and np.array_equal(left, right)


def _is_black(picture: Array) -> bool:
    few = picture[::_STEP, ::_STEP]
    return int(np.count_nonzero(few > _DARK)) <= _LIGHT_SHARE * few.size
