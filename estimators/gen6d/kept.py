"""Features of an object's references, kept on disk under the hash of everything that they were made from."""

import hashlib
import logging
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from estimators.gen6d.database import DETECTOR_VIEWS, Database
from estimators.gen6d.engine import Engine, Features
from estimators.mesh.prepared import cache_folder
from schemas.arrays import Array

_LOG = logging.getLogger("posestream.estimators")
_VERSION = b"1"
_PARTS = ("kernels0", "kernels1", "kernels2", "views0", "views1", "views2", "embedding")


def features_of(engine: Engine, database: Database) -> Features:
    """The features of a database: from disk, as files that are mapped and not read, else by the networks.

    Equal pictures with equal weights share their files, wherever they are from: 3.5 MB a reference.
    """
    folder = cache_folder() / "gen6d" / content_hash(engine, database)
    kept = _read(folder)
    if kept is None:
        started = time.monotonic()
        features = engine.features(database)
        kept = [part.cpu().numpy() for part in (*features.kernels, *features.views, features.embedding)]
        _LOG.info("gen6d: %d references through the networks in %.1f s", len(database.ids), time.monotonic() - started)
        _write(folder, kept)
    return _features(kept, engine.device)


def content_hash(engine: Engine, database: Database) -> str:
    """sha256 of the weights, the pictures and where they look from."""
    digest = hashlib.sha256(_VERSION + engine.digest.encode() + str(DETECTOR_VIEWS).encode())
    for part in (database.upright, database.turned, database.directions):
        digest.update(str(part.shape).encode())
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _features(parts: list[Array], device: torch.device) -> Features:
    tensors: list[Tensor] = [torch.from_numpy(part).to(device) for part in parts]
    return Features((tensors[0], tensors[1], tensors[2]), (tensors[3], tensors[4], tensors[5]), tensors[6])


def _read(folder: Path) -> list[Array] | None:
    """What ``_write`` kept; None where it is not all there."""
    if not folder.is_dir():
        return None
    try:
        # copy on write: torch wants arrays that it could write to
        return [np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False) for name in _PARTS]
    except (OSError, ValueError, EOFError) as error:
        _LOG.warning("features in %s cannot be read, they are made again: %s", folder, error)
        return None


def _write(folder: Path, parts: list[Array]) -> None:
    """Keep features for the next start; a cache that cannot be written costs only time."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, suffix=".tmp"))
        for name, part in zip(_PARTS, parts, strict=True):
            np.save(made / f"{name}.npy", part)
        if folder.exists():  # damaged, or another process was faster
            shutil.rmtree(folder)
        made.replace(folder)
    except OSError as error:
        _LOG.warning("features cannot be kept in %s: %s", folder, error)
