"""Plain objects in a light that is set here, before a patterned wall, for tests of what works without depth."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import trimesh

from estimators.geometric.covariance import Information
from estimators.geometric.fit import Fit
from estimators.geometric.light import shaded
from estimators.geometric.look import Look, look_at
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.picture_score import weigh_by_picture
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import Camera, Frame, JobObject
from schemas.arrays import Array

CAMERA = Camera(320, 240, 300.0, 300.0, 159.5, 119.5)
RENDERER = CpuRenderer()
EVEN = np.array([1.0, 0, 0, 0, 0, 0, 0, 0, 0])


def plain(whole: Any, rgb: tuple[int, int, int] = (150, 140, 130)) -> ObjectModel:
    """A trimesh in one colour."""
    colors = np.tile(np.array(rgb, np.uint8), (len(whole.vertices), 1))
    mesh = Mesh.build(np.asarray(whole.vertices), np.asarray(whole.faces), name="plain", colors=colors)
    return make_model(JobObject("plain", "plain"), mesh, RENDERER)


def turned(axis: tuple[float, float, float], degrees: float) -> Array:
    """(3, 3) rotation."""
    return np.ascontiguousarray(trimesh.transformations.rotation_matrix(np.radians(degrees), axis)[:3, :3])


def wall() -> Array:
    """(240, 320, 3) uint8: patches of 20 pixels, each in its own colour, that pass into each other."""
    small = np.random.default_rng(5).integers(60, 190, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(small, (320, 240), interpolation=cv2.INTER_LINEAR)


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A frame without depth of an object, None where there is none in it, in a light and before something."""

    model: ObjectModel
    truth: Placement | None
    terms: Array
    behind: Array

    @property
    def rgb(self) -> Array:
        """(240, 320, 3) uint8."""
        if self.truth is None:
            return self.behind
        pose = self.truth.pose(self.model.center_m).matrix()
        drawn = RENDERER.render(self.model.mesh, pose[None], CAMERA.K, (240, 320))
        lit = shaded(drawn.rgb[0], drawn.normal[0], self.terms)
        return np.where(drawn.depth_m[0][..., None] > 0, lit, self.behind)

    @property
    def images(self) -> FrameImages:
        return images_of(self.rgb)


def images_of(rgb: Array) -> FrameImages:
    return FrameImages(Frame("job", "run", 0, 0, CAMERA, np.ascontiguousarray(rgb), None))


def seen_at(model: ObjectModel, at: Placement, images: FrameImages) -> Look:
    look = look_at(model, at, images, RENDERER)
    assert look is not None
    return look


def fit_at(model: ObjectModel, at: Placement, images: FrameImages) -> Fit:
    """A fit that says exactly this placement."""
    look = seen_at(model, at, images)
    nothing = Information(np.zeros((6, 6)), np.zeros((6, 6)), np.zeros(6))
    return Fit(at, weigh_by_picture(look, at, images), 0, look, nothing, model)
