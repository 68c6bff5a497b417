"""A camera that needs no camera: ``synthetic:[?frames=N&seed=N&level=easy|medium|hard&size=WxH&rate=HZ]``."""

import re
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer, Scene
from producers.sources.base import Shot, SourceError
from producers.sources.motion import SPEEDS, Motion
from producers.sources.options import Address
from producers.sources.printed_box import box_arrays, box_texture, cache_folder, write_box
from producers.sources.sensor import UNIT_M, Sensor
from schemas import Camera, JobObject, Pose
from schemas.arrays import Array
from schemas.depth import depth_from_raw

OBJECT_ID = "obj_000001"
_FOCAL = 0.96  # focal length in picture widths: 615 px at 640, as on common depth cameras
_LIGHT = np.array([-0.35, -0.65, -0.67], np.float32)  # towards the light, camera frame
_AMBIENT = 0.45


class SyntheticSource:
    """A printed carton that floats over a cluttered table; see ``producers.sources.base.Source``.

    Drawn by our own renderer with Lambert light that the mesh's texture does not know, seen through the noise
    of ``producers.sources.sensor``. Everything follows from the seed; the truth is kept.
    """

    def __init__(self, address: Address) -> None:
        address.only("frames", "seed", "level", "size", "rate")
        self.name = address.text
        self.frame_count = address.whole("frames", 300, 1)
        self.rate_hz = address.number("rate", 30.0)
        self.depth_unit_m = UNIT_M
        self.camera = _camera(address)
        seed, level = address.whole("seed", 0), address.text_of("level") or "easy"
        if level not in SPEEDS:
            msg = f"{address.text}: expected level to be one of {', '.join(SPEEDS)}, got {level!r}"
            raise SourceError(msg)
        texture = box_texture(seed)
        self.objects = (JobObject(OBJECT_ID, str(write_box(cache_folder() / "synthetic", texture))),)
        self._size = (self.camera.height, self.camera.width)
        self._motion = Motion(level, seed)
        self._sensor = Sensor(self._size, self.camera.fx, seed)
        self._renderer = CpuRenderer()
        vertices, faces, uv = box_arrays()
        self._mesh = Mesh.build(vertices, faces, name=OBJECT_ID, uv=uv, texture=texture)
        self._still_rgb, self._still_m = self._still(seed)

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``; the first picture carries the object's visible pixels as its mask."""
        for seq in range(start, self.frame_count):
            scene = self._renderer.scene([self._mesh], [self._motion.pose(seq).matrix()], self.camera.K, self._size)
            seen = scene.index == 0
            rgb, depth_m = self._still_rgb.copy(), self._still_m.copy()
            rgb[seen] = _lit(scene, seen)
            depth_m[seen] = scene.depth_m[seen]
            noisy, raw = self._sensor.picture(rgb, depth_m, _outline(seen), seq)
            masks = {OBJECT_ID: seen} if seq == 0 else None
            yield Shot(seq / self.rate_hz, noisy, depth_from_raw(raw, UNIT_M), masks)

    def truth(self, seq: int) -> Mapping[str, Pose]:
        """See ``Source.truth``."""
        return {OBJECT_ID: self._motion.pose(seq)}

    def image_id(self, seq: int) -> int:
        """The picture's place in the clip."""
        return seq

    def _still(self, seed: int) -> tuple[Array, Array]:
        """Colour and depth of all that does not move: a table, a wall and cartons, all behind the object."""
        meshes, poses = _clutter(seed)
        scene = self._renderer.scene(meshes, poses, self.camera.K, self._size)
        seen = scene.index >= 0
        rgb = np.full((*self._size, 3), 40, np.uint8)
        rgb[seen] = _lit(scene, seen)
        return cv2.GaussianBlur(rgb, (0, 0), 0.6), np.where(seen, scene.depth_m, np.float32(2.5))


def _camera(address: Address) -> Camera:
    text = address.text_of("size") or "640x480"
    found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", text)
    if not found:
        msg = f"{address.text}: expected size as WIDTHxHEIGHT in pixels, got {text!r}"
        raise SourceError(msg)
    width, height = int(found[1]), int(found[2])
    return Camera(width, height, _FOCAL * width, _FOCAL * width, (width - 1) / 2 + 4, (height - 1) / 2 - 3)


def _lit(scene: Scene, seen: Array) -> Array:
    """Lambert light over the surface's own colour at the pixels ``seen``: (n, 3) uint8."""
    light = np.maximum(scene.normal[seen] @ _LIGHT, 0) * np.float32(1 - _AMBIENT) + np.float32(_AMBIENT)
    return (scene.rgb[seen] * light[:, None]).astype(np.uint8)


def _outline(seen: Array) -> Array:
    mask = seen.astype(np.uint8)
    return cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0


def _clutter(seed: int) -> tuple[list[Mesh], list[Array]]:
    rng = np.random.default_rng((seed, 4))
    vertices, faces, uv = box_arrays()
    print_of_table = rng.integers(60, 200, (24, 24, 3)).astype(np.uint8)
    print_of_table = cv2.resize(print_of_table, (384, 384), interpolation=cv2.INTER_NEAREST)
    meshes, poses = [], []
    for centre, extent in (((0, 0.32, 1.3), (3.0, 0.02, 1.6)), ((0, 0, 1.9), (4.0, 3.0, 0.02))):
        flat = vertices / np.abs(vertices).max(axis=0) * np.array(extent, np.float32) / 2
        meshes.append(Mesh.build(flat, faces, name="plane", uv=uv, texture=print_of_table))
        poses.append(Pose(np.eye(3), np.array(centre)).matrix())
    for index in range(9):
        extent = rng.uniform(0.05, 0.14, 3).astype(np.float32)
        body = vertices / np.abs(vertices).max(axis=0) * extent
        meshes.append(Mesh.build(body, faces, name="carton", uv=uv, texture=box_texture(seed * 100 + index + 1)))
        turn = cv2.Rodrigues(np.array([0.0, rng.uniform(0, np.pi), 0.0]))[0]
        place = np.array([rng.uniform(-0.65, 0.65), 0.31 - float(extent[1]), rng.uniform(1.1, 1.7)])
        poses.append(Pose(turn, place).matrix())
    return meshes, poses
