"""Where the meshes of jobs may lie that users ask for: in the folders that the service was told, and nowhere else."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from fastapi import HTTPException

SUFFIXES = (".ply", ".obj", ".glb")


class ModelFolders:
    """Confines addresses of models.

    Args:
        folders: Files below these may be named; none: users can name no file.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [folder.resolve() for folder in folders]

    def model(self, address: str) -> Path:
        """The file of an address, absolute or relative to a folder, with every link followed.

        Raises:
            HTTPException: 422: it has a scheme, lies elsewhere, is missing or is no mesh by its name. All of these
                sound the same: what lies elsewhere is nobody's business.
        """
        if "://" not in address and not address.startswith("file:") and "\0" not in address:
            for folder in self._folders:
                with suppress(OSError, RuntimeError):  # a name too long, a loop of links
                    path = (folder / address).resolve()
                    if path.is_relative_to(folder) and path.suffix.lower() in SUFFIXES and path.is_file():
                        return path
        suffixes = ", ".join(SUFFIXES)
        raise HTTPException(
            422, f"model: expected a file ({suffixes}) in a model folder of this service, got {address!r}"
        )
