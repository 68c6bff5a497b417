"""A run of training: gone on with exactly, kept whole, honest when it cannot go on."""

import itertools
import json
from pathlib import Path

import pytest
import torch

from estimators.training import checkpoints, pieces, tasks
from estimators.training.feed import batches
from estimators.training.log import Moment
from estimators.training.plan import Plan
from estimators.training.run import Run, TrainingFailed
from estimators.training.state import Learner
from estimators.training.task import FIRST_TRAINING_SEED, training_seed, validation_seed
from schemas import BadJob
from tests.unit.line_task import BrokenTask, EndingTask, LineTask

CPU = torch.device("cpu")


def trained(folder: Path, steps: int, checkpoint: Path | None = None, seed: int = 5) -> list[float]:
    """Losses of so many steps, after which the run is stopped."""
    losses: list[float] = []
    run = Run(LineTask(), folder, seed, Plan(10.0, CPU, validation_batches=2), checkpoint)
    run.train(lambda moment: losses.append(moment.loss), lambda: len(losses) == steps)
    return losses


def test_a_run_that_goes_on_has_the_losses_of_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", 30)
    first = trained(tmp_path / "cut", 13)
    rest = trained(tmp_path / "cut", 17, checkpoints.newest(tmp_path / "cut"))
    assert first + rest == whole  # to the bit: one thread, the same operations


def test_a_run_of_another_seed_sees_other_scenes_and_starts_elsewhere(tmp_path: Path) -> None:
    assert trained(tmp_path / "a", 2) != trained(tmp_path / "b", 2, seed=6)


def test_training_lowers_the_loss_on_scenes_that_it_never_sees(tmp_path: Path) -> None:
    trained(tmp_path / "run", 400)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    seen = [line["validation"]["loss"] for line in lines if "validation" in line]
    assert len(seen) == 2
    assert seen[-1] < seen[0] / 2
    assert {"step", "loss", "off", "rate", "gradient", "waited_s", "spent_s", "pairs_per_s"} <= set(lines[1])


def test_a_run_ends_when_its_minutes_are_over_and_is_kept_on_the_way(tmp_path: Path) -> None:
    ticks = itertools.count(step=10.0)
    moments: list[Moment] = []
    plan = Plan(10.0, CPU, validation_batches=1, clock=lambda: next(ticks))
    kept: list[int] = []

    def on_step(moment: Moment) -> None:
        moments.append(moment)
        kept.append(len(checkpoints.checkpoints_in(tmp_path)))

    Run(LineTask(), tmp_path, 0, plan).train(on_step)
    assert 1 < len(moments) < 60
    assert moments[-1].spent_s <= 600.0
    assert max(kept) >= 1  # before the end
    assert checkpoints.origin_of(checkpoints.newest(tmp_path)).step == len(moments)


def test_a_loss_that_is_no_number_stops_the_run_and_leaves_its_checkpoint(tmp_path: Path) -> None:
    trained(tmp_path, 3)
    run = Run(BrokenTask(), tmp_path, 5, Plan(10.0, CPU, validation_batches=1), checkpoints.newest(tmp_path))
    with pytest.raises(TrainingFailed, match="step 23: expected a finite loss, got none in 20 steps in a row"):
        run.train(lambda _: None)
    assert checkpoints.origin_of(checkpoints.newest(tmp_path)).step == 3


def test_what_was_learned_is_kept_when_the_data_end_in_an_error(tmp_path: Path) -> None:
    run = Run(EndingTask(), tmp_path, 5, Plan(10.0, CPU, validation_batches=1))
    with pytest.raises(OSError, match="no more"):
        run.train(lambda _: None)
    assert checkpoints.origin_of(checkpoints.newest(tmp_path)).step == 5  # the seventh is fetched during the sixth


def test_at_the_end_the_rate_falls_to_a_tenth_where_that_is_asked_for() -> None:
    plan = Plan(10.0, CPU, cool_down_minutes=2.0)
    assert [plan.cooled(60.0 * minute) for minute in (0, 8, 9, 9.9, 10, 11)] == pytest.approx(
        [1, 1, 0.5, 0.1, 0.1, 0.1]
    )
    assert Plan(10.0, CPU).cooled(599.0) == 1.0
    learner = Learner(LineTask(), CPU, 0)
    learner.step = 10
    before = learner.rate
    learner.cooling = 0.5
    assert learner.rate == pytest.approx(before / 2)


