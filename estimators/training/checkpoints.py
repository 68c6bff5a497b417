"""The checkpoints of a run: a folder for each, the newest ones kept."""

import io
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from estimators.training.pieces import read_about, read_pieces, write_pieces
from schemas import BadJob

_KEPT = 2  # the last, and the one before in case the last is damaged on its way to another machine
_PREFIX = "step-"


@dataclass(frozen=True, slots=True)
class Origin:
    """Which run a checkpoint is of.

    Attributes:
        task: Name of the task.
        settings: Of the task.
        seed: Of the run.
        step: Steps that were taken.
    """

    task: str
    settings: dict[str, Any]
    seed: int
    step: int


def save(run: Path, origin: Origin, state: Mapping[str, Any]) -> Path:
    """Keep a state of a run; older ones but one are removed.

    Args:
        run: Folder of the run.
        origin: Where it is.
        state: Tensors, numbers and containers of such.

    Returns:
        The checkpoint's folder.
    """
    folder = run / f"{_PREFIX}{origin.step:09d}"
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    shutil.rmtree(folder, ignore_errors=True)
    about = {"task": origin.task, "settings": origin.settings, "seed": origin.seed, "step": origin.step}
    write_pieces(folder, buffer.getvalue(), about)
    for old in checkpoints_in(run)[:-_KEPT]:
        shutil.rmtree(old)
    return folder


def checkpoints_in(run: Path) -> list[Path]:
    """Folders of whole checkpoints, oldest first."""
    return sorted(path for path in run.glob(f"{_PREFIX}*") if path.is_dir() and path.suffix != ".part")


def newest(run: Path) -> Path:
    """The folder of the last checkpoint.

    Raises:
        BadJob: There is none.
    """
    found = checkpoints_in(run)
    if not found:
        came = "no such folder" if not run.is_dir() else "a folder without checkpoints"
        msg = f"run {run}: expected a folder with {_PREFIX}* in it as posestream train writes them, got {came}"
        raise BadJob(msg)
    return found[-1]


def origin_of(folder: Path) -> Origin:
    """Which run a checkpoint is of, from its manifest alone.

    Raises:
        BadJob: It is no checkpoint of a training.
    """
    about = read_about(folder)
    try:
        return Origin(str(about["task"]), dict(about["settings"]), int(about["seed"]), int(about["step"]))
    except (KeyError, TypeError, ValueError) as error:
        msg = f"{folder}: expected a checkpoint of posestream train, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error


def read(folder: Path) -> dict[str, Any]:
    """The state in a checkpoint's folder.

    Raises:
        BadJob: Damaged, or something else.
    """
    content = read_pieces(folder)
    try:
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # whole by its sha256, but not of torch.save: whatever torch says
        msg = f"{folder}: expected a checkpoint of posestream train, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
