"""How long to wait before the next try."""

import random
from collections.abc import Callable

_FIRST_S = 0.5
_SPREAD = 0.5


class BackOff:
    """Waits that double from 0.5 s to a limit, each made shorter by up to a half at random.

    The random part keeps cameras that failed together (a switch, a power cut) from coming back together.

    Args:
        longest_s: The limit.
        chance: Gives numbers from 0 to 1.
    """

    def __init__(self, longest_s: float, chance: Callable[[], float] = random.random) -> None:
        self._longest_s = longest_s
        self._chance = chance
        self.tries = 0

    def next_s(self) -> float:
        """The next wait in seconds; counts a try."""
        whole_s = min(self._longest_s, _FIRST_S * 2.0 ** min(self.tries, 32))
        self.tries += 1
        return whole_s * (1.0 - _SPREAD * self._chance())

    def reset(self) -> None:
        """All is well again."""
        self.tries = 0
