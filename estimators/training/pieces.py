"""Bytes kept in pieces below 16 MiB, written whole or not at all, and checked when they are read."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

from schemas import BadJob

PIECE_BYTES = 15 * 2**20
"""What goes between machines and into repositories is often held to 16 MiB a file."""
MANIFEST = "pieces.json"
_FORMAT = 1


def write_pieces(folder: Path, content: bytes, about: dict[str, Any]) -> None:
    """Make a folder with the pieces and their manifest; it appears complete or not at all.

    Args:
        folder: Must not exist.
        content: What is kept.
        about: JSON values that can be read without the content, see ``read_about``.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    entries: list[dict[str, Any]] = []
    for number, start in enumerate(range(0, max(1, len(content)), PIECE_BYTES)):
        piece = content[start : start + PIECE_BYTES]
        name = f"piece-{number:03d}"
        _write(part / name, piece)
        entries.append({"file": name, "bytes": len(piece), "sha256": hashlib.sha256(piece).hexdigest()})
    manifest = {"format": _FORMAT, "about": about, "pieces": entries}
    _write(part / MANIFEST, (json.dumps(manifest, indent=1) + "\n").encode())
    part.rename(folder)


def read_about(folder: Path) -> dict[str, Any]:
    """What was said about the content.

    Raises:
        BadJob: No manifest of this format.
    """
    return _manifest(folder)["about"]


def read_pieces(folder: Path) -> bytes:
    """The content.

    Raises:
        BadJob: No manifest of this format, or a piece that is missing or not as it was written; it is named.
    """
    parts: list[bytes] = []
    for entry in _manifest(folder)["pieces"]:
        path = folder / entry["file"]
        try:
            piece = path.read_bytes()
        except OSError as error:
            msg = f"{path}: expected {entry['bytes']} bytes, got {type(error).__name__}: {error}"
            raise BadJob(msg) from error
        found = hashlib.sha256(piece).hexdigest()
        if found != entry["sha256"]:
            msg = f"{path}: expected {entry['bytes']} bytes of sha256 {entry['sha256']}, got {len(piece)} of {found}"
            raise BadJob(msg)
        parts.append(piece)
    return b"".join(parts)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest: Any = json.loads(path.read_text())
        complete = manifest["format"] == _FORMAT and "about" in manifest and "pieces" in manifest
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{path}: expected the manifest of a checkpoint, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    if not complete:
        msg = f"{path}: expected the manifest of a checkpoint, format {_FORMAT}, got {manifest.get('format')!r}"
        raise BadJob(msg)
    return manifest


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
