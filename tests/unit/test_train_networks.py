"""The losses of the networks, and that each network can learn a batch by heart."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from estimators.foundationpose.pose_update import decode
from estimators.foundationpose.training.losses import log_so3, refiner_loss, refiner_targets, scorer_loss, share_right
from estimators.foundationpose.training.starts import errors, refiner_starts, rotation, scorer_hypotheses
from estimators.training import tasks
from estimators.training.plan import Plan
from estimators.training.run import Run
from estimators.training.state import Learner
from estimators.training.task import FIRST_TRAINING_SEED, Batch, Task
from schemas import BadJob, Pose

TRUTH = Pose(rotation(np.array([0.3, -1.0, 0.5])), np.array([0.02, -0.01, 0.7]))
ROUND_Z = np.stack([np.eye(4)] * 72)
ROUND_Z[:, :3, :3] = [rotation(np.array([0.0, 0.0, angle])) for angle in np.radians(np.arange(0, 360, 5))]
SMALL = {"refiner": {"scenes": 1, "poses": 2}, "scorer": {"scenes": 1, "poses": 3}, "lite": {"scenes": 2, "poses": 8}}


def stacked(poses: list[Pose]) -> torch.Tensor:
    return torch.tensor(np.stack([pose.matrix() for pose in poses]))


def test_a_refiner_that_says_its_targets_arrives_at_the_truth() -> None:
    starts = refiner_starts(TRUTH, 0.2, np.random.default_rng(0), 50)
    diameters = torch.full((50,), 0.2)
    trans, rot = refiner_targets(stacked(starts), stacked([TRUTH] * 50), diameters, 0.35)
    assert rot.abs().max() < 1
    moved = decode(stacked(starts).float(), trans, torch.atanh(rot), diameters, 0.35)
    assert torch.allclose(moved, stacked([TRUTH] * 50).float(), atol=2e-5)
    assert float(refiner_loss(trans, torch.atanh(rot), trans, rot)) < 1e-8


def test_starts_are_within_the_published_ranges_and_within_small_objects() -> None:
    for diameter_m, most in ((0.5, (0.02, 0.02, 0.05)), (0.02, (0.006, 0.006, 0.01))):
        starts = refiner_starts(TRUTH, diameter_m, np.random.default_rng(1), 200)
        shifts = np.abs([start.translation_m - TRUTH.translation_m for start in starts])
        assert (shifts <= most).all()
        assert shifts.max(axis=0) == pytest.approx(most, rel=0.2)
        assert max(start.distance(TRUTH)[0] for start in starts) == pytest.approx(np.radians(20), rel=0.1)


def test_one_hypothesis_is_near_the_truth_whatever_symmetry_was_applied() -> None:
    generator = np.random.default_rng(2)
    points = generator.normal(size=(30, 3)) * 0.03
    for _ in range(20):
        poses = scorer_hypotheses(TRUTH, ROUND_Z, 0.1, generator, 5)
        distances, angles = errors(poses, TRUTH, ROUND_Z, points)
        assert angles.min() < np.radians(10.6)  # the symmetry's steps are 5 degrees wide
        assert distances.min() < 0.02


def test_an_error_is_that_against_the_equal_pose_that_is_nearest() -> None:
    turned = TRUTH @ Pose(rotation(np.array([0.0, 0.0, 1.5])), np.zeros(3))
    points = np.random.default_rng(3).normal(size=(30, 3)) * 0.03
    _, alone = errors([turned], TRUTH, np.eye(4)[None], points)
    _, equal = errors([turned], TRUTH, ROUND_Z, points)
    assert alone[0] == pytest.approx(1.5)
    assert equal[0] < np.radians(2.6)


def test_log_so3_undoes_a_rotation() -> None:
    vectors = np.random.default_rng(4).uniform(-1.8, 1.8, size=(40, 3))  # shorter than pi
    vectors[0] = 0
    turns = torch.tensor(np.stack([rotation(vector) for vector in vectors]))
    assert np.allclose(log_so3(turns), vectors, atol=1e-7)


def test_the_scorers_loss_by_hand() -> None:
    distances, angles = torch.tensor([[0.01, 0.05, 0.02]]), torch.tensor([[0.05, 1.0, 0.3]])
    # the first is within 10 degrees and better than both: it wants to lead each by 0.1
    assert float(scorer_loss(torch.tensor([[0.5, 0.0, 0.0]]), distances, angles)) == 0
    assert float(scorer_loss(torch.tensor([[0.0, 0.2, 0.0]]), distances, angles)) == pytest.approx((0.3 + 0.1) / 2)
    # the third is better than the second, but too far off to be asked
    assert float(scorer_loss(torch.tensor([[0.5, 0.3, 0.0]]), distances, angles)) == 0
    assert float(share_right(torch.tensor([[0.5, 0.3, 0.0]]), distances, angles)) == 1
    assert float(share_right(torch.tensor([[0.1, 0.3, 0.0]]), distances, angles)) == 0


def test_without_a_pose_that_is_near_nothing_is_asked() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    loss = scorer_loss(logits, torch.tensor([[0.1, 0.2, 0.3]]), torch.tensor([[1.0, 1.0, 2.0]]))
    loss.backward()
    assert float(loss.detach()) == 0
    assert float(logits.grad.abs().max()) == 0


def batch_of(task: Task, seed: int) -> Batch:
    """As a network has it whose data other processes make."""
    sent = pickle.loads(pickle.dumps(task.batch(seed)))  # noqa: S301 - our own
    return task.placed(sent, torch.device("cpu"))


@pytest.mark.parametrize("name", tasks.names())
def test_a_batch_is_made_again_to_the_byte_and_holds_no_nan(name: str) -> None:
    task = tasks.make(name, SMALL[name])
    one, other = batch_of(task, FIRST_TRAINING_SEED), batch_of(task, FIRST_TRAINING_SEED)
    for key, part in one.items():
        assert torch.equal(part, other[key]), key
        assert torch.isfinite(part).all(), key
    assert not all(torch.equal(part, one[key]) for key, part in batch_of(task, FIRST_TRAINING_SEED + 9).items())


@pytest.mark.parametrize(
    ("name", "steps", "rate", "drop"), [("refiner", 6, 3e-5, 0.3), ("scorer", 8, 1e-4, 0.3), ("lite", 40, 1e-3, 0.1)]
)
def test_a_batch_can_be_learned_by_heart(name: str, steps: int, rate: float, drop: float) -> None:
    losses = learned_by_heart(tasks.make(name, SMALL[name]), steps, rate, drop)
    assert losses[-1] < drop * losses[0], losses


def learned_by_heart(task: Task, steps: int, rate: float, drop: float) -> list[float]:
    """The losses of so many steps, or of fewer where one is that much below the first: a step takes seconds."""
    task.learning_rate, task.warm_up_steps = rate, 1
    learner, batch = Learner(task, torch.device("cpu"), 0), batch_of(task, FIRST_TRAINING_SEED)
    losses: list[float] = []
    while len(losses) < steps:
        loss = task.loss(learner.network, batch)
        losses.append(loss.total.item())
        if losses[-1] < drop * losses[0]:
            break
        learner.descend(loss.total)
        learner.learn()
    return losses


def test_settings_that_a_task_does_not_know_are_refused() -> None:
    with pytest.raises(BadJob, match="expected one of lite, refiner, scorer, got 'detector'"):
        tasks.make("detector", {})
    with pytest.raises(BadJob, match=r"training of lite: expected settings that it knows, got \{'colour': 3\}"):
        tasks.make("lite", {"colour": 3})
    with pytest.raises(BadJob, match="training of lite: expected 6 or more poses of a scene, got 5"):
        tasks.make("lite", {"poses": 5})


def test_training_lowers_the_loss_on_scenes_and_objects_that_it_never_sees(
    tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Thirty steps of the small network, at the full rate at once; with ``--minutes N`` so many minutes."""
    minutes = float(pytestconfig.getoption("--minutes"))
    run = Run(make_lite(), tmp_path, 0, Plan(minutes or 60.0, torch.device("cpu"), validation_batches=2))
    last = run.train(lambda _: None, lambda: not minutes and run.learner.step == 30)
    log = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert last["loss"] < 0.95 * log[0]["validation"]["loss"]


def make_lite() -> Task:
    task = tasks.make("lite", {"scenes": 4, "poses": 16})
    task.warm_up_steps = 5
    return task