def test_numbers_of_another_network_are_no_beginning() -> None:
    learner = Learner(LineTask(), CPU, 0)
    learner.begin_with({"4.bias": torch.tensor([7.0])})
    assert float(learner.network.state_dict()["4.bias"]) == float(learner.average.state_dict()["4.bias"]) == 7.0
    with pytest.raises(ValueError, match=r"expected names such as 0\.weight, got \['head\.bias'\]"):
        learner.begin_with({"head.bias": torch.zeros(1)})


def test_batches_are_the_same_from_other_processes() -> None:
    task = LineTask()
    here = list(itertools.islice(batches(task, 1, 7, 0, pinned=False), 3))
    there = list(itertools.islice(batches(task, 1, 7, 1, pinned=False), 3))
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one["x"], other["x"])


def test_validation_and_training_never_share_a_scene() -> None:
    task = LineTask()
    last = validation_seed(task, FIRST_TRAINING_SEED // task.scenes - 1)
    assert last + task.scenes <= training_seed(task, 0, 0)
    with pytest.raises(ValueError, match="expected scenes below 1000000"):
        validation_seed(task, FIRST_TRAINING_SEED // task.scenes)


def test_two_checkpoints_are_kept_and_nothing_half_written(tmp_path: Path) -> None:
    trained(tmp_path, 2)
    for _ in range(3):
        trained(tmp_path, 2, checkpoints.newest(tmp_path))
    assert [path.name for path in checkpoints.checkpoints_in(tmp_path)] == ["step-000000006", "step-000000008"]
    assert not list(tmp_path.glob("*.part"))


def test_pieces_are_small_and_come_together_again(tmp_path: Path) -> None:
    content = torch.arange(2 * pieces.PIECE_BYTES + 77).to(torch.uint8).numpy().tobytes()
    pieces.write_pieces(tmp_path / "kept", content, {"what": "test"})
    sizes = [path.stat().st_size for path in (tmp_path / "kept").glob("piece-*")]
    assert len(sizes) == 3
    assert max(sizes) < 16 * 2**20
    assert pieces.read_pieces(tmp_path / "kept") == content
    assert pieces.read_about(tmp_path / "kept") == {"what": "test"}


def test_a_damaged_or_missing_piece_is_named(tmp_path: Path) -> None:
    pieces.write_pieces(tmp_path / "kept", b"something", {})
    (tmp_path / "kept" / "piece-000").write_bytes(b"something else")
    with pytest.raises(BadJob, match=r"piece-000: expected 9 bytes of sha256 .*, got 14 of"):
        pieces.read_pieces(tmp_path / "kept")
    (tmp_path / "kept" / "piece-000").unlink()
    with pytest.raises(BadJob, match=r"piece-000: expected 9 bytes, got FileNotFoundError"):
        pieces.read_pieces(tmp_path / "kept")


def test_a_folder_without_a_run_or_with_another_networks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=r"none: expected a folder with step-.* got no such folder"):
        tasks.resumed("lite", tmp_path / "none")
    with pytest.raises(BadJob, match="got a folder without checkpoints"):
        tasks.resumed("lite", tmp_path)
    trained(tmp_path / "line", 1)
    with pytest.raises(BadJob, match="expected one of lite, got one of line"):
        tasks.resumed("lite", tmp_path / "line")


def test_a_manifest_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "step-000000001").mkdir()
    with pytest.raises(BadJob, match=r"pieces.json: expected the manifest of a checkpoint, got FileNotFoundError"):
        tasks.resumed("lite", tmp_path)
    (tmp_path / "step-000000001" / "pieces.json").write_text('{"format": 9}')
    with pytest.raises(BadJob, match="expected the manifest of a checkpoint, format 1, got 9"):
        tasks.resumed("lite", tmp_path)
