"""Which files and folders may be opened: those below some folders, with every link followed."""

import os
from collections.abc import Sequence
from pathlib import Path

from producers.confinement.refused import SourceRefused


class FolderRules:
    """Folders below which a service may read for its users.

    Args:
        folders: They; none: nothing can be read.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]

    def checked(self, text: str) -> Path:
        """A file or folder, absolute or relative to one of the folders, with all links followed.

        Raises:
            SourceRefused: It lies elsewhere or is missing, or a link below it leads elsewhere. All sound the same:
                what lies elsewhere is nobody's business.
        """
        for folder in self._folders:
            path = _resolved(folder, text)
            if path is not None and path.is_relative_to(folder) and path.exists():
                self._check_below(path, set())
                return path
        msg = f"expected a file or folder in a source folder of this service, got {text[:200]!r}"
        raise SourceRefused(msg)

    def _check_below(self, path: Path, seen: set[Path]) -> None:
        """No link anywhere below a folder leads out of the folders; a link to another folder counts as below."""
        seen.add(path)
        for parent, folders, files in os.walk(path):
            for name in (*folders, *files):
                here = Path(parent, name)
                if not here.is_symlink():
                    continue
                to = _resolved(Path(parent), name)
                if to is None or not any(to.is_relative_to(folder) for folder in self._folders):
                    msg = f"{path}: expected no link that leads elsewhere, got {here.relative_to(path)}"
                    raise SourceRefused(msg)
                if to.is_dir() and to not in seen:
                    self._check_below(to, seen)


def _resolved(folder: Path, text: str) -> Path | None:
    try:
        return (folder / text).resolve()
    except (OSError, RuntimeError, ValueError):  # a name too long, a loop of links, a null byte
        return None
