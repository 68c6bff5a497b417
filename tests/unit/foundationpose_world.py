"""FoundationPose on a small scene, with the recipe's weights, or with such that leave poses where they are."""

from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import torch

from estimators.foundationpose.device import Device
from estimators.foundationpose.estimator import FoundationPoseEstimator
from schemas import Job, JobObject
from tests.golden.foundationpose_golden import write_recipe_weights
from tests.unit.estimators_scene import write_box

BOX_M = (0.06, 0.1, 0.14)
FP32 = Device(torch.device("cpu"))


@lru_cache
def folder() -> Path:
    """Of this process's tests; the system cleans it up."""
    return Path(mkdtemp(prefix="posestream-foundationpose-"))


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
