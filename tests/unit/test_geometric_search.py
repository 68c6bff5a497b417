"""What stood there before, and looking about for an object by the part of it that shows."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import trimesh

from estimators.geometric.elsewhere import Search
from estimators.geometric.fit import Fit, fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.motion import velocity
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.relocate import relocate
from estimators.geometric.scene import GRID, NOTHING, learned, share_standing, standing
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import Camera, Frame, JobObject
from schemas.arrays import Array

CAMERA = Camera(320, 240, 300.0, 300.0, 159.5, 119.5)
RENDERER = CpuRenderer()
LEFT, RIGHT = np.array([-0.12, 0.0, 0.7]), np.array([0.12, 0.0, 0.7])
MOVED, OFF = np.array([-0.12, 0.05, 0.7]), np.array([0.05, -0.04, 0.03])


@dataclass(frozen=True, slots=True)
class World:
    """A coloured box and how to put several of them before a wall."""

    model: ObjectModel

    def images(self, *places: Array, wall_m: float = 1.2, covered: slice | None = None) -> FrameImages:
        """The picture of boxes at places; something nearer hides the ``covered`` columns."""
        depth = np.full((240, 320), wall_m, np.float32)
        rgb = np.full((240, 320, 3), 90, np.uint8)
        for place in places:
            pose = Placement(np.eye(3), place).pose(self.model.center_m).matrix()
            drawn = RENDERER.render(self.model.mesh, pose[None], CAMERA.K, (240, 320))
            shown = drawn.depth_m[0] > 0
            depth[shown], rgb[shown] = drawn.depth_m[0][shown], drawn.rgb[0][shown]
        if covered is not None:
            depth[:, covered], rgb[:, covered] = 0.4, (200, 160, 140)
        return FrameImages(Frame("job", "run", 0, 0, CAMERA, rgb, depth))

    def fitted(self, place: Array, images: FrameImages) -> Fit:
        found = fit(self.model, Placement(np.eye(3), place), images, RENDERER)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def world() -> World:
    box = trimesh.creation.box((0.08, 0.10, 0.06)).subdivide().subdivide()
    corners = np.asarray(box.vertices)
    colors = np.clip(128 + corners * [2400, 2000, 2800], 0, 255).astype(np.uint8)
    mesh = Mesh.build(corners, np.asarray(box.faces), name="box", colors=colors)
    return World(make_model(JobObject("box", "box"), mesh, RENDERER))


def seen_often(world: World, images: FrameImages, place: Array) -> Array:
    """The scene after the object was tracked at a place in five such frames."""
    scene = NOTHING
    for _ in range(5):
        scene = learned(scene, images, Placement(np.eye(3), place), world.model.mesh.diameter_m)
    return scene


def test_a_copy_that_stood_there_is_told_from_the_object(world: World) -> None:
    scene = seen_often(world, world.images(LEFT, RIGHT), LEFT)
    now = world.images(MOVED, RIGHT)
    stands = standing(scene, now, 4)
    assert share_standing(world.fitted(RIGHT, now).points, stands, now, 4) > 0.8
    assert share_standing(world.fitted(MOVED, now).points, stands, now, 4) < 0.1


def test_the_object_itself_is_not_learned_where_it_rests(world: World) -> None:
    rests = world.images(LEFT)
    scene = seen_often(world, rests, LEFT)
    assert share_standing(world.fitted(LEFT, rests).points, standing(scene, rests, 4), rests, 4) < 0.1


def test_a_camera_that_moves_knows_nothing_of_the_scene(world: World) -> None:
    scene = seen_often(world, world.images(LEFT, RIGHT), LEFT)
    assert standing(scene, world.images(LEFT, RIGHT, wall_m=1.1), 4) is None


def test_what_was_hidden_behind_something_nearer_takes_its_place(world: World) -> None:
    scene = seen_often(world, world.images(RIGHT), LEFT)
    gone = world.images()
    scene = learned(scene, gone, Placement(np.eye(3), LEFT), world.model.mesh.diameter_m)
    column, row = int((300 * 0.12 / 0.7 + 159.5) / 320 * GRID[1]), GRID[0] // 2
    assert (scene[row, column] & 4095) * 0.004 == pytest.approx(1.2, abs=0.002)


def test_an_object_is_found_again_by_the_half_that_shows(world: World) -> None:
    truth = np.array([0.02, 0.01, 0.7])
    images = world.images(truth, covered=slice(0, 165))
    about = Placement(np.eye(3), truth + OFF)

    def score(found: Fit) -> float:
        return found.evidence.geometry * found.evidence.likeness

    found = relocate(world.model, Memory(), about, 0.1, 0.08, images, RENDERER, score)
    assert found is not None
    assert np.linalg.norm(found.placement.t - truth) < 0.01  # along the flat face only its edges and colours tell


def test_a_search_gives_no_score_for_what_stood_there(world: World) -> None:
    scene = seen_often(world, world.images(LEFT, RIGHT), LEFT)
    now = world.images(RIGHT)
    moving = Memory(scene=scene, speed_m_s=0.5, likeness=0.5)
    copy = world.fitted(RIGHT, now)
    assert Search.of(world.model, moving, now, RENDERER).value(copy) == 0.0
    rested = replace(moving, speed_m_s=0.0)
    assert Search.of(world.model, rested, now, RENDERER).value(copy) > 0.5


def test_a_velocity_that_was_off_for_frames_is_set_right_by_its_share() -> None:
    memory = Memory(bad=3, shift_m_s=np.array([1.0, 0.0, 0.0]))
    before, after = Placement(np.eye(3), np.zeros(3)), Placement(np.eye(3), np.array([0.1, 0.08, 0.0]))
    _, shift = velocity(memory, before, after, 0.1, trust=1.0)
    assert shift == pytest.approx([1.0, 0.2, 0.0])


def test_the_scene_survives_the_bytes_of_a_memory(world: World) -> None:
    scene = seen_often(world, world.images(RIGHT), LEFT)
    again = Memory.unpack(Memory(scene=scene).pack())
    assert again is not None
    assert (again.scene == scene).all()
