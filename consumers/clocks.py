"""Cameras' clocks that repeat, run backwards or jump: flagged in events, told once for each time that it happens."""

from dataclasses import dataclass

REPEATED = "repeated"
BACKWARDS = "backwards"
JUMPED = "jumped"

_JUMP_NS = 1_000_000_000  # away from what passed between the two publications
_WELL_AGAIN = 30  # good frames in a row


@dataclass(slots=True)
class CaptureClock:
    """Judges the times of capture of one stream's answered frames, in their order.

    Attributes:
        run_id: Of the last frame; a new run begins anew.
        seq: The last frame.
        flag: Its flag.
        captured_ns: Of the last frame.
        published_ns: Of the last frame.
        flagged: Frames flagged since it went wrong; 0 while all is well.
        good: Frames in a row that were not flagged since then.
    """

    run_id: str = ""
    seq: int = -1
    flag: str = ""
    captured_ns: int = 0
    published_ns: int = 0
    flagged: int = 0
    good: int = 0

    def judge(self, run_id: str, seq: int, captured_ns: int, published_ns: int) -> tuple[str, str]:
        """Take a frame; one that is sent again, as there was no room for its answer, keeps its flag.

        Returns:
            Its flag, "" where its time follows on the last one; and one line for people where that changes, else "".
        """
        if (run_id, seq) == (self.run_id, self.seq):
            return self.flag, ""
        passed_ns, published_passed_ns = captured_ns - self.captured_ns, published_ns - self.published_ns
        first = run_id != self.run_id
        self.run_id, self.seq, self.captured_ns, self.published_ns = run_id, seq, captured_ns, published_ns
        self.flag = "" if first else _flag(passed_ns, published_passed_ns)
        if first:
            self.flagged = self.good = 0
            return "", ""
        return self.flag, self._told(self.flag, passed_ns, published_passed_ns)

    def _told(self, flag: str, passed_ns: int, published_passed_ns: int) -> str:
        if flag:
            self.flagged, self.good = self.flagged + 1, 0
            if self.flagged > 1:
                return ""
            passed = f"{passed_ns / 1e9:+.3f} s after the frame before, published {published_passed_ns / 1e9:+.3f} s"
            return f"capture clock {flag}: {passed} after it"
        self.good += self.flagged > 0
        if self.good < _WELL_AGAIN:
            return ""
        count, self.flagged, self.good = self.flagged, 0, 0
        return f"capture clock runs forward again: {count} frames were flagged"


def _flag(passed_ns: int, published_passed_ns: int) -> str:
    if passed_ns == 0:
        return REPEATED
    if passed_ns < 0:
        return BACKWARDS
    return JUMPED if abs(passed_ns - published_passed_ns) > _JUMP_NS else ""
