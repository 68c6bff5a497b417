"""Compiling kernels and loading what libraries load late, before the first frame needs it."""

import logging
import time

import numpy as np
import torch

from estimators.foundationpose.engine import Engine
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.surface import Surface
from schemas import Camera, Frame

_LOG = logging.getLogger("posestream.estimators")
_SIDE_M = 0.1
_ITERATIONS = 2  # as tracking does, so that on CUDA the graph of a single object is there
_CAMERA = Camera(64, 48, 80.0, 80.0, 31.5, 23.5)


def warm_up(engine: Engine) -> None:
    """One step of each network on a plate half a metre away."""
    started = time.monotonic()
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], np.float32) * np.float32(_SIDE_M / 2)
    normals = np.tile(np.array([0, 0, -1], np.float32), (4, 1))
    plate = Surface(corners, np.array([[0, 2, 1], [0, 3, 2]], np.int32), normals, _SIDE_M * 2**0.5)
    depth_m = np.full((_CAMERA.height, _CAMERA.width), 0.5, np.float32)
    frame = Frame("warm-up", "run", 0, 0, _CAMERA, np.zeros((*depth_m.shape, 3), np.uint8), depth_m)
    pose = torch.eye(4)[None]
    pose[0, 2, 3] = 0.5
    group = Group(engine.scenes([frame])[0], engine.renderer.upload(plate), plate.diameter_m, 1)
    refined = engine.refine([group], pose.to(engine.device), 1)
    engine.score([group], refined)
    engine.agreement([group], refined)
    engine.follow([group], pose, _ITERATIONS)
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)
    engine.steps.calls = 0
    _LOG.info("foundationpose: warm in %.1f s on %s", time.monotonic() - started, engine.device)
