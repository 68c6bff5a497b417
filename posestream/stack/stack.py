"""The local stack: Kafka, a schema registry and Postgres as children of nothing but Python."""

import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from posestream.stack import ports as loopback
from posestream.stack import processes
from posestream.stack.addresses import Addresses
from posestream.stack.artifacts import read_lock
from posestream.stack.disk import disk_errors
from posestream.stack.errors import StackError
from posestream.stack.fetch import bundle_folder, fetch
from posestream.stack.filelock import exclusive
from posestream.stack.folders import cache_folder, is_root, stack_folder
from posestream.stack.java import require_packages
from posestream.stack.kafka import Kafka
from posestream.stack.launch import Launcher, last_lines, log_path, stop_all
from posestream.stack.postgres import NAME, Postgres
from posestream.stack.progress import ProgressReport, report_nothing
from posestream.stack.registry import CONFLUENT_PATH, Registry
from posestream.stack.service import Service, marker
from posestream.stack.state import State, choose_ports, password, password_path

if TYPE_CHECKING:
    import psutil

SERVICES = ("kafka", "registry", "database")
_HIDDEN_PORTS = ("kafka-controller", "registry-management")  # known to the servers alone
_LOCK_TIMEOUT_S = 240.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """How one server of a stack fares.

    Attributes:
        name: ``kafka``, ``registry`` or ``database``.
        state: ``running``, ``silent`` (it runs but does not answer), ``dead`` (it was not stopped by
            us and is gone: the next ``up`` starts it again) or ``stopped``.
        pid: Its process, None where there is none.
        address: Where it listens, without a password; empty where it never ran.
        memory_bytes: Its resident memory, 0 where there is no process.
        log: Its log file.
    """

    name: str
    state: str
    pid: int | None
    address: str
    memory_bytes: int
    log: Path


