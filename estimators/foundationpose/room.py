"""How many poses fit into memory at once: half as many after an out-of-memory, and by and by more again."""

from dataclasses import dataclass, field

_FULL_BATCHES = 50
"""Batches as large as allowed that go well before twice as many are tried: some seconds of tracking."""
_MOST_PATIENCE = 64  # times that: a device that others keep full is asked once in some minutes


@dataclass(slots=True)
class Room:
    """Poses a forward, at most.

    Attributes:
        whole: With all the memory of a device of its own.
        most: Now.
    """

    whole: int
    most: int = field(init=False)
    _went_well: int = field(default=0, init=False)
    _patience: int = field(default=1, init=False)
    _grew: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.most = self.whole

    def shrink(self) -> bool:
        """Memory ran out: half as many from now on.

        Returns:
            False where not even one pose fits; then all are tried next, since others may have left the device.
        """
        self._went_well = 0
        if self._grew:  # the last try to grow was too early
            self._patience = min(2 * self._patience, _MOST_PATIENCE)
            self._grew = False
        if self.most == 1:
            self.most = self.whole
            return False
        self.most = max(1, self.most // 2)
        return True

    def went_well(self, poses: int) -> None:
        """So many poses were worked on without running out; fewer than allowed at once say nothing."""
        if poses < self.most:
            return
        if self._grew:
            self._grew, self._patience = False, 1
        if self.most == self.whole:
            return
        self._went_well += 1
        if self._went_well >= _FULL_BATCHES * self._patience:
            self.most, self._went_well, self._grew = min(2 * self.most, self.whole), 0, True
