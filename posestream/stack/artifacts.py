"""The Maven artifacts that the stack is made of, as the lock files name them."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from posestream.stack.errors import StackError

_HERE = Path(__file__).parent
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHUNK_BYTES = 1 << 20
_LEAST_FIELDS, _MOST_FIELDS = 3, 5


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository and what it must be.

    Attributes:
        sha256: Hexadecimal digest of the file.
        size_bytes: Its length, for progress.
    """

    group: str
    name: str
    version: str
    sha256: str
    size_bytes: int
    extension: str = "jar"
    classifier: str = ""

    @property
    def coordinate(self) -> str:
        """``group:name:version``, as a person would search for it."""
        return f"{self.group}:{self.name}:{self.version}"

    @property
    def file_name(self) -> str:
        """The file's name in a Maven repository."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.extension}"


@dataclass(frozen=True, slots=True)
class Bundle:
    """All artifacts of one server.

    Attributes:
        name: ``kafka`` or ``registry``.
        artifacts: In the order of the lock file, which is the order of the class path.
        digest: Short digest of the lock; a changed lock gets a new folder in the cache.
    """

    name: str
    artifacts: tuple[Artifact, ...]
    digest: str

    @property
    def size_bytes(self) -> int:
        """Bytes to download."""
        return sum(artifact.size_bytes for artifact in self.artifacts)


def parse_lock(name: str, text: str) -> Bundle:
    """Read a lock: one artifact a line, ``group:name:version[:extension[:classifier]] sha256 bytes``.

    Raises:
        StackError: A line is not of that form, or the lock is empty; the message names the line.
    """
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip() and not line.startswith("#")]
    artifacts = tuple(_parse_line(f"{name}.lock line {n}", line) for n, line in lines)
    if not artifacts:
        msg = f"{name}.lock: expected at least one artifact, got none"
        raise StackError(msg)
    return Bundle(name, artifacts, hashlib.sha256("\n".join(line for _, line in lines).encode()).hexdigest()[:12])


def _parse_line(where: str, line: str) -> Artifact:
    words = line.split()
    parts = words[0].split(":")
    if (
        len(words) != 3
        or not _LEAST_FIELDS <= len(parts) <= _MOST_FIELDS
        or not _SHA256.fullmatch(words[1])
        or not words[2].isdecimal()
    ):
        msg = f"{where}: expected 'group:name:version[:extension[:classifier]] sha256 bytes', got {line!r}"
        raise StackError(msg)
    extension, classifier = parts[3] if parts[3:] else "jar", parts[4] if parts[4:] else ""
    return Artifact(parts[0], parts[1], parts[2], words[1], int(words[2]), extension, classifier)


def read_lock(name: str) -> Bundle:
    """The bundle that this version of posestream runs: ``kafka`` or ``registry``."""
    return parse_lock(name, (_HERE / f"{name}.lock").read_text(encoding="utf-8"))


def check_hash(artifact: Artifact, path: Path) -> None:
    """Refuse a file that is not what the lock says.

    Raises:
        StackError: Names the artifact, the hash that was expected and the one that came.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != artifact.sha256:
        msg = (
            f"{artifact.coordinate}: expected sha256 {artifact.sha256}, got {digest.hexdigest()}; the file was "
            "thrown away. If it happens again, something between here and Maven Central changes the files"
        )
        raise StackError(msg)
