"""What a full or locked disk says, in words that help."""

import errno
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from posestream.stack.errors import StackError

FULL = (errno.ENOSPC, errno.EDQUOT)
_WORDS = ("No space left on device", "Disk quota exceeded")


@contextmanager
def disk_errors(folder: Path, need: str, way_out: str) -> Generator[None]:
    """Turn a full disk and missing rights into a StackError.

    Args:
        folder: What is written to.
        need: What the space is for.
        way_out: The option or variable that chooses another folder.

    Raises:
        StackError: The disk of ``folder`` is full, or we may not write there.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(folder, need, way_out) from error
        if isinstance(error, PermissionError):
            msg = f"{folder} cannot be written ({error}); choose another folder with {way_out}"
            raise StackError(msg) from error
        raise


def disk_full(folder: Path, need: str, way_out: str) -> StackError:
    """The error that tells of a full disk."""
    return StackError(f"disk full: {need} in {folder}; free some space, or choose another folder with {way_out}")


def tells_of_full_disk(text: str) -> bool:
    """Whether a server's log or message says that its disk is full."""
    return any(words in text for words in _WORDS)
