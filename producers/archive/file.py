"""The file under a recording: written and read in whole pieces, so that neither a full disk nor a kill tears one."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Self

from schemas import PosestreamError

_FULL = (errno.ENOSPC, errno.EDQUOT)


class RecordingError(PosestreamError):
    """A recording cannot be made, or not gone on with: no such folder, a file in the way, a full disk."""


class WholeWrites:
    """A new file that takes each write whole or not at all; a context manager.

    Nothing is kept back in this process, so that a kill loses at most the piece that is being written.

    Args:
        path: Must not exist.
        wait_for_space: Called with what is wrong where disk or quota are full, with the file whole; returns whether to
            try again.

    Attributes:
        size_bytes: Of all that was written whole.

    Raises:
        RecordingError: It exists, or cannot be made.
    """

    def __init__(self, path: Path, wait_for_space: Callable[[str], bool] = lambda _problem: False) -> None:
        self.size_bytes = 0
        self._path = path
        self._wait_for_space = wait_for_space
        try:
            self._fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except FileExistsError as error:
            msg = f"{path}: expected a new file, it exists already"
            raise RecordingError(msg) from error
        except OSError as error:
            msg = f"{path}: cannot be made: {error.strerror}"
            raise RecordingError(msg) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append these bytes.

        Raises:
            RecordingError: They cannot be written, or the disk is full and nobody waits; the file is as it was before.
        """
        while True:
            try:
                self._append(data)
            except OSError as error:
                os.ftruncate(self._fd, self.size_bytes)
                os.lseek(self._fd, self.size_bytes, os.SEEK_SET)
                kept = f"the {self.size_bytes} bytes before it are whole and can be played"
                msg = f"{self._path}: {len(data)} more bytes cannot be written: {error.strerror}; {kept}"
                if error.errno not in _FULL or not self._wait_for_space(msg):
                    raise RecordingError(msg) from error
            else:
                self.size_bytes += len(data)
                return len(data)

    def _append(self, data: bytes | bytearray | memoryview) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._fd, left) :]

    def tell(self) -> int:
        """Where the next byte will stand."""
        return self.size_bytes

    def settle(self) -> None:
        """Return when the disk has it.

        Raises:
            RecordingError: It does not take it.
        """
        try:
            os.fsync(self._fd)
        except OSError as error:
            msg = f"{self._path}: cannot be written: {error.strerror}"
            raise RecordingError(msg) from error


class WholeReads:
    """A file for reading that gives each piece whole or says that it is at its end; a context manager.

    The library's reader takes a short read for a short record.

    Args:
        path: The file.

    Raises:
        OSError: It cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        self._size_bytes = os.fstat(self._stream.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, length: int) -> bytes:
        """So many bytes, or none where the file holds fewer; whatever length a torn file asks for."""
        return self._stream.read(length) if self._stream.tell() + length <= self._size_bytes else b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """As of a file."""
        return self._stream.seek(offset, whence)

    def ends_with(self, data: bytes) -> bool:
        """Whether these are its last bytes; it is at its beginning afterwards."""
        self._stream.seek(max(0, self._size_bytes - len(data)))
        found = self._stream.read()
        self._stream.seek(0)
        return found == data
