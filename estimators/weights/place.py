"""Where imported weights are kept; known without torch."""

import os
from pathlib import Path


def default_folder(estimator: str) -> Path:
    """Where ``weights import`` puts those of an estimator and it looks for them: in the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data).absolute() / "posestream" / "weights" / estimator


def manifest_of(folder: Path, estimator: str) -> Path:
    """The file that says what was imported into a folder, with its sha256."""
    return folder / f"{estimator}.json"


def chosen_folder(estimator: str, given: Path | None) -> Path:
    """Where an estimator's weights are.

    Args:
        estimator: Its name.
        given: A folder, or the name of a version that ``weights import --version`` kept; None for what was imported
            without a version.
    """
    if given is None:
        return default_folder(estimator)
    kept = default_folder(estimator) / given
    return kept if len(given.parts) == 1 and not given.exists() and kept.is_dir() else given


def kept_folders(estimator: str) -> list[Path]:
    """Folders with imported weights of an estimator: the one without a version first, then by version."""
    home = default_folder(estimator)
    found = [home, *sorted(path for path in home.glob("*") if path.is_dir())]
    return [folder for folder in found if manifest_of(folder, estimator).is_file()]
