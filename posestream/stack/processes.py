"""Starts, finds and stops child processes that outlive the command that started them.

A child is known by a word on its command line that holds its folder, not by a number in a file: after
kill -9 of anything, or when the system has given its number to another program, the search still tells
ours from others'.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from posestream.stack.accounts import Account, identity

_KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "TEMP", "TMP")
_LARGEST_LOG_BYTES = 16 << 20
_children: dict[int, "subprocess.Popen[bytes]"] = {}
_children_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Command:
    """A server's command line.

    Attributes:
        arguments: The program and its arguments; one of them is ``marker``, or ``-D`` and ``marker``.
        marker: The word that tells this process from all others on the machine.
        folder: Its working directory.
        account: The user to become first; None to stay who we are.
    """

    arguments: tuple[str, ...]
    marker: str
    folder: Path
    account: Account | None = None


def environment() -> dict[str, str]:
    """A small environment: a user's JAVA_TOOL_OPTIONS or PGDATA must not change the servers."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "TZ": "UTC"}


def spawn(command: Command, log: Path) -> psutil.Process:
    """Start a process in a session of its own, with its output added to ``log``."""
    if log.exists() and log.stat().st_size > _LARGEST_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))
    flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW if sys.platform == "win32" else 0
    with log.open("ab") as output:
        child = subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=command.folder,
            env=environment(),
            start_new_session=True,  # Ctrl-C in our terminal is not for the servers
            creationflags=flags,
            **identity(command.account),
        )
    with _children_lock:
        _children[child.pid] = child
    return psutil.Process(child.pid)


def reap() -> None:
    """Take the exit status of children of this very process, so that none stays as a zombie."""
    with _children_lock:
        for pid in [pid for pid, child in _children.items() if child.poll() is not None]:
            del _children[pid]


def is_alive(process: psutil.Process) -> bool:
    """Whether the process still runs; a zombie does not, once all its threads have ended."""
    reap()
    try:
        ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return process.is_running() and not ended
    except psutil.NoSuchProcess:
        return False


def find(marker: str, pid: int | None = None) -> psutil.Process | None:
    """The living process with ``marker`` on its command line.

    Args:
        marker: As given to ``spawn``.
        pid: Where to look first.
    """
    if pid is not None and (process := _marked(pid, marker)):
        return process
    return next(iter(find_all(marker)), None)


def find_all(marker: str) -> list[psutil.Process]:
    """All living processes with ``marker`` on their command line; more than one only after a mishap."""
    return [process for pid in psutil.pids() if (process := _marked(pid, marker))]


def _marked(pid: int, marker: str) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        words = process.cmdline()
        return process if (marker in words or f"-D{marker}" in words) and is_alive(process) else None
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def working_in(folder: Path, name: str) -> list[psutil.Process]:
    """Living processes called ``name`` whose working directory is ``folder``: a dead server's children."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.name() == name and process.cwd() == str(folder) and is_alive(process):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def stop(process: psutil.Process, stop_signal: int, grace_s: float) -> bool:
    """Ask a process to end, and kill it when it does not.

    Returns:
        Whether it ended by itself.
    """
    try:
        if sys.platform == "win32":
            process.terminate()
        else:
            process.send_signal(signal.SIGCONT)  # a stopped process would not hear the next one
            process.send_signal(stop_signal)
        ended = wait_gone([process], grace_s)
        if not ended:
            process.kill()
            wait_gone([process], grace_s)
    except psutil.NoSuchProcess:
        return True
    return ended


def wait_gone(processes: list[psutil.Process], timeout_s: float) -> bool:
    """Wait until none of the processes lives; whether that came true in time."""
    deadline_s = time.monotonic() + timeout_s
    while any(is_alive(process) for process in processes):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    reap()
    return True


def memory_bytes(process: psutil.Process) -> int:
    """Resident memory of a process, 0 where it is gone."""
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
