"""Where the stack keeps things: the download cache and the stacks' data."""

import os
import sys
from pathlib import Path

ROOTS_OWN = Path("/var/lib/posestream")


def is_root() -> bool:
    """Whether this process runs as the system's administrator (never on Windows)."""
    return sys.platform != "win32" and os.geteuid() == 0


def cache_folder() -> Path:
    """The folder of verified downloads: $POSESTREAM_CACHE, else the platform's cache folder."""
    if chosen := os.environ.get("POSESTREAM_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "posestream"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "posestream" / "cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "posestream"


def stack_folder(name: str) -> Path:
    """The data folder of the stack ``name``.

    $POSESTREAM_STACK_DIR/NAME where that is set, else below the platform's folder for a user's data.
    Root's stacks lie in /var/lib/posestream: Postgres refuses to run as root, and the user that it runs
    as cannot enter root's home.
    """
    if chosen := os.environ.get("POSESTREAM_STACK_DIR"):
        return Path(chosen).expanduser().absolute() / name
    if is_root():
        return ROOTS_OWN / "stacks" / name
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "posestream" / "stacks" / name
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "posestream" / "stacks" / name
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share").absolute() / (
        f"posestream/stacks/{name}"
    )
