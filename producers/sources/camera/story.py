"""What is said about a camera: each change of its state once, with how long the last one held."""

from producers.sources.base import Notice, SourceState

_TELL_PASSED_S = 10.0


class Story:
    """Turns states into notices.

    Attributes:
        state: The last one told.
    """

    def __init__(self, now_s: float) -> None:
        self.state = SourceState.PLAYING
        self._since_s = now_s
        self._tries = 0
        self._all_tries = 0
        self._passed = 0
        self._passed_told_s = -_TELL_PASSED_S

    def tried(self) -> None:
        """A connection failed."""
        self._tries += 1
        self._all_tries += 1

    def passed(self, count: int) -> None:
        """Pictures were passed over."""
        self._passed += count

    def told(self, state: SourceState, now_s: float, why: str = "") -> Notice:
        """The notice for the state of now; without a text where there is nothing new."""
        text = self._change(state, now_s, why) if state is not self.state else ""
        passed, tries = 0, self._tries
        due = state is not SourceState.AWAY and now_s - self._passed_told_s >= _TELL_PASSED_S
        if not text and self._passed and due:
            passed, self._passed, self._passed_told_s = self._passed, 0, now_s
            text = f"{passed} pictures passed over: encoding, Kafka or --rate is slower than the camera"
        self._tries = 0
        return Notice(state, text, tries, passed)

    def _change(self, state: SourceState, now_s: float, why: str) -> str:
        before, held_s = self.state, now_s - self._since_s
        self.state, self._since_s = state, now_s
        if state is SourceState.AWAY:
            self._all_tries = 0
            return f"camera away: {why}; trying again"
        ended = {
            SourceState.AWAY: f"camera is back after {held_s:.1f} s, {self._all_tries} tries failed",
            SourceState.FROZEN: f"picture moves again after {held_s:.1f} s",
            SourceState.BLACK: f"picture is no longer black after {held_s:.1f} s",
        }
        begun = {
            SourceState.FROZEN: f"picture frozen: {why}",
            SourceState.BLACK: f"picture black: {why}",
        }
        return "; ".join(text for text in (ended.get(before, ""), begun.get(state, "")) if text)
