"""Scenes to learn from: one object to be found, among others, as an RGB-D camera sees it."""

from dataclasses import dataclass

import numpy as np

from estimators.foundationpose.training.backdrop import make_backdrop
from estimators.foundationpose.training.composed import Composed, compose
from estimators.foundationpose.training.layout import THINGS, Layout, make_layout
from estimators.foundationpose.training.lighting import dark_corners, lit, random_lights
from estimators.foundationpose.training.photograph import photographed
from estimators.foundationpose.training.rays import Rays
from estimators.foundationpose.training.sensors import SENSORS, Shot
from estimators.foundationpose.training.shadows import shadows
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas.arrays import Array, checked, checked_finite

SCENES_A_THING = 4
"""So many scenes one after the other look for the same thing, which is then made only once."""
LEAST_PX = 60
"""Of the object, so much is seen in every scene."""
_STREAM = 0x7363656E
_TRIES, _TRIES_A_THING = 40, 8


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture and the truth about one object in it.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth_m: (H, W) float32 as a depth camera gives it, 0 where unknown.
        camera_matrix: (3, 3) float64 intrinsics, pixels, pixel centres at integers.
        mesh: The object's, about the middle of its bounding box.
        cam_from_obj: (4, 4) float64.
        visible: (H, W) bool, where the object is what is seen.
        symmetries: (S, 4, 4) float64 ``obj_from_obj``, the identity first: turns that nobody can see.
        true_depth_m: (H, W) float32 without the camera's errors.
        silhouette: (H, W) bool, where the object would be seen with nothing before it.
        sensor: Which of ``SENSORS`` looked.
    """

    rgb: Array
    depth_m: Array
    camera_matrix: Array
    mesh: Mesh
    cam_from_obj: Array
    visible: Array
    symmetries: Array
    true_depth_m: Array
    silhouette: Array
    sensor: str

    def __post_init__(self) -> None:
        size = self.rgb.shape[:2]
        for name, kind in (("depth_m", np.float32), ("true_depth_m", np.float32), ("visible", np.bool_)):
            object.__setattr__(self, name, checked(name, getattr(self, name), size, kind))
        object.__setattr__(self, "rgb", checked("rgb", self.rgb, (*size, 3), np.uint8))
        object.__setattr__(self, "camera_matrix", checked_finite("camera_matrix", self.camera_matrix, (3, 3)))
        object.__setattr__(self, "cam_from_obj", checked_finite("cam_from_obj", self.cam_from_obj, (4, 4)))
        object.__setattr__(self, "symmetries", checked_finite("symmetries", self.symmetries, (None, 4, 4)))


def make_scene(seed: int, size_px: tuple[int, int] = (240, 320), *, first_thing: int = 0) -> Scene:
    """A random scene; the same arguments give the same bytes on one kind of machine.

    Scenes of neighbouring seeds share their object (``SCENES_A_THING``) but nothing else: going through seeds one by
    one costs least.

    Args:
        seed: 0 or above.
        size_px: Height and width of the picture, at least 64 each.
        first_thing: Added to the number of the object; scenes with another block of objects see none of these.

    Raises:
        ValueError: A seed below 0 or a picture that is too small.
    """
    if seed < 0 or min(size_px) < 64:
        msg = f"expected a seed of 0 or above and 64 pixels or more a side, got seed {seed} and {size_px}"
        raise ValueError(msg)
    rng = np.random.default_rng([_STREAM, seed])
    number = first_thing + seed // SCENES_A_THING % THINGS
    renderer = CpuRenderer()
    for attempt in range(_TRIES):
        # of a thin thing too little may be seen anywhere: then another one is looked for
        layout = make_layout(number + attempt // _TRIES_A_THING, size_px, rng)
        composed = compose(layout, size_px, renderer)
        if composed.visible.sum() >= LEAST_PX:
            return _seen(layout, composed, rng, renderer)  # no backdrop is before it
    msg = f"scene {seed}: expected the object to be seen in one of {_TRIES} arrangements, got none"
    raise ValueError(msg)


def _seen(layout: Layout, composed: Composed, rng: np.random.Generator, renderer: CpuRenderer) -> Scene:
    """The pictures that cameras take of an arrangement."""
    place, K = layout.target.cam_from_obj[:3, 3], layout.camera_matrix
    size = composed.visible.shape
    back = make_backdrop(K, (size[0], size[1]), layout.up, layout.table_m, composed.balls(), rng)
    albedo, depth_m, normal, materials = composed.before(back)
    lights = random_lights(place, layout.up, rng)
    shade = np.ones((*size, 2), np.float32)
    if rng.random() < 0.8:
        shade[..., 0] = shadows(composed.placed, depth_m, normal, K, lights.places_m[0], place, renderer)
    shade[..., 1] = dark_corners(depth_m, rng.uniform(0, 0.6))
    light = lit(albedo, depth_m, normal, materials, K, lights, shade)
    name, measured = _measured(depth_m, normal, albedo, K, rng)
    return Scene(
        photographed(light, rng), measured, K, layout.target.thing.mesh, layout.target.cam_from_obj, composed.visible,
        layout.target.thing.symmetries, depth_m, composed.silhouette, name,
    )  # fmt: skip


def _measured(depth_m: Array, normal: Array, albedo: Array, K: Array, rng: np.random.Generator) -> tuple[str, Array]:
    """The name of a depth camera and its picture."""
    rays = Rays.of(K, (depth_m.shape[0], depth_m.shape[1]))
    facing = -(rays.x * normal[..., 0] + rays.y * normal[..., 1] + normal[..., 2]) / rays.lengths()
    brightness = albedo.max(axis=2).astype(np.float32) / np.float32(255)
    shot = Shot(depth_m, facing, brightness, float(K[0, 0]))
    weights = np.array([weight for weight, _ in SENSORS.values()])
    name = str(rng.choice(list(SENSORS), p=weights / weights.sum()))
    return name, SENSORS[name][1](shot, rng)
