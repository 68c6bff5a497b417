"""What a server that ends at once is said to have ended of."""

import signal
import sys
from pathlib import Path

import pytest

from posestream.stack.errors import StackError
from posestream.stack.launch import Launcher
from posestream.stack.processes import Command
from posestream.stack.progress import report_nothing
from posestream.stack.service import marker
from posestream.stack.state import State


class Dying:
    """A server that says something and ends."""

    name, port_names = "kafka", ()
    stop_signal, stop_grace_s = int(signal.SIGTERM), 1.0

    def __init__(self, folder: Path, words: str) -> None:
        self.marker = marker(folder, self.name)
        self._folder, self._words = folder, words

    def prepare(self) -> Command:
        program = f"import sys; sys.exit({self._words!r})"
        return Command((sys.executable, "-c", program, self.marker), self.marker, self._folder)

    def is_ready(self) -> bool:
        return False

    def ended(self, *, in_order: bool) -> None:
        assert not in_order


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("java.io.IOException: No space left on device", "disk full: kafka cannot write"),
        (
            "org.apache.kafka.common.errors.UnsupportedVersionException: Can't read version 4 of BrokerEndpoint",
            r"kafka cannot read .*kafka: a newer version wrote it; delete it, or choose another with --data",
        ),
        ("something else", r"(?s)kafka ended at once; the end of its log .*kafka\.log:.*something else"),
    ],
)
def test_a_server_that_ends_at_once_tells_why(tmp_path: Path, words: str, told: str) -> None:
    (tmp_path / "logs").mkdir()
    with pytest.raises(StackError, match=told):
        Launcher(tmp_path, State({}), report_nothing).start([Dying(tmp_path, words)])
