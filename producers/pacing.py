"""When each picture is due."""

import time
from collections.abc import Callable


class Pacer:
    """Holds pictures back until they are due; a late one goes at once, and the next are on time again.

    Args:
        rate_hz: Pictures a second; 0 is as fast as possible; None is by the source's own times.
        wait: Waits for so many seconds; true where the wait was ended early because everything stops.
        clock_s: Monotonic seconds.
    """

    def __init__(
        self, rate_hz: float | None, wait: Callable[[float], bool], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate_hz = rate_hz
        self._wait = wait
        self._clock_s = clock_s
        self._number = 0
        self._began: tuple[float, float] | None = None

    def wait(self, at_s: float) -> bool:
        """Wait until the next picture is due.

        Args:
            at_s: When it was taken by the source's clock.

        Returns:
            Whether to stop.
        """
        now_s = self._clock_s()
        if self._began is None:
            self._began = (now_s, at_s)
        began_s, first_at_s = self._began
        if self._rate_hz is None:
            due_s = began_s + at_s - first_at_s
        else:
            due_s = began_s + self._number / self._rate_hz if self._rate_hz > 0 else now_s
        self._number += 1
        return self._wait(max(0.0, due_s - now_s))

    def shift(self, seconds: float) -> None:
        """The pictures after a pause are due so much later."""
        if self._began is not None:
            self._began = (self._began[0] + seconds, self._began[1])

    def stopped(self) -> bool:
        """Whether everything stops; does not wait."""
        return self._wait(0.0)
