"""With depth, the outline holds what neither depth nor texture does, and edges of what stands in front are left out."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import trimesh

from estimators.geometric.fit import fit
from estimators.geometric.information import slips
from estimators.geometric.look import look_at
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.outline import find_outline, is_weak
from estimators.geometric.parts import Parts
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import Frame, JobObject
from schemas.arrays import Array
from tests.unit.estimators_scene import CAMERA, Studio, pose

RENDERER = CpuRenderer()
TRUTH = pose((90, 0, 0))  # the can's axis stands upright in the picture
SLIP_M = 0.006


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    model: ObjectModel
    frame: Frame

    @property
    def truth(self) -> Placement:
        return Placement.of(TRUTH, self.model.center_m)

    def slipped(self) -> Placement:
        """The can moved along its axis: no point leaves the surface that depth sees."""
        return Placement(self.truth.R, self.truth.t + SLIP_M * self.axis)

    @property
    def axis(self) -> Array:
        return self.truth.R @ np.array([0.0, 0.0, 1.0])


@pytest.fixture(scope="module")
def scene() -> Scene:
    can = trimesh.creation.cylinder(0.033, 0.11, sections=64)
    colors = np.tile(np.array([150, 60, 60], np.uint8), (len(can.vertices), 1))
    mesh = Mesh.build(np.asarray(can.vertices), np.asarray(can.faces), name="can", colors=colors)
    return Scene(make_model(JobObject("can", "can"), mesh, RENDERER), Studio({"can": mesh}).frame(0, {"can": TRUTH}))


def off_m(scene: Scene, start: Placement, model: ObjectModel) -> float:
    found = fit(model, start, FrameImages(scene.frame), RENDERER, coarse=False)
    assert found is not None
    return abs(float((found.placement.t - scene.truth.t) @ scene.axis))


def test_a_plain_can_that_slipped_along_its_axis_is_put_back_by_its_outline(scene: Scene) -> None:
    assert off_m(scene, scene.slipped(), scene.model) < 0.3 * SLIP_M
    without = replace(scene.model, parts=Parts(region=False))
    assert off_m(scene, scene.slipped(), without) > 0.7 * SLIP_M


def test_the_outline_is_not_asked_where_the_object_is_held_already(scene: Scene) -> None:
    known = np.diag([1e4, 1e4, 1e4, 1e7, 1e7, 1e7])
    assert not is_weak(known, np.eye(3), scene.model)
    known[3, 3] = 1.0
    assert is_weak(known, np.eye(3), scene.model)
    axes = np.zeros((0, 3))
    assert slips(known, np.eye(3), axes, 0.05, 0.99)  # one sigma of a shift along x is a metre
    assert not slips(known, np.eye(3), axes, 0.05, 1.01)


def test_a_turn_about_an_axis_that_no_outline_shows_is_no_slip() -> None:
    known, turned = (
        np.diag([1e4, 1e4, 1e-3, 1e7, 1e7, 1e7]),
        np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    )
    assert slips(known, turned, np.zeros((0, 3)), 0.05, 0.01)
    assert slips(known, turned, np.array([[0.0, 0.0, 1.0]]), 0.05, 0.01)
    assert not slips(known, turned, np.array([[0.0, 1.0, 0.0]]), 0.05, 0.01)  # along the camera's z


def test_lines_end_where_the_object_does_and_not_at_what_hides_it(scene: Scene) -> None:
    images, slipped = FrameImages(scene.frame), scene.slipped()
    look = look_at(scene.model, slipped, images, RENDERER)
    assert look is not None
    points, normals, ends, cam = find_outline(look, slipped, images)
    along = scene.axis[:2] / np.linalg.norm(scene.axis[:2])
    lids = (ends[:, 3] > 0) & (np.abs(normals @ along) > 0.95)
    assert lids.sum() > 10
    expected = -SLIP_M * float(cam[0]) / 0.6 * (normals[lids] @ along)
    seen = points[lids] @ slipped.R.T + slipped.t
    drawn = seen[:, :2] / seen[:, 2:] * cam[:2] + cam[2:]
    found = np.einsum("ij,ij->i", ends[lids, :2] - drawn, normals[lids])
    assert np.median(np.abs(found - expected)) < 1.0  # pixels of the crop

    assert scene.frame.depth_m is not None
    hand = scene.frame.depth_m.copy()
    middle = CAMERA.height // 2
    hand[:middle] = np.float32(0.3)  # in front of the upper half
    _, normals, ends, _ = find_outline(look, slipped, FrameImages(replace(scene.frame, depth_m=hand)))
    upper = normals[:, 1] < -0.95
    assert upper.sum() > 5
    assert not ends[upper, 3].any()
