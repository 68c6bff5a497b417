"""A lock between processes that the system releases when its holder dies."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from posestream.stack.errors import StackError

_POLL_S = 0.05


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: IO[str]) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(file: IO[str]) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@contextmanager
def exclusive(path: Path, timeout_s: float, what: str) -> Generator[None]:
    """Hold the lock file ``path``; its folder is made where it is missing.

    Args:
        path: The lock file. It stays behind: to remove it would let two holders in.
        timeout_s: How long to wait for another holder.
        what: What the lock protects, for the message.

    Raises:
        StackError: Another process kept the lock longer than ``timeout_s``.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline_s = time.monotonic() + timeout_s
    with path.open("a+", encoding="utf-8") as file:
        while not _try_lock(file):
            if time.monotonic() > deadline_s:
                msg = f"another process has been working on {what} for {timeout_s:.0f} s (lock file {path})"
                raise StackError(msg)
            time.sleep(_POLL_S)
        yield
