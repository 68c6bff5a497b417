"""The schema registry: Apicurio, through its Confluent-compatible interface."""

import shutil
import signal
from pathlib import Path

from posestream.stack import ports
from posestream.stack.artifacts import Bundle
from posestream.stack.java import BASE_OPTIONS, StartCache, java
from posestream.stack.processes import Command
from posestream.stack.service import answers, marker

CONFLUENT_PATH = "/apis/ccompat/v7"


class Registry:
    """The schema registry of one stack; its schemas lie in an H2 database file.

    Args:
        folder: The stack's folder; the registry's own is ``registry`` in it.
        chosen: Ports by name.
        bundle: What ``program`` was unpacked from.
        program: The folder of the unpacked program.
    """

    name: str = "registry"
    port_names: tuple[str, ...] = ("registry", "registry-management")
    stop_signal: int = signal.SIGTERM
    stop_grace_s: float = 60.0  # the first stop writes the start-up cache

    def __init__(self, folder: Path, chosen: dict[str, int], bundle: Bundle, program: Path) -> None:
        self._folder = folder / "registry"
        self._port, self._management_port = (chosen[name] for name in self.port_names)
        self._program = program
        self._start_cache = StartCache(bundle, program.parent, self._folder)
        self.marker = marker(folder, self.name)

    def prepare(self) -> Command:
        """See Service."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        scratch = self._folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        settings = {
            "java.io.tmpdir": scratch,
            "quarkus.http.host": ports.HOST,
            "quarkus.http.port": self._port,
            # without these two it opens port 9000 on all addresses
            "quarkus.management.host": ports.HOST,
            "quarkus.management.port": self._management_port,
            "apicurio.storage.kind": "sql",
            # written at once: by default half a second of schemas is lost with a kill, and their records cannot be read
            "apicurio.datasource.url": f"jdbc:h2:file:{(self._folder / 'schemas').as_posix()};WRITE_DELAY=0",
        }
        options = (f"-D{key}={value}" for key, value in settings.items())
        cache = self._start_cache.reading_or_making()
        program = ("-jar", str(self._program / "quarkus-run.jar"))
        arguments = (str(java()), *BASE_OPTIONS, *cache, "-Xmx256m", f"-D{self.marker}", *options, *program)
        return Command(arguments, self.marker, self._program)

    def is_ready(self) -> bool:
        """See Service."""
        return ports.is_open(self._port) and answers(f"http://{ports.HOST}:{self._port}{CONFLUENT_PATH}/subjects")

    def ended(self, *, in_order: bool) -> None:
        """See Service."""
        if in_order:
            self._start_cache.keep()
