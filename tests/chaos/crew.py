"""Processes that a supervisor would keep alive: started again when they end, and noted where nobody had struck them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TAIL_BYTES = 1500
_LEAVE_S = 30.0


def of_librdkafka(reason: str) -> bool:
    """Whether a process was ended by librdkafka's issue 5280, open in 2.16.

    Where a broker that was killed answers that a partition has no leader, it takes memory that was never written for
    partitions and leaders, says that it does not know them, and may read far outside of what is its own.
    """
    return f"ended with {-signal.SIGSEGV}:" in reason and "not found in cache" in reason


class Member:
    """One process.

    Args:
        name: For its log and the verdict.
        command: After the interpreter.
        environment: Added to ours.
        folder: Where its log goes.
    """

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._command = [sys.executable, *command]
        self._environment = os.environ | dict(environment) | {"PYTHONPATH": str(ROOT)}
        self._struck = False
        self._asleep = False
        self.starts = 0
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        self._struck = self._asleep = False
        self.starts += 1
        self._log_from = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)

    def kill(self) -> None:
        """kill -9."""
        self._struck = True
        self.process.kill()
        self.process.wait(10)

    def sleep(self) -> None:
        """SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)
        self._asleep = True

    def wake(self) -> None:
        """SIGCONT."""
        self.process.send_signal(signal.SIGCONT)
        self._asleep = False

    def leave(self) -> int:
        """SIGTERM; its exit status."""
        self._struck = True
        if self._asleep:
            self.wake()
        self.process.terminate()
        return self.process.wait(_LEAVE_S)

    def expect_end(self) -> None:
        """It will end by itself, and is to."""
        self._struck = True

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def again(self) -> str:
        """Start it again if it ended; returns why it ended where nobody had struck it, else ""."""
        if self.alive():
            return ""
        reason = "" if self._struck else f"{self.name} ended with {self.process.returncode}: {self.tail()}"
        self.process = self._started()
        return reason

    def said(self, words: str) -> bool:
        """Whether it has, since it was started last."""
        return words.encode() in self.log.read_bytes()[self._log_from :]

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace")

    def close(self) -> None:
        """End it."""
        if self.alive():
            self.process.kill()
            self.process.wait(10)
