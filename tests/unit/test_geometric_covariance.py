"""What depth and picture disagree by widens the covariance: noise does not explain it, and both may be wrong."""

from dataclasses import replace

import numpy as np
import pytest

from estimators.geometric.covariance import Information
from estimators.geometric.fit import Fit, fit
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.metrics import is_inside
from estimators.rendering import CpuRenderer
from tests.unit.estimators_scene import Studio, pose
from tests.unit.geometric_box import box_model

RENDERER = CpuRenderer()
TRUTH = pose((25, 35, 5))
SHIFT_PX = 4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ObjectModel:
    return box_model(tmp_path_factory.mktemp("box"), RENDERER)


def fitted(model: ObjectModel, shift_px: int) -> Fit:
    """The fit in a frame whose depth image lies beside the colour image by so many pixels."""
    frame = Studio({"box": model.mesh}).frame(0, {"box": TRUTH})
    assert frame.depth_m is not None
    images = FrameImages(replace(frame, depth_m=np.roll(frame.depth_m, shift_px, axis=1)))
    found = fit(model, Placement.of(TRUTH, model.center_m), images, RENDERER)
    assert found is not None
    return found


def test_where_depth_and_picture_agree_noise_is_all_there_is(model: ObjectModel) -> None:
    found = fitted(model, 0)
    assert found.information.conflict < 0.3
    assert np.trace(found.covariance) < 1.5 * np.trace(found.noise)


def test_a_depth_image_beside_the_colour_image_widens_the_covariance_until_the_truth_is_inside(
    model: ObjectModel,
) -> None:
    found = fitted(model, SHIFT_PX)
    at = found.placement.pose(model.center_m)
    assert np.linalg.norm(at.translation_m - TRUTH.translation_m) > 0.001
    assert not is_inside(at, found.noise, TRUTH)
    assert is_inside(at, found.covariance, TRUTH)


def test_a_source_that_is_alone_has_nothing_to_disagree_with() -> None:
    information = np.diag([1e4, 1e4, 1e4, 1e6, 1e6, 1e6])
    alone = Information(information, np.zeros((6, 6)), np.zeros(6))
    assert alone.conflict == 0
    assert alone.inflation < 1
