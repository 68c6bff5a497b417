"""An object in view does not turn end for end, what stands still is not looked into, hidden holes are not drawn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import trimesh

from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.scene import STANDS
from estimators.geometric.segments import find_segments
from estimators.geometric.sweep import end_for_end, turned_over
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import Camera, Frame, JobObject
from schemas.arrays import Array

CAMERA = Camera(320, 240, 300.0, 300.0, 159.5, 119.5)
RENDERER = CpuRenderer()


def cup() -> trimesh.Trimesh:
    """A cylinder of 8 by 10 cm, and a bar that is stuck into its side."""
    body = trimesh.creation.cylinder(0.04, 0.10, sections=48)
    handle = trimesh.creation.box((0.04, 0.012, 0.06), trimesh.transformations.translation_matrix((0.05, 0, 0)))
    return trimesh.util.concatenate([body, handle])


def built(shape: Any, faces: Array) -> Mesh:
    return Mesh.build(np.asarray(shape.vertices), faces, name="cup")


@dataclass(frozen=True, slots=True)
class Scene:
    model: ObjectModel
    at: Placement
    images: FrameImages


@pytest.fixture(scope="module")
def scene() -> Scene:
    shape = cup()
    model = make_model(JobObject("cup", "cup"), built(shape, np.asarray(shape.faces)), RENDERER)
    R = trimesh.transformations.rotation_matrix(1.4, (1, 0, 0))[:3, :3]
    at = Placement(np.ascontiguousarray(R), np.array([0.01, 0.0, 0.5]))
    drawn = RENDERER.render(model.mesh, at.pose(model.center_m).matrix()[None], CAMERA.K, (240, 320))
    depth = np.where(drawn.depth_m[0] > 0, drawn.depth_m[0], np.float32(1.2))
    return Scene(model, at, FrameImages(Frame("job", "run", 0, 0, CAMERA, drawn.rgb[0], depth)))


def test_turned_end_for_end_the_axis_points_the_other_way_and_the_handle_stays(scene: Scene) -> None:
    wheel = scene.model.wheel
    assert wheel is not None
    over = end_for_end(wheel, scene.at)
    assert turned_over(wheel, scene.at.R, over.R)
    handle = wheel.odd.mean(axis=0)
    moved = (over.R @ handle + over.t) - (scene.at.R @ handle + scene.at.t)
    assert np.linalg.norm(moved) < 1e-9  # it lies on the line about which everything was turned
    back = end_for_end(wheel, over)
    assert np.allclose(back.R, scene.at.R, atol=1e-12)
    assert np.allclose(back.t, scene.at.t, atol=1e-12)


def test_a_piece_that_stood_there_before_is_no_place_to_look(scene: Scene) -> None:
    stands = np.zeros((60, 80), np.uint8)
    assert find_segments(scene.model, scene.at.t, 0.3, scene.images, 2, stands)
    stands[:] = STANDS
    assert not find_segments(scene.model, scene.at.t, 0.3, scene.images, 2, stands)


def test_a_hole_inside_of_the_object_does_not_make_it_be_drawn_from_both_sides() -> None:
    shape = cup()
    middles, normals = shape.triangles_center, shape.face_normals
    inner_end = (normals[:, 0] < -0.9) & (np.abs(middles[:, 0] - 0.03) < 1e-6)  # the bar's end within the cylinder
    assert inner_end.sum() == 2
    mesh = built(shape, np.asarray(shape.faces)[~inner_end])
    assert not mesh.closed
    assert make_model(JobObject("cup", "cup"), mesh, RENDERER).mesh.closed


def test_a_hole_that_shows_the_inside_is_drawn_from_both_sides() -> None:
    shape = cup()
    lid = shape.face_normals[:, 2] > 0.9
    mesh = built(shape, np.asarray(shape.faces)[~lid])
    assert not make_model(JobObject("cup", "cup"), mesh, RENDERER).mesh.closed
