"""When an object is followed, lost and found again, by hand-made numbers."""

import numpy as np
import pytest
import torch

from estimators.foundationpose.agreement import agreement_of
from estimators.foundationpose.judge import (
    LOST_AFTER,
    LOST_SCORE,
    TRUSTED_SCORE,
    Outcome,
    calibrated,
    followed,
    found_again,
    registered,
    trust_of,
    wants_scorer,
)
from estimators.foundationpose.memory import Memory
from estimators.foundationpose.options import Options
from estimators.foundationpose.register import Registration
from estimators.foundationpose.symmetry import nearest_equal, symmetry_transforms
from estimators.foundationpose.window import crop_from_image, drawn_window
from schemas import BadJob, ContinuousSymmetry, Estimate, JobObject, Pose, State, Symmetries
from tests.unit.estimators_scene import pose

HERE, THERE = pose((10, 20, 30)), pose((10, 20, 30), x_m=0.1)
PRIOR = Estimate(HERE, 0.9, State.TRACKED)
SEEN = Memory(level=2.0, floor=-2.0, mean=0.9, trusted=HERE)


def memory_of(estimate: Estimate) -> Memory:
    memory = Memory.unpack(estimate.memory)
    assert memory is not None
    return memory


def test_depth_speaks_for_against_and_not_at_all() -> None:
    drawn = torch.zeros(1, 20, 20)
    drawn[:, :10] = 0.5
    for gap, share in ((0.0, 1.0), (0.005, 1.0), (0.1, 0.0), (-0.1, 0.0)):
        assert agreement_of(drawn, drawn + gap).item() == share
    half = drawn.clone()
    half[:, :5] -= 0.2  # hidden: a quarter of the weight
    assert agreement_of(drawn, half).item() == pytest.approx(100 / (100 + 0.25 * 100))
    half[:, :5] = 0.9  # seen through
    assert agreement_of(drawn, half).item() == pytest.approx(0.5)
    half[:, :5] = 0.0  # unknown
    assert agreement_of(drawn, half).item() == 1.0
    assert agreement_of(drawn, torch.zeros_like(drawn)).item() == 0
    assert agreement_of(torch.zeros_like(drawn), drawn).item() == 0


def test_an_object_that_agrees_is_followed_and_its_pose_trusted() -> None:
    after = followed(PRIOR, SEEN, Outcome(THERE, 0.8, None), loss=True)
    assert (after.state, after.score, after.cam_from_obj) == (State.TRACKED, pytest.approx(calibrated(0.8)), THERE)
    kept = memory_of(after).trusted
    assert kept is not None
    assert kept.distance(THERE) == pytest.approx((0, 0), abs=1e-12)


def test_the_score_is_a_probability_that_grows_with_agreement() -> None:
    shares = np.linspace(0.0, 1.0, 101)
    scores = [calibrated(float(share)) for share in shares]
    assert scores == sorted(scores)
    assert scores[0] == 0.0  # no evidence
    assert scores[-1] > 0.95
    # by hand: half of the poses with this agreement were right, and few of those below 0.28
    assert calibrated(0.54) == pytest.approx(TRUSTED_SCORE)
    assert calibrated(0.27) < LOST_SCORE < calibrated(0.28)


def test_the_scorer_halves_the_score_of_what_it_does_not_trust() -> None:
    assert trust_of(SEEN, 2.0) == 1
    assert trust_of(SEEN, 0.0) == 0.5
    assert trust_of(SEEN, -9.0) == 0
    assert trust_of(Memory(), -9.0) == 1  # nothing to compare with
    after = followed(PRIOR, SEEN, Outcome(THERE, 0.8, -9.0), loss=True)
    assert after.score == pytest.approx(calibrated(0.8) / 2)
    assert memory_of(after).trust == 0
    assert followed(after, memory_of(after), Outcome(THERE, 0.8, None), loss=True).score == after.score


def test_the_scorer_is_asked_at_its_interval_and_on_suspicion() -> None:
    assert not wants_scorer(Memory(frames=5, mean=0.9), 0.9, 30)
    assert wants_scorer(Memory(frames=29, mean=0.9), 0.9, 30)
    assert wants_scorer(Memory(frames=5, mean=0.9), 0.5, 30)
    assert not wants_scorer(Memory(frames=29, mean=0.9), 0.1, 0)


def test_an_object_is_lost_after_bad_frames_in_a_row_at_its_last_trusted_pose() -> None:
    estimate, memory = PRIOR, SEEN
    for k in range(LOST_AFTER):
        assert estimate.state is State.TRACKED, k
        estimate = followed(estimate, memory, Outcome(THERE, 0.2, None), loss=True)
        memory = memory_of(estimate)
    assert (estimate.state, estimate.score, memory.unseen) == (State.LOST, 0.0, 1)
    assert estimate.cam_from_obj is not None
    assert estimate.cam_from_obj.distance(HERE) == pytest.approx((0, 0), abs=1e-12)


def test_one_good_frame_between_bad_ones_keeps_it() -> None:
    estimate, memory = PRIOR, SEEN
    for agreement in (0.1, 0.1, 0.1, 0.1, 0.9, 0.1, 0.1, 0.1, 0.1):
        estimate = followed(estimate, memory, Outcome(THERE, agreement, None), loss=True)
        memory = memory_of(estimate)
    assert estimate.state is State.TRACKED


def test_without_any_evidence_it_stays_where_it_was() -> None:
    after = followed(PRIOR, SEEN, Outcome(THERE, 0.0, None), loss=True)
    assert (after.state, after.score, after.cam_from_obj) == (State.TRACKED, 0.0, HERE)


