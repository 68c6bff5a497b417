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
