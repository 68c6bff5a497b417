"""Looking anew for an object that is not seen as well as usual, where there is no depth."""

from dataclasses import replace

import numpy as np
import pytest

from estimators.geometric.afresh_by_picture import looked_for
from estimators.geometric.backdrop import GRID, UNKNOWN, Backdrop
from estimators.geometric.backdrop_grid import sampled
from estimators.geometric.fit_by_picture import held_loosely
from estimators.geometric.known import NOTHING_KNOWN
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.motion import rotation_vector
from estimators.geometric.picture_search import PictureSearch
from estimators.geometric.placement import Placement
from estimators.mesh import load_mesh
from schemas import JobObject
from schemas.arrays import Array
from tests.unit.estimators_scene import write_box
from tests.unit.picture_scene import EVEN, RENDERER, Shot, images_of, turned, wall

TRUTH = Placement(turned((1, 2, 0), 35.0), np.array([0.10, -0.03, 0.62]))
ASIDE = np.array([-0.16, 0.03, 0.62])
EVEN_FRAME, ODD_FRAME = 4, 5
COVERED = slice(225, 300)  # columns that something hides, the object's right part


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    path = write_box(tmp_path_factory.mktemp("models") / "box.obj", (0.05, 0.12, 0.08), 1)
    return make_model(JobObject("box", "box"), load_mesh(path), RENDERER)


def search_from(box: ObjectModel, at: Placement, rgb: Array, *, bad: int, frames: int) -> PictureSearch:
    """In a picture before a known wall, from where the object was trusted some frames ago."""
    trusted = at.pose(box.center_m)
    memory = Memory(
        frames=100, trusted_frame=100 - frames, good=50, bad=bad, mean_score=0.9, likeness=0.6, speed_m_s=0.3, odds=2.0,
        rotation=trusted.rotation, translation_m=trusted.translation_m,
    )  # fmt: skip
    still = Backdrop(sampled(images_of(wall())), np.full(GRID, 15, np.uint8), np.full(GRID, UNKNOWN, np.uint8))
    images = images_of(rgb).knowing(replace(NOTHING_KNOWN, backdrop=still))
    return PictureSearch(box, memory, images, RENDERER, held_loosely(at))


def degrees(one: Placement, other: Placement) -> float:
    return float(np.degrees(np.linalg.norm(rotation_vector(one.R @ other.R.T))))


def test_it_is_found_where_it_can_have_got_to_and_nowhere_else(box: ObjectModel) -> None:
    rgb, elsewhere = Shot(box, TRUTH, EVEN, wall()).rgb, Placement(TRUTH.R, ASIDE)
    # 27 cm off: too far for 4 frames at 1 cm, not for 30
    assert looked_for(search_from(box, elsewhere, rgb, bad=ODD_FRAME, frames=4), None) is None
    better = looked_for(search_from(box, elsewhere, rgb, bad=ODD_FRAME, frames=30), None)
    assert better is not None
    found, far = better
    assert far
    assert np.linalg.norm((found.fit.placement.t - TRUTH.t)[:2]) < 0.01


def test_nothing_is_found_in_an_empty_scene(box: ObjectModel) -> None:
    for bad in (EVEN_FRAME, ODD_FRAME):
        assert looked_for(search_from(box, Placement(TRUTH.R, ASIDE), wall(), bad=bad, frames=30), None) is None


def test_what_is_turned_the_wrong_way_is_turned_back_though_half_of_it_is_hidden(box: ObjectModel) -> None:
    rgb = Shot(box, TRUTH, EVEN, wall()).rgb.copy()
    rgb[:, COVERED] = (60, 160, 90)
    wrong = Placement(turned((0, 1, 0), 120.0) @ TRUTH.R, TRUTH.t)
    search = search_from(box, wrong, rgb, bad=EVEN_FRAME, frames=10)
    fitted = search.fit(wrong)
    assert fitted is not None
    now = search.judged(fitted)
    better = looked_for(search, now)
    assert better is not None
    found, far = better
    assert not far
    assert found.total > now.total
    assert degrees(found.fit.placement, TRUTH) < 10.0 < degrees(fitted.placement, TRUTH)
