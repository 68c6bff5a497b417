"""A small disk of its own, to be filled."""

import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

_FILLER = "filler"


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Generator["SmallDisk"]:
    """A file system in memory at ``folder`` while the block runs; skips the test where only root could make it."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ("mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0711", "tmpfs", str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"a disk of its own cannot be made here (needs root): {made.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)


class SmallDisk:
    """A disk that is full or not."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        """To the last byte."""
        with (self.folder / _FILLER).open("ab") as file:
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        os.write(file.fileno(), bytes(size))

    def free(self) -> None:
        """What ``fill`` took."""
        (self.folder / _FILLER).unlink()
