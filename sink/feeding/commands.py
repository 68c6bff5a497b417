"""Runs ``posestream produce``, and what looks at a source, as processes of their own.

What a hostile file or camera does to FFmpeg and OpenCV, it does to that process only.
"""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from producers.sources.options import without_password
from schemas import Job, JobObject, PosestreamError
from schemas.records.control import object_from
from sink.settings import SinkSettings

_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "XDG_CACHE_HOME", "OMP_NUM_THREADS")
_ROOT = Path(__file__).parents[2]
_LINES = 5
_LOOK_S = 60.0


class NotDescribed(PosestreamError):
    """A source cannot be opened; the message says why."""


@dataclass(frozen=True, slots=True)
class Commands:
    """Starts the commands; may be used by several threads.

    Attributes:
        settings: Servers and rules, passed on. The service's secret and database are not.
        environment: Of the service; what a process needs of it is passed on.
    """

    settings: SinkSettings
    environment: Mapping[str, str]

    def objects(self, source: str) -> tuple[JobObject, ...]:
        """The objects that a source knows of.

        Raises:
            NotDescribed: It cannot be opened, or not within a minute.
        """
        command = [sys.executable, "-m", "producers.confinement.look"]
        try:
            done = subprocess.run(
                command,
                env=self._environment(source),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=_LOOK_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            msg = f"source: expected to open it within {_LOOK_S:g} s"
            raise NotDescribed(msg) from error
        if not done.stdout:
            msg = f"source: opening it ended with exit code {done.returncode}"
            raise NotDescribed(msg)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        if "error" in found:
            raise NotDescribed(found["error"])
        return tuple(object_from(record) for record in found["objects"])

    def feed(self, job: Job, once: bool) -> "Feeder":
        """Start to feed a job from its source."""
        command = [sys.executable, "-m", "posestream", "produce", job.id, "--managed", "--json"]
        return Feeder([*command, *(["--once"] if once else [])], self._environment(job.source))

    def _environment(self, source: str) -> dict[str, str]:
        own = {name: value for name, value in self.environment.items() if name in _KEPT}
        own["PYTHONPATH"] = os.pathsep.join([str(_ROOT), *filter(None, [own.get("PYTHONPATH")])])
        same = ("kafka", "registry", "database", "source_schemes", "source_folders", "source_hosts")
        told = {f"POSESTREAM_{name.upper()}": str(getattr(self.settings, name)) for name in same}
        told["POSESTREAM_DATABASE"] = "postgresql://nobody@127.0.0.1:1/none"  # all three servers or none must be named
        return own | told | {"POSESTREAM_SOURCE": source}  # not as an argument: others could read its password


class Feeder:
    """One producer's process. It ends when this process does, since its standard input ends then."""

    def __init__(self, command: list[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._said: deque[str] = deque(maxlen=_LINES)
        assert self._process.stderr is not None  # noqa: S101 - asked for above
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    def last_words(self) -> str:
        """The last line that it said, without passwords; once it has ended."""
        self._reader.join(1.0)
        return _last(self._said)

    def end(self) -> None:
        """Ask it to deliver what it has read and end."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.terminate()

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()

    def _read(self, stderr: IO[str]) -> None:
        with stderr:
            for line in stderr:
                self._said.append(line[:1000])


def _last(lines: Iterable[str]) -> str:
    said = [line.strip() for line in lines if line.strip()]
    return without_password(said[-1].removeprefix("posestream: "))[:500] if said else "it said nothing"
