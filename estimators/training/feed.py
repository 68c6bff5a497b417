"""Batches in order, made ahead by other processes."""

from collections.abc import Iterator, Sequence

import cv2
import torch
from torch.utils.data import DataLoader, Dataset

from estimators.training.task import Batch, Task, training_seed

_AHEAD = 2  # batches a process makes before they are asked for
_FAR = 2**31  # steps: more than a run has


class _Steps(Dataset[Batch]):
    """Batch by batch, by the number of the step."""

    def __init__(self, task: Task, run_seed: int) -> None:
        self._task, self._seed = task, run_seed

    def __getitem__(self, step: int) -> Batch:
        return self._task.batch(training_seed(self._task, self._seed, step))


def batches(task: Task, run_seed: int, first_step: int, processes: int, *, pinned: bool) -> Iterator[Batch]:
    """The batches of a run from a step on, without end.

    Args:
        task: Makes them.
        run_seed: Of the run.
        first_step: The first that is wanted.
        processes: That make them ahead; 0 makes each when it is asked for. Batches do not depend on it.
        pinned: In memory that a GPU reads by itself.
    """
    steps: Sequence[int] = range(first_step, _FAR)
    loader: DataLoader[Batch] = DataLoader(
        _Steps(task, run_seed),
        batch_size=None,
        sampler=steps,
        num_workers=processes,
        generator=torch.Generator(),  # or it would draw from the one that the network's dropout draws from
        pin_memory=pinned,
        worker_init_fn=_alone,
        prefetch_factor=_AHEAD if processes else None,
        # a fork of a process with threads in it, as torch's and CUDA's, may hang
        multiprocessing_context="forkserver" if processes else None,
    )
    return iter(loader)


def _alone(_number: int) -> None:
    """A process has a core to itself, as torch sees to for its own threads."""
    cv2.setNumThreads(1)
