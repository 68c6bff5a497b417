"""The command line: options from settings, figures, files and messages."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from typer.testing import CliRunner

from estimators.geometric.parts import Parts
from estimators.registry import Resources
from posestream.children import Child, Children
from posestream.cli import app as posestream
from posestream.evaluate import EvaluationError, Start, Step, _known_by, evaluate, find_recordings
from posestream.figures import as_json, courses_of, figures_of
from posestream.options import named_values, with_settings
from posestream.results import object_number, scene_id, write_csv
from schemas import BadJob, Estimate, JobObject, Pose, State


class Service(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="POSESTREAM_", frozen=True)
    batch: int = Field(8, ge=1, description="frames per call")
    place: str | None = Field(None, description="where")


app = typer.Typer()


@app.command()
@with_settings(Service)
def serve(settings: Service, name: str, loud: bool = False) -> None:
    """Serve."""
    typer.echo(json.dumps([settings.batch, settings.place, name, loud]))


def test_an_option_beats_the_environment_beats_the_default() -> None:
    runner = CliRunner()
    assert json.loads(runner.invoke(app, ["x"]).stdout) == [8, None, "x", False]
    env = {"POSESTREAM_BATCH": "5", "POSESTREAM_PLACE": "here"}
    assert json.loads(runner.invoke(app, ["x", "--loud"], env=env).stdout) == [5, "here", "x", True]
    assert json.loads(runner.invoke(app, ["x", "--batch", "3"], env=env).stdout) == [3, "here", "x", False]


def test_a_refused_value_exits_with_2_and_names_option_and_variable() -> None:
    result = CliRunner().invoke(app, ["x", "--batch", "0"])
    assert result.exit_code == 2
    said = " ".join(result.output.replace("│", " ").split())
    assert "--batch (or POSESTREAM_BATCH)" in said
    assert "greater than or equal to 1, got 0" in said


@pytest.mark.parametrize(
    "command", [[], ["demo"], ["produce"], ["track"], ["sink"], ["eval"], ["doctor"], ["job"], ["weights"]]
)
def test_every_command_teaches(command: list[str]) -> None:
    result = CliRunner().invoke(posestream, [*command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "--help" in result.output


def test_produce_help_lists_the_sources_and_variables() -> None:
    result = CliRunner().invoke(posestream, ["produce", "--help"], env={"COLUMNS": "200"})
    for word in ("synthetic:", "bop:DIR", "POSESTREAM_KAFKA", "--jpeg-quality"):
        assert word in result.output


def test_recordings_are_found_in_folders(tmp_path: Path) -> None:
    for name in ("000201_b", "000100_a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "scene_gt.json").write_text("{}")
    inside = [f"bop:{tmp_path / name}" for name in ("000100_a", "000201_b")]
    assert find_recordings([str(tmp_path), "synthetic:"]) == [*inside, "synthetic:"]
    assert find_recordings([str(tmp_path / "000100_a")]) == inside[:1]
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match=r"expected scene_gt\.json"):
        find_recordings([str(tmp_path / "empty")])


def test_numbers_are_read_from_names() -> None:
    assert [scene_id(text) for text in ("bop:/a/000201_hard_cube?every=2", "bop:desk", "synthetic:")] == [201, 0, 0]
    assert [object_number(text) for text in ("obj_000005", "mug")] == [5, 0]


@pytest.fixture
def short_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("POSESTREAM_CACHE", str(tmp_path / "cache"))
    return "synthetic:?frames=6&size=320x240"


@pytest.mark.parametrize("start", Start)
def test_evaluation_follows_the_object(short_clip: str, start: Start) -> None:
    seen: list[int] = []
    recording = evaluate(short_clip, "geometric", start, lambda done, _: seen.append(done))
    (course,) = courses_of(recording)
    figures = figures_of(course)
    assert seen == [1, 2, 3, 4, 5, 6]
    assert (figures.frames, figures.lost_share) == (5, 0.0)  # the first frame is where it starts
    assert figures.add_s_auc > 0.95
    assert figures.median_mm < 3
    assert np.isnan(figures.score_roc)  # no losses to tell
    assert 0.0 <= figures.inside_share <= 1.0
    assert figures_of(course, course).add_auc == figures.add_auc
    assert as_json([course])["all"]["score_roc"] is None


def test_results_are_written_as_bop_wants_them(short_clip: str, tmp_path: Path) -> None:
    recording = evaluate(short_clip, "geometric", Start.TRUTH, lambda *_: None)
    lost = Estimate(None, 0.0, State.LOST)
    recording.steps.append(Step("obj_000001", 5, Pose.identity(), lost, 0.0))
    path = tmp_path / "out.csv"
    assert write_csv(path, [recording]) == 6  # what has no pose has no row
    head, first, *_ = path.read_text().splitlines()
    assert head == "scene_id,im_id,obj_id,score,R,t,time"
    cells = first.split(",")
    assert cells[:3] == ["0", "0", "1"]
    assert 0.5 < float(cells[3]) <= 1.0
    truth = recording.source.truth(0)["obj_000001"]
    assert np.array(cells[4].split(), float).reshape(3, 3) == pytest.approx(truth.rotation, abs=1e-8)
    assert np.array(cells[5].split(), float) == pytest.approx(truth.translation_m * 1000, abs=1e-5)


def test_what_was_never_found_is_lost_and_no_number(short_clip: str) -> None:
    recording = evaluate(short_clip, "geometric", Start.TRUTH, lambda *_: None)
    lost = Estimate(None, 0.0, State.LOST)
    recording.steps = [Step(s.object_id, s.seq, s.truth, lost, s.step_s) for s in recording.steps]
    courses = courses_of(recording)
    assert (figures_of(*courses).lost_share, figures_of(*courses).add_s_auc) == (1.0, 0.0)
    assert as_json(courses)["objects"][0]["median_mm"] is None


def test_the_time_of_a_step_is_read_from_the_clock_and_shared_by_its_objects(short_clip: str) -> None:
    ticks = iter(range(100))
    recording = evaluate(short_clip, "geometric", Start.TRUTH, lambda *_: None, clock=lambda: 0.5 * next(ticks))
    assert {step.step_s for step in recording.steps} == {0.5}


def test_an_unknown_estimator_or_start_is_named(short_clip: str) -> None:
    result = CliRunner().invoke(posestream, ["eval", short_clip, "--init", "guess"])
    assert result.exit_code == 2
    assert "expected mask or truth, got 'guess'" in " ".join(result.output.replace("│", " ").split())
    result = CliRunner().invoke(posestream, ["eval", short_clip, "--estimator", "magic"])
    assert "magic" in str(result.exception)
    assert "geometric" in str(result.exception)


def test_an_option_without_a_value_and_an_unknown_part_are_refused() -> None:
    with pytest.raises(typer.BadParameter, match="NAME=VALUE"):
        named_values(["recovery"])
    with pytest.raises(BadJob, match=r"expected some of depth.*got 'wheels'"):
        Parts.of(named_values(["off=wheels"]))
    with pytest.raises(BadJob, match="got speed"):
        Parts.of({"speed": "2"})
    assert Parts.of(named_values(["off=texture, recovery"])) == Parts(texture=False, recovery=False)


def test_what_a_worker_waits_for_is_read_from_its_log(tmp_path: Path) -> None:
    children = Children(tmp_path, {})
    log = tmp_path / "track.log"
    children.running.append(Child("track", cast("Any", None), log))
    log.write_text("2026-11-25 INFO posestream.consumers assigned: frames.default/0\n")
    assert children.said("track", "posestream.estimators") == ""
    with log.open("a") as file:
        file.write("2026-11-25 INFO posestream.estimators loading kernels; 10 s\n2026-11-25 INFO other words\n")
    assert children.said("track", "posestream.estimators") == "loading kernels; 10 s"
    assert children.said("sink", "posestream.estimators") == ""


def test_evaluation_runs_networks_with_weights_that_are_brought(short_clip: str) -> None:
    pytest.importorskip("torch")
    from tests.unit.foundationpose_world import weights

    resources = Resources(weights=weights(still=True), device="cpu", precision="fp32")
    options = {"iterations": "1", "score_every": "0"}
    recording = evaluate(short_clip, "foundationpose", Start.TRUTH, lambda *_: None, options, resources)
    assert [step.seq for step in recording.steps] == list(range(6))
    assert recording.steps[0].estimate.score > 0.5
    assert {step.estimate.state for step in recording.steps} <= {State.REGISTERED, State.TRACKED}


def test_without_weights_a_command_says_what_is_needed(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    for command in (["eval", "synthetic:?frames=2"], ["track"]):
        result = CliRunner().invoke(
            posestream, [*command, "--estimator", "foundationpose", "--weights", str(tmp_path), "--device", "cpu"]
        )
        assert isinstance(result.exception, BadJob)
        assert "research and evaluation only" in str(result.exception)
        assert "geometric needs no weights" in str(result.exception)


def test_help_comes_without_torch() -> None:
    code = "import sys, posestream.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode == 0


def test_an_object_can_be_known_by_photos_in_an_evaluation() -> None:
    box, can = JobObject("box", "box.ply", 0.001), JobObject("can", "can.ply", 0.001)
    known = _known_by((box, can), {"can": "photos"})
    assert [(item.model_uri, item.model_unit_m) for item in known] == [("box.ply", 0.001), ("photos", 1.0)]
    with pytest.raises(EvaluationError, match="expected objects among box, can, got mug"):
        _known_by((box, can), {"mug": "photos"})