class Stack:
    """One local stack: its servers, which live on after the process that started them, and its data.

    As a context manager it is up in the block and down after it. Not thread-safe; two processes may
    work on the same stack, one after the other.

    Args:
        name: Tells stacks apart that run side by side.
        directory: The stack's data folder; None for ``folders.stack_folder(name)``.
        ports: Ports to listen on for ``kafka``, ``registry``, ``database``; what is not given is
            kept from the last start or chosen free. All servers listen on 127.0.0.1 only.

    Raises:
        StackError: The name holds other things than letters, digits and ``_.-``.
    """

    def __init__(
        self, name: str = "default", directory: Path | None = None, ports: Mapping[str, int] | None = None
    ) -> None:
        if not _NAME.fullmatch(name):
            msg = f"stack name: expected letters, digits and '_.-', at most 64, got {name!r}"
            raise StackError(msg)
        self.name = name
        self.folder = (directory or stack_folder(name)).expanduser().absolute()
        self._asked = dict(ports or {})

    def __enter__(self) -> Addresses:
        """Start it; where it answers."""
        return self.up()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it."""
        self.down()

    def up(self, progress: ProgressReport | None = None) -> Addresses:
        """Bring all three servers up: downloads at the first time, heals what died, else does nothing.

        Args:
            progress: Hears downloads and starts, see ProgressReport.

        Returns:
            Where they answer.

        Raises:
            StackError: No network at the first download, a wrong hash, a full disk, a taken port, a
                missing package, a server that does not start; the message says what to do. What this
                call had started is stopped again.
        """
        report = progress or report_nothing
        require_packages()
        with disk_errors(self.folder, "the servers cannot write", "--data"):
            self._make_folder()
            with self._locked():
                for bundle in (read_lock("kafka"), read_lock("registry")):
                    fetch(bundle, cache_folder(), report)
                state = self._state_with_ports()
                Launcher(self.folder, state, report).start(self._services(state))
                return self._addresses(state)

    def down(self) -> list[str]:
        """Stop all servers; data and ports are kept for the next ``up``.

        Returns:
            Names of the servers that ran.
        """
        if not self.folder.exists():
            return []
        with disk_errors(self.folder, "the state cannot be written", "--data"), self._locked():
            state = State.load(self.folder)
            if state is None:
                return []
            stopped = stop_all(self._services(state), state)
            state.save(self.folder)
            return stopped

    def set_aside(self) -> Path:
        """Rename the folder of a stack that does not run; the next ``up`` starts with an empty one.

        Returns:
            Its new name.
        """
        aside = self.folder.with_name(f"{self.folder.name}.{time.strftime('%Y%m%dT%H%M%S')}")
        self.folder.rename(aside)
        return aside

    def status(self) -> list[ServiceStatus]:
        """How each server fares, in the order of SERVICES; changes nothing."""
        state = State.load(self.folder)
        return [self._status_of(name, state) for name in SERVICES]

    def logs(self, service: str, lines: int = 50) -> list[str]:
        """The last lines of a server's log.

        Raises:
            StackError: There is no service of that name.
        """
        if service not in SERVICES:
            msg = f"expected a service, one of {', '.join(SERVICES)}, got {service!r}"
            raise StackError(msg)
        return last_lines(log_path(self.folder, service), lines)

    def addresses(self) -> Addresses | None:
        """Where the servers answer; None unless all three run."""
        state = State.load(self.folder)
        if state is None or any(status.state != "running" for status in self.status()):
            return None
        return self._addresses(state)

    @property
    def password_file(self) -> Path:
        """The file, readable by its owner only, with the database's password."""
        return password_path(self.folder)

    def _locked(self) -> AbstractContextManager[None]:
        return exclusive(self.folder / "stack.lock", _LOCK_TIMEOUT_S, f"the stack {self.name}")

    def _make_folder(self) -> None:
        missing = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            # the user that Postgres runs as under root has to pass
            folder.chmod(0o755 if is_root() else 0o700)
        (self.folder / "logs").mkdir(mode=0o700, exist_ok=True)

    def _state_with_ports(self) -> State:
        kept = State.load(self.folder)
        state = State(choose_ports(kept.ports if kept else {}, self._asked), kept.processes if kept else {})
        alive = {name for name in SERVICES if self._process(name, state)}
        for name in _HIDDEN_PORTS:
            if name.split("-")[0] not in alive and not loopback.is_free(state.ports[name]):
                state.ports[name] = loopback.choose_free(set(state.ports.values()))
        for name in SERVICES:
            if name in alive and kept and state.ports[name] != kept.ports[name]:
                msg = f"{name} already runs on port {kept.ports[name]}: 'posestream stack down' before another port"
                raise StackError(msg)
            if name not in alive:
                loopback.require_free(state.ports[name], name)
        state.save(self.folder)
        return state

    def _services(self, state: State) -> list[Service]:
        kafka, registry = read_lock("kafka"), read_lock("registry")
        cache = cache_folder()
        return [
            Kafka(self.folder, state.ports, kafka, bundle_folder(kafka, cache)),
            Registry(self.folder, state.ports, registry, bundle_folder(registry, cache)),
            Postgres(self.folder, state.ports, password(self.folder)),
        ]

    def _process(self, name: str, state: State | None) -> "psutil.Process | None":
        return processes.find(marker(self.folder, name), state.processes.get(name) if state else None)

    def _addresses(self, state: State) -> Addresses:
        chosen, host = state.ports, loopback.HOST
        login = f"{NAME}:{password(self.folder)}"
        return Addresses(
            kafka=f"{host}:{chosen['kafka']}",
            registry=f"http://{host}:{chosen['registry']}{CONFLUENT_PATH}",
            database=f"postgresql+psycopg2://{login}@{host}:{chosen['database']}/{NAME}",
        )

    def _status_of(self, name: str, state: State | None) -> ServiceStatus:
        process = self._process(name, state)
        log = log_path(self.folder, name)
        if state is None:
            return ServiceStatus(name, "stopped", None, "", 0, log)
        address = f"{loopback.HOST}:{state.ports[name]}"
        if process is None:
            return ServiceStatus(name, "dead" if name in state.processes else "stopped", None, address, 0, log)
        word = "running" if loopback.is_open(state.ports[name]) else "silent"
        return ServiceStatus(name, word, process.pid, address, processes.memory_bytes(process), log)
