"""Poses that a registration could not tell apart are decided as the object turns."""

import numpy as np
import pytest

from estimators.geometric.fit import fit
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.rivals import decided, steps_to
from estimators.mesh import load_mesh
from estimators.rendering import CpuRenderer
from schemas import JobObject
from tests.unit.estimators_scene import Studio, pose, write_box

RENDERER = CpuRenderer()
HALF_TURN = np.diag([1.0, -1.0, -1.0])


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    path = write_box(tmp_path_factory.mktemp("box") / "box.obj", (0.10, 0.12, 0.08), seed=3)
    return make_model(JobObject("box", str(path)), load_mesh(path), RENDERER)


def looked(model: ObjectModel, chosen: np.ndarray, memory: Memory, angle_deg: float) -> tuple[Placement, Memory]:
    """One more look at the box from another side, fitted from its true pose turned by ``chosen``."""
    truth = pose((15, angle_deg, 5))
    frame = Studio({"box": model.mesh}).frame(0, {"box": truth})
    assert frame.depth_m is not None
    at = Placement.of(truth, model.center_m)
    images = FrameImages(frame)
    found = fit(model, Placement(at.R @ chosen, at.t), images, RENDERER, coarse=False, texture=False)
    assert found is not None
    fitted, memory = decided(model, memory, found, images, RENDERER)
    return fitted.placement, memory


def chosen_with_rival(chosen: np.ndarray) -> Memory:
    at = Placement.of(pose((15, 0, 5)), np.zeros(3))
    other = Placement(at.R @ HALF_TURN, at.t)
    rivals = steps_to(at, [at, other]) if chosen is HALF_TURN else steps_to(at, [other])
    assert np.count_nonzero(rivals.any(axis=1)) == 1  # what is no other pose is no rival
    return Memory(rivals=rivals)


def test_a_wrong_face_gives_way_to_its_rival_within_a_few_views(model: ObjectModel) -> None:
    memory = chosen_with_rival(HALF_TURN)
    for angle_deg in (0.0, 10.0, 20.0):
        at, memory = looked(model, HALF_TURN, memory, angle_deg)
        if not memory.rivals.any():
            break
    truth = pose((15, angle_deg, 5)).rotation
    assert np.trace(at.R.T @ truth) > 2.99
    assert not memory.rivals.any()


def test_the_right_face_stays_and_its_rival_is_dropped(model: ObjectModel) -> None:
    memory = chosen_with_rival(np.eye(3))
    for angle_deg in (0.0, 10.0, 20.0):
        at, memory = looked(model, np.eye(3), memory, angle_deg)
        assert np.trace(at.R.T @ pose((15, angle_deg, 5)).rotation) > 2.99
    assert not memory.rivals.any()


def test_the_same_view_again_is_no_evidence(model: ObjectModel) -> None:
    at = Placement.of(pose((15, 0, 5)), model.center_m)
    memory = Memory(rivals=chosen_with_rival(HALF_TURN).rivals, rivals_view=Placement(at.R @ HALF_TURN, at.t).view)
    _, after = looked(model, HALF_TURN, memory, 0.0)
    assert np.array_equal(after.rivals, memory.rivals)
