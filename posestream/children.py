"""The demo's own processes: each service as users run it, started and stopped together."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from posestream.stack import Addresses
from schemas import PosestreamError

_STOP_TIMEOUT_S = 15.0
_LINES_SHOWN = 12


class ChildFailed(PosestreamError):
    """A service ended by itself; the message holds the end of its log."""


@dataclass(slots=True)
class Child:
    """One running command.

    Attributes:
        name: For messages.
        process: Its process.
        log: Where its stderr goes.
    """

    name: str
    process: subprocess.Popen[str]
    log: Path

    def check(self) -> None:
        """Raise ChildFailed where it ended with an error."""
        code = self.process.poll()
        if code not in (None, 0):
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LINES_SHOWN:])
            msg = f"{self.name} ended with exit code {code}; the end of {self.log}:\n{tail}"
            raise ChildFailed(msg)


@dataclass(slots=True)
class Children:
    """Commands of ``posestream`` as child processes.

    Attributes:
        logs: Folder for their logs.
        environment: Of all of them.
    """

    logs: Path
    environment: dict[str, str]
    running: list[Child] = field(default_factory=list[Child])
    _files: list[IO[str]] = field(default_factory=list[IO[str]])

    @staticmethod
    def beside(addresses: Addresses, logs: Path, environment: dict[str, str]) -> "Children":
        """Children that talk to these servers."""
        logs.mkdir(parents=True, exist_ok=True)
        return Children(logs, environment | addresses.as_environment())

    def start(self, name: str, *arguments: str) -> Child:
        """Start ``posestream NAME ARGUMENTS``; not stopped by Ctrl-C in the terminal, but by ``stop``."""
        log = self.logs / f"{name}.log"
        file = log.open("w")
        self._files.append(file)
        process = subprocess.Popen(
            [sys.executable, "-m", "posestream", name, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
            start_new_session=True,
        )
        child = Child(name, process, log)
        self.running.append(child)
        return child

    def check(self) -> None:
        """Raise ChildFailed where any ended with an error."""
        for child in self.running:
            child.check()

    def said(self, name: str, logger: str) -> str:
        """The last message of a logger in a child's log; "" where there is none."""
        text = "".join(child.log.read_text(errors="replace") for child in self.running if child.name == name)
        return text.rpartition(f" {logger} ")[2].partition("\n")[0] if f" {logger} " in text else ""

    def stop(self) -> None:
        """Ask all to end, newest first; kill what does not."""
        for child in reversed(self.running):
            if child.process.poll() is None:
                child.process.terminate()
        for child in reversed(self.running):
            try:
                child.process.communicate(timeout=_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.communicate()
        for file in self._files:
            file.close()
        self.running.clear()
