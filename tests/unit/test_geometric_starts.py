"""How many starts a doubtful frame is worth: what only hides is waited for, what contradicts is answered at once."""

import numpy as np
import pytest

from estimators.geometric.alternatives import best_start
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.mesh import Mesh, load_mesh
from estimators.rendering import CpuRenderer
from estimators.rendering.base import Rendering
from schemas import JobObject, Pose
from schemas.arrays import Array
from tests.unit.estimators_scene import Studio, pose, write_box

TRUTH = pose((25, 35, 5))
HAND = pose((0, 0, 0), 0.035, 0.0, 0.4)  # 12 cm wide and 15 cm in front: covers four fifths of the box


class Counting(CpuRenderer):
    """Counts the pictures that it draws."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def render(self, mesh: Mesh, cam_from_obj: Array, K: Array, size: tuple[int, int]) -> Rendering:
        self.drawn += len(cam_from_obj)
        return super().render(mesh, cam_from_obj, K, size)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    path = write_box(tmp_path_factory.mktemp("box") / "box.obj", (0.10, 0.12, 0.08), seed=3)
    return make_model(JobObject("box", str(path)), load_mesh(path), CpuRenderer())


def tried(model: ObjectModel, frames: int, at: Pose, hand: Pose | None) -> tuple[int, float, Placement]:
    """Pictures drawn, score and placement of one frame in which the object was predicted at ``at``."""
    images = FrameImages(Studio({"box": model.mesh}).frame(0, {"box": TRUTH}, hand=hand))
    renderer, start = Counting(), Placement.of(at, model.center_m)
    memory = Memory(frames=frames, good=20, mean_score=0.95, likeness=0.6, rotation=at.rotation)
    found, score = best_start(model, memory, start, start, images, renderer)
    assert found is not None
    return renderer.drawn, score, found.placement


def test_behind_a_hand_other_starts_are_tried_in_every_second_frame(model: ObjectModel) -> None:
    even, score, found = tried(model, 2, TRUTH, HAND)
    assert score < 0.57  # below the share of the usual score from which other starts are tried
    odd, _, waited = tried(model, 3, TRUTH, HAND)
    assert odd < even
    assert np.linalg.norm(waited.t - found.t) < 0.003


def test_where_depth_contradicts_other_starts_are_tried_in_every_frame(model: ObjectModel) -> None:
    off = TRUTH @ pose((0, 0, 90), z_m=0.0)
    even, score, _ = tried(model, 2, off, None)
    assert score < 0.57
    assert tried(model, 3, off, None)[0] == even
