"""Finding and stopping children: by the word on their command line, and whatever they do about it."""

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from posestream.stack import processes
from posestream.stack.processes import Command

OBEDIENT = "import time; print('ready', flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def start(folder: Path, program: str) -> psutil.Process:
    marker = f"posestream.folder={folder}"
    log = folder / "child.log"
    process = processes.spawn(Command((sys.executable, "-c", program, marker), marker, folder), log)
    while "ready" not in log.read_text():
        time.sleep(0.01)
    return process


@pytest.fixture
def child(tmp_path: Path) -> psutil.Process:
    return start(tmp_path, OBEDIENT)


def test_a_child_is_found_by_its_word_with_or_without_its_number(tmp_path: Path, child: psutil.Process) -> None:
    marker = f"posestream.folder={tmp_path}"
    assert processes.find(marker) == child
    assert processes.find(marker, child.pid) == child
    assert processes.find(marker, 1) == child, "a number that belongs to another program leads nowhere"
    assert processes.find(f"{marker}/other") is None
    processes.stop(child, signal.SIGTERM, 5.0)
    assert processes.find(marker, child.pid) is None


def test_every_child_of_one_word_is_found(tmp_path: Path, child: psutil.Process) -> None:
    (tmp_path / "child.log").unlink()
    second = start(tmp_path, OBEDIENT)
    found = processes.find_all(f"posestream.folder={tmp_path}")
    assert {process.pid for process in found} == {child.pid, second.pid}
    for process in found:
        processes.stop(process, signal.SIGTERM, 5.0)


def test_a_child_has_a_session_of_its_own(child: psutil.Process) -> None:
    import os

    assert os.getsid(child.pid) == child.pid
    processes.stop(child, signal.SIGTERM, 5.0)


def test_a_killed_child_of_ours_leaves_no_zombie(child: psutil.Process) -> None:
    child.kill()
    assert processes.wait_gone([child], 5.0)
    assert not psutil.pid_exists(child.pid)


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    child = start(tmp_path, STUBBORN)
    assert processes.stop(child, signal.SIGTERM, 0.1) is False
    assert not processes.is_alive(child)


def test_a_stopped_child_still_hears_the_end(child: psutil.Process) -> None:
    child.suspend()
    assert processes.stop(child, signal.SIGTERM, 5.0) is True


def test_a_long_log_is_put_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_LARGEST_LOG_BYTES", 10)
    (tmp_path / "child.log").write_text("much too long")
    processes.stop(start(tmp_path, OBEDIENT), signal.SIGTERM, 5.0)
    assert (tmp_path / "child.log.1").read_text() == "much too long"
    assert (tmp_path / "child.log").read_text() == "ready\n"
