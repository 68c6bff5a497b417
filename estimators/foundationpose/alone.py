"""FoundationPose's two calls for one object in one image, on plain arrays, as the reference has them.

No states, no score, no loss: for comparisons, and for programs that need nothing else of posestream.
"""

import numpy as np
import torch

from estimators.foundationpose.depth import filtered, guess_translation
from estimators.foundationpose.engine import Engine
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.surface import Surface
from estimators.foundationpose.view_grid import start_rotations
from schemas.arrays import Array

SCORE_OFFSET = 100.0
"""The reference adds it to logits."""


def register(
    engine: Engine,
    surface: Surface,
    rgb: Array,
    depth_m: Array,
    mask: Array,
    K: Array,
    symmetries: Array | None = None,
    iterations: int = 5,
) -> tuple[Array, Array]:
    """Every hypothesis of an object under a mask, refined and ranked.

    Args:
        engine: Of the networks.
        surface: The object.
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32 metres, as measured, 0 where unknown.
        mask: (H, W) bool.
        K: (3, 3) float64 intrinsics.
        symmetries: (S, 4, 4), the identity among them; none if None.
        iterations: Of the refiner.

    Returns:
        (N, 4, 4) float32 cam_from_obj of the mesh about its centre, best first, and their (N,) float32 scores; N is
        252 without symmetries.

    Raises:
        ValueError: The mask is empty, or has no depth under it.
    """
    smooth = filtered(np.asarray(depth_m, np.float32))
    place = guess_translation(smooth, mask, K)
    if not place.any():
        msg = f"mask: expected depth under it, got {int((mask > 0).sum())} pixels without any"
        raise ValueError(msg)
    rotations = start_rotations(np.eye(4)[None] if symmetries is None else symmetries)
    starts = np.tile(np.eye(4, dtype=np.float32), (len(rotations), 1, 1))
    starts[:, :3, :3], starts[:, :3, 3] = rotations, place
    group = _group(engine, surface, Scene.of(rgb, smooth, K, engine.device), len(starts))
    poses = engine.refine([group], torch.tensor(starts, device=engine.device), iterations)
    logits = engine.score([group], poses)[0][0]
    order = torch.argsort(logits, descending=True, stable=True)
    return poses[order].cpu().numpy(), (logits[order] + SCORE_OFFSET).cpu().numpy()


def track(
    engine: Engine, surface: Surface, cam_from_obj: Array, rgb: Array, depth_m: Array, K: Array, iterations: int = 2
) -> Array:
    """The pose of an object in the next image.

    Args:
        engine: Of the networks.
        surface: The object.
        cam_from_obj: (4, 4), the last pose of the mesh about its centre.
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32 metres, as measured.
        K: (3, 3) float64.
        iterations: Of the refiner.

    Returns:
        (4, 4) float32.
    """
    scene = Scene.of(rgb, filtered(np.asarray(depth_m, np.float32)), K, engine.device)
    pose = torch.tensor(np.asarray(cam_from_obj, np.float32), device=engine.device)[None]
    return engine.refine([_group(engine, surface, scene, 1)], pose, iterations)[0].cpu().numpy()


def _group(engine: Engine, surface: Surface, scene: Scene, count: int) -> Group:
    return Group(scene, engine.renderer.upload(surface), surface.diameter_m, count)
