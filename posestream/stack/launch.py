"""Starts the servers of a stack side by side, or none of them."""

import threading
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path

import psutil

from posestream.stack import ports, processes
from posestream.stack.disk import disk_full, tells_of_full_disk
from posestream.stack.errors import NewerData, StackError
from posestream.stack.progress import ProgressReport
from posestream.stack.service import Service
from posestream.stack.state import State

_READY_TIMEOUT_S = 90.0  # Kafka reads all its logs again after a kill
_POLL_S = 0.05
_LOG_LINES = 15
_CAUSE_LINES = 120  # Java tells the cause above its stack
_NEWER_DATA = "UnsupportedVersionException"  # Kafka 4.2 on data of 4.3


class Launcher:
    """Starts those servers of one stack that do not run.

    Args:
        folder: The stack's folder.
        state: Its state; process numbers are added to it and saved as they come.
        report: Hears each server's start and readiness.
    """

    def __init__(self, folder: Path, state: State, report: ProgressReport) -> None:
        self._folder, self._state, self._report = folder, state, report
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._started: list[Service] = []

    def start(self, services: Sequence[Service]) -> None:
        """Return when all services are ready.

        Raises:
            StackError: One did not come up; those that this call had started are stopped again.
        """
        with ThreadPoolExecutor(len(services)) as pool:
            futures = [pool.submit(self._bring_up, service) for service in services]
            try:
                wait(futures, return_when=FIRST_EXCEPTION)
                for future in futures:
                    if future.done():
                        future.result()
            except BaseException:
                self._cancelled.set()
                wait(futures)
                stop_all(self._started, self._state)
                self._state.save(self._folder)
                raise

    def _bring_up(self, service: Service) -> None:
        self._report(f"start {service.name}", 0, 1)
        process = processes.find(service.marker, self._state.processes.get(service.name))
        # one that was killed a moment ago may still be seen: then it is started after all
        if process is None or not self._wait_ready(service, process):
            process = self._spawn(service)
            if not self._wait_ready(service, process):
                raise self._failure(service, "ended at once")
        self._report(f"start {service.name}", 1, 1)

    def _spawn(self, service: Service) -> psutil.Process:
        for name in service.port_names:
            ports.require_free(self._state.ports[name], name)
        command = service.prepare()
        with self._lock:
            self._check_cancelled(service)
            process = processes.spawn(command, log_path(self._folder, service.name))
            self._started.append(service)
            self._state.processes[service.name] = process.pid
            self._state.save(self._folder)
        return process

    def _wait_ready(self, service: Service, process: psutil.Process) -> bool:
        """Whether it became ready; False where it ended instead."""
        deadline_s = time.monotonic() + _READY_TIMEOUT_S
        while True:
            self._check_cancelled(service)
            if not processes.is_alive(process):
                return False
            if service.is_ready():
                return True
            if time.monotonic() > deadline_s:
                raise self._failure(service, f"runs but did not answer within {_READY_TIMEOUT_S:.0f} s")
            time.sleep(_POLL_S)

    def _check_cancelled(self, service: Service) -> None:
        if self._cancelled.is_set():
            msg = f"the start of {service.name} was cancelled"
            raise StackError(msg)

    def _failure(self, service: Service, what: str) -> StackError:
        path = log_path(self._folder, service.name)
        lines = last_lines(path, _CAUSE_LINES)
        tail = "\n".join(lines[-_LOG_LINES:])
        if tells_of_full_disk("\n".join(lines)):
            return disk_full(self._folder, f"{service.name} cannot write", "--data")
        if any(_NEWER_DATA in line for line in lines):
            data = self._folder / service.name
            msg = (
                f"{service.name} cannot read {data}: a newer version wrote it; delete it, or choose another with --data"
            )
            return NewerData(msg)
        return StackError(f"{service.name} {what}; the end of its log {path}:\n{tail}")


def stop_all(services: Iterable[Service], state: State) -> list[str]:
    """Stop services side by side; names of those that ran.

    The caller saves the state.
    """

    def stop(service: Service) -> str | None:
        found = processes.find_all(service.marker)
        ended = [processes.stop(process, service.stop_signal, service.stop_grace_s) for process in found]
        service.ended(in_order=ended == [True])
        return service.name if found else None

    listed = list(services)
    with ThreadPoolExecutor(max(len(listed), 1)) as pool:
        stopped = list(pool.map(stop, listed))
    for service in listed:
        state.processes.pop(service.name, None)
    return [name for name in stopped if name]


def log_path(folder: Path, service: str) -> Path:
    """The log file of one server of the stack in ``folder``."""
    return folder / "logs" / f"{service}.log"


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log, none where there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 400 * count))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        return []
