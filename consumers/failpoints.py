"""Places where a test lets the process die as kill -9 would: ``POSESTREAM_FAILPOINT=after_events:3``."""

import os

_VARIABLE = "POSESTREAM_FAILPOINT"


class Failpoints:
    """Counts how often named places are passed and ends the process at the chosen one.

    Args:
        chosen: ``NAME`` or ``NAME:COUNT``: die the COUNT-th time (1 by default); "" is never.
    """

    def __init__(self, chosen: str) -> None:
        name, _, count = chosen.partition(":")
        self._name = name
        self._left = int(count or "1")

    @staticmethod
    def from_environment() -> "Failpoints":
        """What ``POSESTREAM_FAILPOINT`` chooses."""
        return Failpoints(os.environ.get(_VARIABLE, ""))

    def passed(self, name: str) -> None:
        """Die here if this is the place and the time: no cleaning up, no leaving of the group."""
        if name == self._name:
            self._left -= 1
            if self._left == 0:
                os._exit(137)
