"""A trained network out of its run, as checkpoints are published."""

from pathlib import Path

import torch
from torch import Tensor

from estimators.training import checkpoints, tasks
from estimators.weights.checkpoint import load_strictly
from estimators.weights.files import CHECKPOINT
from schemas import BadJob

_CONFIG = "config.yml"
_MEAN = "module."  # before the names of the running mean's numbers


def averaged(checkpoint: Path) -> dict[str, Tensor]:
    """The running mean of a network's numbers in a checkpoint, by their names.

    Raises:
        BadJob: A damaged one.
    """
    kept = checkpoints.read(checkpoint)["average"]
    return {name.removeprefix(_MEAN): part for name, part in kept.items() if name.startswith(_MEAN)}


def export(run: Path, target: Path, *, half: bool = False) -> Path:
    """Write the running mean of a run's last checkpoint.

    Args:
        run: Folder of the run.
        target: A folder that does not exist or is empty.
        half: Store fp16.

    Returns:
        The checkpoint's file: a state dict under ``model``, beside a ``config.yml`` where its network needs one.

    Raises:
        BadJob: No run, a damaged one, or a target with something in it.
    """
    if target.is_dir() and any(target.iterdir()):
        msg = f"{target}: expected a new or empty folder to export to, got one with files in it"
        raise BadJob(msg)
    checkpoint = checkpoints.newest(run)
    origin = checkpoints.origin_of(checkpoint)
    task = tasks.make(origin.task, origin.settings)
    state = averaged(checkpoint)
    load_strictly(task.network(), state, str(checkpoint))
    if half:
        state = {name: part.half() if part.is_floating_point() else part for name, part in state.items()}
    target.mkdir(parents=True, exist_ok=True)
    if task.published:
        import yaml

        (target / _CONFIG).write_text(yaml.safe_dump(dict(task.published)))
    path = target / CHECKPOINT
    torch.save({"model": state}, path)
    return path
