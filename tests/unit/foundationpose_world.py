"""FoundationPose on a small scene, with the recipe's weights, or with such that leave poses where they are."""

import atexit
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import torch

from estimators.foundationpose.device import Device
from estimators.foundationpose.estimator import FoundationPoseEstimator
from estimators.mesh import load_mesh
from schemas import Job, JobObject
from tests.golden.foundationpose_golden import write_recipe_weights
from tests.unit.estimators_scene import Studio, pose, write_box

BOX_M = (0.06, 0.1, 0.14)
FP32 = Device(torch.device("cpu"))
AT = pose((20, 30, 0), z_m=0.5)
BARE = {"loss": "off", "iterations": "1", "score_every": "0"}
"""Options of a job whose tracking is one step of the refiner and nothing else."""


@lru_cache
def folder() -> Path:
    """Of this process's tests; gone with it, for the weights are 250 MB."""
    made = mkdtemp(prefix="posestream-foundationpose-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@lru_cache
def weights(*, still: bool) -> Path:
    return write_recipe_weights(folder() / ("still" if still else "recipe"), still=still)


@lru_cache
def box() -> Path:
    return write_box(folder() / "box.obj", BOX_M, 2)


@lru_cache
def estimator(*, still: bool) -> FoundationPoseEstimator:
    """One for all tests: it keeps no stream state."""
    return FoundationPoseEstimator(weights(still=still), FP32, threads=0)


def job(*names: str, job_id: str = "job", **options: str) -> Job:
    objects = tuple(JobObject(name, str(box())) for name in names)
    return Job(job_id, objects, estimator="foundationpose", options=options)


@lru_cache
def studio(*names: str) -> Studio:
    """Draws the box before a wall, under each of these names; "box" without any."""
    return Studio(dict.fromkeys(names or ("box",), load_mesh(box())))


@contextmanager
def prepared(*, still: bool, **options: str) -> Iterator[FoundationPoseEstimator]:
    """The estimator with a job of one box, while the block runs."""
    made = estimator(still=still)
    made.prepare(job("box", **options))
    yield made
    made.release("job")
