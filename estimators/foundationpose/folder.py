"""Where imported weights are kept; known without torch."""

import os
from pathlib import Path

MANIFEST = "foundationpose.json"
"""In the folder: what was imported, with its sha256."""


def default_folder() -> Path:
    """Where ``weights import`` puts them and the estimator looks: the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data).absolute() / "posestream" / "weights" / "foundationpose"
