"""The turn of a nearly symmetric object, far finds on probation, and how far a pose may be off."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import trimesh

from estimators.geometric.covariance import covariance_of
from estimators.geometric.fit import fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.probation import at_decoy, is_decoy, on_probation, watched
from estimators.geometric.segments import find_segments
from estimators.geometric.surface import find_axis, sample
from estimators.geometric.sweep import STEPS, about, sweep
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import Camera, Frame, JobObject
from schemas.arrays import Array

CAMERA = Camera(320, 240, 300.0, 300.0, 159.5, 119.5)
RENDERER = CpuRenderer()


def cup(*, handle: bool) -> Mesh:
    """A plain cup of 8 cm by 10 cm about a tilted axis that does not pass through the middle of its box."""
    parts = [trimesh.creation.cylinder(0.04, 0.10, sections=48)]
    if handle:
        parts.append(
            trimesh.creation.box((0.035, 0.012, 0.06), trimesh.transformations.translation_matrix((0.05, 0, 0)))
        )
    whole: Any = trimesh.util.concatenate(parts)
    tilt = trimesh.transformations.rotation_matrix(0.4, (1, 1, 0))
    whole.apply_transform(tilt)
    colors = np.tile(np.array([60, 90, 160], np.uint8), (len(whole.vertices), 1))
    return Mesh.build(np.asarray(whole.vertices), np.asarray(whole.faces), name="cup", colors=colors)


@dataclass(frozen=True, slots=True)
class Scene:
    """A cup as the camera sees it."""

    model: ObjectModel
    truth: Placement
    images: FrameImages


@pytest.fixture(scope="module")
def scene() -> Scene:
    mesh = cup(handle=True)
    model = make_model(JobObject("cup", "cup"), mesh, RENDERER)
    assert model.wheel is not None
    up = model.wheel.axis.direction
    side = np.cross(up, [1.0, 0.0, 0.0]) / np.linalg.norm(np.cross(up, [1.0, 0.0, 0.0]))
    R = np.stack([np.cross(-up, side), -up, side])
    if np.linalg.det(R) < 0:
        R[0] *= -1
    return place(model, R, np.array([0.01, 0.0, 0.5]))


def place(model: ObjectModel, R: Array, t: Array) -> Scene:
    truth = Placement(R, t)
    pose = truth.pose(model.center_m).matrix()
    drawn = RENDERER.render(model.mesh, pose[None], CAMERA.K, (240, 320))
    depth = np.where(drawn.depth_m[0] > 0, drawn.depth_m[0], np.float32(1.2))
    frame = Frame("job", "run", 0, 0, CAMERA, drawn.rgb[0], depth)
    return Scene(model, truth, FrameImages(frame))


def test_the_axis_of_a_cup_is_found_beside_its_handle() -> None:
    mesh = cup(handle=True)
    surface = sample(mesh, 700)
    axis = find_axis(surface, mesh.diameter_m)
    assert axis is not None
    true = trimesh.transformations.rotation_matrix(0.4, (1, 1, 0))[:3, 2]
    assert abs(axis.direction @ true) > np.cos(np.radians(1.0))
    off = -mesh.center_m - axis.origin  # the true axis passes through the mesh's origin
    assert np.linalg.norm(off - (off @ true) * true) < 0.001
    assert 0.05 < axis.odd.mean() < 0.35


def test_a_box_has_no_axis_of_near_symmetry() -> None:
    box = trimesh.creation.box((0.1, 0.06, 0.04))
    mesh = Mesh.build(np.asarray(box.vertices), np.asarray(box.faces), name="box")
    assert find_axis(sample(mesh, 700), mesh.diameter_m) is None


@pytest.mark.parametrize("steps", [9, 18, 30])
def test_the_sweep_points_back_to_the_true_turn(scene: Scene, steps: int) -> None:
    wheel = scene.model.wheel
    assert wheel is not None
    A, b = about(wheel.axis, 2 * np.pi * steps / STEPS)
    turned = Placement(scene.truth.R @ A, scene.truth.R @ b + scene.truth.t)
    merits = sweep(wheel, turned, scene.images)
    assert int(np.argmax(merits)) in {STEPS - steps - 1, STEPS - steps, STEPS - steps + 1}


def test_nothing_in_view_gives_no_merit(scene: Scene) -> None:
    wheel = scene.model.wheel
    assert wheel is not None
    away = Placement(scene.truth.R, np.array([3.0, 0.0, 0.5]))
    assert not sweep(wheel, away, scene.images).any()


def test_the_piece_of_the_scene_that_is_the_cup_is_found(scene: Scene) -> None:
    (segment, *_) = find_segments(scene.model, scene.truth.t, 0.3, scene.images, most=2)
    assert np.linalg.norm(segment.center_m - scene.truth.t) < 0.06
    assert segment.mask.shape == (240, 320)


def moving() -> Memory:
    return Memory(good=20, speed_m_s=0.5)


def test_a_far_find_that_stands_still_is_a_decoy(scene: Scene) -> None:
    far = Placement(np.eye(3), np.array([0.4, 0.0, 0.8]))
    memory = on_probation(scene.model, moving(), far)
    assert memory.probation > 0
    for _ in range(4):
        memory = watched(memory, np.array([0.01, 0.0, 0.0]))
        if is_decoy(memory):
            break
    assert is_decoy(memory)
    assert at_decoy(memory, far.t, scene.model.mesh.diameter_m)
    assert not at_decoy(memory, far.t + 0.3, scene.model.mesh.diameter_m)


def test_a_far_find_that_goes_on_moving_is_believed(scene: Scene) -> None:
    memory = on_probation(scene.model, moving(), Placement(np.eye(3), np.array([0.4, 0.0, 0.8])))
    for _ in range(6):
        memory = watched(memory, np.array([0.4, 0.0, 0.0]))
        assert not is_decoy(memory)
    assert memory.probation == 0


def test_an_object_that_rested_is_believed_at_once(scene: Scene) -> None:
    rested = Memory(good=20, speed_m_s=0.0)
    assert on_probation(scene.model, rested, Placement(np.eye(3), np.array([0.4, 0.0, 0.8]))).probation == 0


def test_a_memory_survives_its_bytes() -> None:
    memory = Memory(1, 2, 3, 4, 5, 6, tone=np.array([0.1, -0.2]), turns=np.linspace(0, 1, STEPS, dtype=np.float32))
    again = Memory.unpack(memory.pack())
    assert again is not None
    assert again.pack() == memory.pack()
    assert (again.turns == memory.turns).all()
    assert Memory.unpack(memory.pack()[:-1]) is None


def test_covariance_is_in_the_frame_of_the_object() -> None:
    # known to 1 mm along the camera's x and 10 mm along y and z; the object's x looks along the camera's y
    information = np.diag([1e6, 1e6, 1e6, 1e6, 1e4, 1e4])
    R = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    covariance = covariance_of(information, Placement(R, np.array([0.0, 0.0, 0.5])), np.zeros(3))
    spread = np.sqrt(np.diag(covariance))[3:]
    assert spread == pytest.approx([0.01, 0.001, 0.01], rel=0.05)


def test_the_turn_of_a_plain_cylinder_is_not_known() -> None:
    mesh = cup(handle=False)
    model = make_model(JobObject("cup", "cup"), mesh, RENDERER)
    assert model.wheel is not None
    tilted = trimesh.transformations.rotation_matrix(1.2, (1, 0, 0))[:3, :3]
    scene = place(model, tilted, np.array([0.0, 0.0, 0.5]))
    found = fit(model, scene.truth, scene.images, RENDERER)
    assert found is not None
    axis = model.wheel.axis.direction
    turn = found.covariance[:3, :3]
    across = np.cross(axis, [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    assert axis @ turn @ axis > 100 * (across @ turn @ across)
