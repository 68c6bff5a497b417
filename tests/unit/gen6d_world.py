"""Gen6D on a small box, with the recipe's weights."""

import atexit
import json
import shutil
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp

import cv2
import numpy as np

from estimators.gen6d.alone import Known
from estimators.gen6d.engine import Engine
from estimators.gen6d.estimator import Gen6DEstimator
from estimators.gen6d.references import References
from estimators.mesh import Mesh, load_mesh
from estimators.rendering import CpuRenderer
from schemas import Camera, Frame, Job, JobObject
from schemas.arrays import Array
from tests.golden.gen6d_golden import write_recipe_weights
from tests.unit.estimators_scene import plate, pose, write_box

BOX_M = (0.06, 0.1, 0.14)
CAMERA = Camera(160, 120, 150.0, 150.0, 80.0, 60.0)


@lru_cache
def folder() -> Path:
    """Of this process's tests; gone with it, for the weights are 300 MB."""
    made = mkdtemp(prefix="posestream-gen6d-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return Path(made)


@lru_cache
def weights() -> Path:
    return write_recipe_weights(folder() / "recipe")


@lru_cache
def engine() -> Engine:
    """One for all tests: it keeps nothing."""
    return estimator().engine


@lru_cache
def box_file() -> Path:
    return write_box(folder() / "box.obj", BOX_M, 2)


@lru_cache
def box() -> Mesh:
    return load_mesh(box_file())


def looking_from(position_m: Array, roll_rad: float = 0.0) -> Array:
    """(3, 4) cam_from_obj of a camera that looks at the origin, x level."""
    forward = -position_m / np.linalg.norm(position_m)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    c, s = np.cos(roll_rad), np.sin(roll_rad)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ rotation
    return np.concatenate([rotation, (-rotation @ position_m)[:, None]], axis=1)


def around(count: int, distance_m: float = 0.45) -> list[Array]:
    """Poses of cameras spread evenly about the box, none along its up."""
    k = np.arange(count)
    z = 0.85 * (1 - 2 * (k + 0.5) / count)
    angle = k * np.pi * (3 - 5**0.5)
    ring = np.sqrt(1 - z * z)
    return [
        looking_from(distance_m * np.array([r * np.cos(a), r * np.sin(a), h]))
        for r, a, h in zip(ring, angle, z, strict=True)
    ]


def drawn(cam_from_obj: Array, camera: Camera = CAMERA) -> tuple[Array, Array]:
    """(H, W, 3) uint8 picture of the box before black, and its mask (H, W)."""
    matrix = np.eye(4)
    matrix[:3] = cam_from_obj
    scene = CpuRenderer().scene([box()], [matrix], camera.K, (camera.height, camera.width))
    return scene.rgb.astype(np.uint8), scene.index == 0


@lru_cache
def estimator() -> Gen6DEstimator:
    """One for all tests: it keeps no stream state."""
    return Gen6DEstimator(weights())


@lru_cache
def references(count: int = 12) -> References:
    poses = np.stack(around(count)).astype(np.float32)
    pictures = tuple(drawn(pose)[0] for pose in poses)
    K = np.tile(CAMERA.K.astype(np.float32), (count, 1, 1))
    return References(pictures, K, poses, np.zeros(3), np.array([0, 0, 1.0]), float(np.linalg.norm(BOX_M)))


@lru_cache
def known() -> Known:
    """The box by four references."""
    return Known.of(engine(), references(), 4)


@lru_cache
def photos() -> Path:
    """A folder of twelve photos of the box with ``poses.json`` and masks."""
    made = folder() / "photos"
    (made / "masks").mkdir(parents=True)
    rows: list[dict[str, object]] = []
    for k, view in enumerate(around(12)):
        picture, mask = drawn(view)
        cv2.imwrite(str(made / f"{k:02d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(made / "masks" / f"{k:02d}.png"), mask.astype(np.uint8) * 255)
        rows.append({"file": f"{k:02d}.png", "cam_from_obj": view.tolist(), "mask": f"masks/{k:02d}.png"})
    (made / "poses.json").write_text(json.dumps({"K": CAMERA.K.tolist(), "photos": rows}))
    return made


QUICK = {"views": "4", "steps": "0"}
"""Options of a job whose registration is a detection and a selection and nothing else."""


def job(*names: str, job_id: str = "job", **options: str) -> Job:
    objects = tuple(JobObject(name, str(photos())) for name in names or ("box",))
    return Job(job_id, objects, estimator="gen6d", options=QUICK | options)


def frame(cam_from_obj: Array, seq: int = 0, *, job_id: str = "job", depth: bool = False, mask: bool = False) -> Frame:
    """The box before a patterned wall at 1 m."""
    matrix = np.eye(4)
    matrix[:3] = cam_from_obj
    scene = CpuRenderer().scene(
        [plate(2.0, 7), box()], [pose((0, 0, 0), z_m=1.0).matrix(), matrix], CAMERA.K, (CAMERA.height, CAMERA.width)
    )
    masks = dict.fromkeys(("box", "twin"), scene.index == 1) if mask else None
    return Frame(job_id, "run", seq, seq, CAMERA, scene.rgb.astype(np.uint8), scene.depth_m if depth else None, masks)
