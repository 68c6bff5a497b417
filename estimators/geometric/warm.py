"""Compiling, or reading back, every kernel before the first frame needs it."""

import logging
import time
from dataclasses import replace

import numpy as np

from estimators.geometric.afresh_by_picture import found_elsewhere
from estimators.geometric.begin import adopted
from estimators.geometric.fit_by_picture import held_loosely
from estimators.geometric.look import look_at
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.neighbours import apart
from estimators.geometric.outline import find_outline
from estimators.geometric.picture_search import PictureSearch
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.recall import recalled
from estimators.geometric.register import register
from estimators.geometric.relocate import SHRINK, contradictions, relocate
from estimators.geometric.scene import NOTHING, learned, standing
from estimators.geometric.surface import Axis
from estimators.geometric.sweep import make_wheel, sweep
from estimators.geometric.track import follow
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer, Renderer
from schemas import Camera, Estimate, Frame, JobObject, State

_LOG = logging.getLogger("posestream.estimators")
_CAMERA = Camera(64, 48, 80.0, 80.0, 31.5, 23.5)
_HANDLE_M = 0.028
_ASIDE, _SEEN_OFTEN = np.array([10.0, 0.0, 0.0]), 3  # until what is in the frame counts as what stands still


def warm_up(renderer: Renderer) -> None:
    """Run every kernel for frames with depth once on a small box; 0.4 s, or 20 s where they must be compiled first."""
    started = time.monotonic()
    _LOG.info("loading kernels; at the first use of a version they are compiled, which takes about 20 s")
    model, here, frame = _scene(renderer)
    images, origin = FrameImages(frame), here.pose(model.center_m)
    look = look_at(model, here, images, renderer)
    if look is not None:
        find_outline(look, here, images)
    register(model, (frame.masks or {})["box"], images, renderer)
    relocate(model, Memory(), here, 0.05, 0.05, images, renderer, lambda it: it.evidence.inlier)
    contradictions(model, Memory(), here.R, here.t[None], images, None, 0.01)
    aside, scene = Placement(here.R, here.t + _ASIDE), NOTHING
    for _ in range(_SEEN_OFTEN):
        scene = learned(scene, images, aside, model.mesh.diameter_m)
    standing(scene, images, SHRINK)
    # an axis and a handle are said to be there, so that turns are swept
    sweep(
        make_wheel(model.surface, Axis(np.zeros(3), np.eye(3)[2], model.surface.points[:, 0] > _HANDLE_M)), here, images
    )
    known = Estimate(origin, 1.0, State.REGISTERED)
    apart({"box": model, "twin": model}, {"box": known, "twin": known}, frame, images, renderer)
    _LOG.info("kernels ready in %.1f s", time.monotonic() - started)


def warm_up_by_picture(renderer: Renderer) -> None:
    """The same for frames without depth: from a known pose to the next frame, and a search."""
    started = time.monotonic()
    _LOG.info("loading kernels for frames without depth; compiled at the first use, which takes about 15 s")
    model, here, frame = _scene(renderer)
    frame = replace(frame, depth_m=None)
    given = adopted(model, here.pose(model.center_m), frame, FrameImages(frame), renderer)
    follow(model, given, frame, FrameImages(frame), renderer)
    memory = Memory.unpack(given.memory) or Memory()
    images = FrameImages(frame)
    images = images.knowing(recalled(memory, images))
    found_elsewhere(PictureSearch(model, memory, images, renderer, held_loosely(here)))
    _LOG.info("kernels ready in %.1f s", time.monotonic() - started)


def _scene(renderer: Renderer) -> tuple[ObjectModel, Placement, Frame]:
    """A small box, where it is, and a frame of it."""
    mesh = _box()
    model = make_model(JobObject("box", "box"), mesh, renderer)
    pose = np.eye(4)
    pose[2, 3] = 0.3
    drawn = renderer.render(mesh, pose[None], _CAMERA.K, (_CAMERA.height, _CAMERA.width))
    mask = {"box": drawn.depth_m[0] > 0}
    frame = Frame("warm-up", "run", 0, 0, _CAMERA, drawn.rgb[0], drawn.depth_m[0], mask)
    return model, Placement(np.eye(3), pose[:3, 3] + model.center_m), frame


def _box() -> Mesh:
    """A box with coloured corners, as deep as wide: it has turns to choose from."""
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * [0.03, 0.03, 0.05]
    faces = np.array([[0, 1, 3], [0, 3, 2], [4, 7, 5], [4, 6, 7], [0, 5, 1], [0, 4, 5]])
    faces = np.concatenate([faces, [[2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 7, 3], [1, 5, 7]]])
    colors = np.clip(128 + corners * 2000, 0, 255).astype(np.uint8)
    return Mesh.build(corners, faces, name="box", colors=colors)


def set_up() -> None:
    """Compile everything once, so that no stream waits for it."""
    warm_up(CpuRenderer())
    warm_up_by_picture(CpuRenderer())