def test_with_loss_off_it_is_never_lost() -> None:
    estimate, memory = PRIOR, SEEN
    for _ in range(20):
        estimate = followed(estimate, memory, Outcome(THERE, 0.0, None), loss=False)
        memory = memory_of(estimate)
        assert (estimate.state, estimate.cam_from_obj) == (State.TRACKED, THERE)


def test_a_lost_object_is_found_again_only_by_a_good_score() -> None:
    lost = Memory(unseen=3, mean=0.9, trusted=HERE, level=2.0, floor=-2.0)
    assert found_again(lost, Outcome(THERE, 0.53, None)) is None
    assert found_again(lost, Outcome(THERE, 0.9, -9.0)) is None  # the scorer does not believe it
    after = found_again(lost, Outcome(THERE, 0.8, None))
    assert after is not None
    assert after.state is State.REGISTERED
    assert memory_of(after).unseen == 0


def test_a_registration_that_depth_does_not_bear_out_is_none() -> None:
    found = Registration(HERE, 0.4, 2.0, -2.0)
    assert registered(found, HERE, None, loss=True).state is State.REGISTERED
    again = registered(found, HERE, Memory(trusted=THERE), loss=True)
    assert (again.state, again.cam_from_obj) == (State.LOST, THERE)  # one that was known must be surer
    assert registered(Registration(HERE, 0.2, 0, 0), HERE, None, loss=True).state is State.LOST
    assert registered(Registration(HERE, 0.2, 0, 0), HERE, None, loss=False).state is State.REGISTERED
    nothing = registered(None, None, None, loss=False)
    assert (nothing.state, nothing.cam_from_obj) == (State.LOST, None)


def test_memory_comes_back_as_it_went_and_others_bytes_are_not_read() -> None:
    memory = Memory(3, 1, 2, 0.25, 1.5, -0.5, 0.75, HERE)
    back = Memory.unpack(memory.pack())
    assert back is not None
    assert back.pack() == memory.pack()
    assert (back.frames, back.bad, back.unseen, back.trust, back.mean) == (3, 1, 2, 0.25, 0.75)
    none = Memory.unpack(Memory().pack())
    assert none is not None
    assert none.trusted is None
    for data in (None, b"", b"x", memory.pack()[:-1], b"\xff\xff" + memory.pack()[2:]):
        assert Memory.unpack(data) is None


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"search": "fast"}, "option search: expected one of auto, full, pruned, geometric, got 'fast'"),
        ({"iterations": "0"}, "option iterations: expected a whole number from 1 to 20, got '0'"),
        ({"score_every": "-1"}, "option score_every"),
        ({"loss": "maybe"}, "option loss: expected one of on, off"),
        ({"off": "depth"}, "option off: foundationpose knows search, iterations, score_every, loss"),
    ],
)
def test_options_that_it_does_not_know_are_named(options: dict[str, str], told: str) -> None:
    with pytest.raises(BadJob, match=told):
        Options.of(options, "cpu")


def test_the_search_goes_with_the_device() -> None:
    assert Options.of({}, "cpu").search == "geometric"
    assert Options.of({}, "cuda").search == "full"
    assert Options.of({"search": "pruned"}, "cpu").search == "pruned"


def symmetric(*discrete: np.ndarray, axis: list[float] | None = None) -> JobObject:
    continuous = () if axis is None else (ContinuousSymmetry(np.array(axis), np.array([0.01, 0.0, 0.0])),)
    return JobObject("can", "can.ply", symmetries=Symmetries(tuple(discrete), continuous))


def test_symmetries_are_a_group_about_the_centre() -> None:
    flip = np.diag([1.0, -1.0, -1.0, 1.0])
    center_m = np.array([0.01, 0.0, 0.03])
    transforms = symmetry_transforms(symmetric(flip, axis=[0, 0, 2]), center_m)
    assert transforms.shape == (144, 4, 4)
    assert (transforms[0] == np.eye(4)).all()
    assert np.abs(transforms[:, :3, :3] @ transforms[:, :3, :3].transpose(0, 2, 1) - np.eye(3)).max() < 1e-12
    on_axis = transforms[:72] @ np.array([0.0, 0.0, 0.05, 1.0])  # about the centre the axis goes through the origin
    assert np.abs(on_axis - [0.0, 0.0, 0.05, 1.0]).max() < 1e-12
    assert len(np.unique(transforms[:, :3, :3].round(6).reshape(-1, 9), axis=0)) == 144


def test_of_equal_poses_the_nearest_is_taken() -> None:
    symmetries = symmetry_transforms(symmetric(axis=[0, 0, 1]), np.array([0.01, 0.0, 0.0]))
    turned = Pose.from_matrix(HERE.matrix() @ symmetries[24])  # 120 degrees
    back = nearest_equal(turned, symmetries, HERE)
    assert back.distance(HERE) == pytest.approx((0, 0), abs=1e-9)
    assert nearest_equal(HERE, symmetries[:1], THERE) is HERE


def test_a_window_is_a_square_of_whole_pixels_about_the_projected_centre() -> None:
    K = torch.tensor([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]], dtype=torch.float64)
    crop = crop_from_image(torch.tensor([[0.1, -0.05, 0.5]]), K, torch.tensor(0.2, dtype=torch.float64), 1.2)
    left, top, right, bottom = (round(float(edge)) for edge in drawn_window(crop)[0])
    assert (left, top) == (320 + 100 - 120, 240 - 50 - 120)  # 0.12 m at 0.5 m: 120 px
    assert (right, bottom) == (round(left + 240 * 159 / 160), round(top + 240 * 159 / 160))
