"""Where small pictures of an object make a frame likely."""

from dataclasses import replace

import numpy as np
import pytest

from estimators.geometric.backdrop import GRID, UNKNOWN, Backdrop
from estimators.geometric.backdrop_grid import sampled
from estimators.geometric.find_by_picture import places_like
from estimators.geometric.known import NOTHING_KNOWN, Known
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.motion import rotation_vector
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.mesh import load_mesh
from schemas import JobObject
from schemas.arrays import Array
from tests.unit.estimators_scene import write_box
from tests.unit.picture_scene import EVEN, RENDERER, Shot, images_of, turned, wall

LAST = Placement(turned((1, 2, 0), 35.0), np.array([-0.08, 0.02, 0.6]))
MOVED = Placement(turned((0, 1, 1), 40.0) @ LAST.R, np.array([0.10, -0.03, 0.63]))
HALF = slice(185, 210)  # columns of the object's right half


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    path = write_box(tmp_path_factory.mktemp("models") / "box.obj", (0.05, 0.12, 0.08), 1)
    return make_model(JobObject("box", "box"), load_mesh(path), RENDERER)


def places(box: ObjectModel, images: FrameImages) -> list[tuple[float, float]]:
    """How far each find is off, metres and degrees."""
    found = places_like(box, LAST, np.pi, 0.3, images, 10)
    turns = [np.degrees(np.linalg.norm(rotation_vector(R @ MOVED.R.T))) for R, _ in found]
    return [(float(np.linalg.norm((t - MOVED.t)[:2])), float(turn)) for (_, t), turn in zip(found, turns, strict=True)]


def before(behind: Array) -> Known:
    """What is known where a picture stood still for long."""
    still = Backdrop(sampled(images_of(behind)), np.full(GRID, 15, np.uint8), np.full(GRID, UNKNOWN, np.uint8))
    return replace(NOTHING_KNOWN, backdrop=still)


def test_it_is_found_far_off_and_turned(box: ObjectModel) -> None:
    found = places(box, Shot(box, MOVED, EVEN, wall()).images.knowing(before(wall())))
    assert found[0][0] < 0.02
    assert min(turn for off, turn in found if off < 0.02) < 40.0


def test_it_is_found_by_the_half_that_shows(box: ObjectModel) -> None:
    rgb = Shot(box, MOVED, EVEN, wall()).rgb
    rgb[:, HALF] = (60, 160, 90)
    assert min(off for off, _ in places(box, images_of(rgb).knowing(before(wall())))[:3]) < 0.03


def test_what_stands_still_is_not_it(box: ObjectModel) -> None:
    seen = Shot(box, MOVED, EVEN, wall())
    assert all(off > 0.03 for off, _ in places(box, seen.images.knowing(before(seen.rgb))))
