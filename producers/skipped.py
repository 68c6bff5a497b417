"""Frames that were given up on, until their ranges are published."""

from schemas import SeqRange


class SkippedFrames:
    """Collects numbers of frames in any order and gives them back as few ranges."""

    def __init__(self) -> None:
        self._reasons: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._reasons)

    def add(self, frames: SeqRange, reason: str) -> None:
        """Note these frames; the newest reason for a frame counts."""
        for seq in range(frames.first, frames.last + 1):
            self._reasons[seq] = reason

    def take(self) -> list[tuple[SeqRange, str]]:
        """All ranges in order, neighbours of one reason as one; nothing is left after it."""
        ranges: list[tuple[SeqRange, str]] = []
        for seq in sorted(self._reasons):
            reason = self._reasons[seq]
            if ranges and ranges[-1][0].last == seq - 1 and ranges[-1][1] == reason:
                ranges[-1] = (SeqRange(ranges[-1][0].first, seq), reason)
            else:
                ranges.append((SeqRange(seq, seq), reason))
        self._reasons.clear()
        return ranges
