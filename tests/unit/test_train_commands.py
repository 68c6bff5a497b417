"""``posestream train`` and what becomes of its networks."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from estimators.foundationpose.training.scorer_task import trunk_of
from estimators.foundationpose.weights import load_weights
from estimators.training import checkpoints
from estimators.training.checkpoints import Origin
from estimators.training.export import averaged, export
from estimators.training.state import Learner
from estimators.training.tasks import make
from estimators.weights.place import chosen_folder, kept_folders
from posestream.cli import app
from schemas import BadJob


def said(*arguments: str) -> str:
    """What a command says on its way out; its error on purpose, or its output."""
    result = CliRunner().invoke(app, list(arguments))
    if isinstance(result.exception, BadJob):
        return str(result.exception)
    assert result.exit_code in (0, 2), result.output
    return result.output


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of refiner and one of scorer, each at its first step."""
    home = tmp_path_factory.mktemp("runs")
    for name in ("refiner", "scorer"):
        task = make(name, {})
        learner = Learner(task, torch.device("cpu"), 3)
        origin = Origin(name, dict(task.settings), 3, 0)
        checkpoints.save(home / name, origin, {"average": learner.state()["average"]})
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights are kept by themselves."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "posestream" / "weights" / "foundationpose"


def test_arguments_that_cannot_be_are_refused(tmp_path: Path) -> None:
    assert "expected more than 0, got 0" in said("train", "lite", "--minutes", "0")
    assert "expected more than 0, got nan" in said("train", "lite", "--minutes", "nan")
    assert "got both" in said("train", "lite", "--minutes", "1", "--to", str(tmp_path), "--resume", str(tmp_path))
    assert "a run keeps its own" in said("train", "lite", "--minutes", "1", "--resume", str(tmp_path), "--seed", "4")
    assert "expected one of lite, refiner, scorer, got 'gen6d'" in said("train", "gen6d", "--minutes", "1")
    assert "got no such folder" in said("train", "lite", "--minutes", "1", "--resume", str(tmp_path / "none"))


def test_a_trunk_is_a_refiners_and_for_a_new_scorer(runs: Path, tmp_path: Path) -> None:
    refiner, scorer = str(runs / "refiner"), str(runs / "scorer")
    assert "expected a new run of the scorer, got lite" in said("train", "lite", "--minutes", "1", "--trunk", refiner)
    both = said("train", "scorer", "--minutes", "1", "--resume", scorer, "--trunk", refiner)
    assert "expected a new run of the scorer, got one to go on with" in both
    other = said("train", "scorer", "--minutes", "1", "--to", str(tmp_path / "new"), "--trunk", scorer)
    assert "expected one of refiner, got one of scorer" in other


def test_a_scorer_begins_with_the_refiners_picture_encoders(runs: Path) -> None:
    refiner = averaged(checkpoints.newest(runs / "refiner"))
    learner = Learner(make("scorer", {}), torch.device("cpu"), 0)
    own = {name: part.clone() for name, part in learner.network.state_dict().items()}
    learner.begin_with(trunk_of(refiner))
    for network in (learner.network, learner.average):
        for name, part in network.state_dict().items():
            theirs = name.replace("encoderA", "encodeA")
            assert torch.equal(part, refiner[theirs] if name.startswith("encoderA") else own[name]), name


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is CUDA")
def test_cuda_that_is_not_there_is_said(tmp_path: Path) -> None:
    told = said("train", "lite", "--minutes", "1", "--device", "cuda", "--to", str(tmp_path))
    assert "device cuda: expected a CUDA GPU, torch finds none" in told


def test_a_run_is_neither_written_over_nor_gone_on_with_as_another(runs: Path) -> None:
    refiner = str(runs / "refiner")
    assert "--resume" in said("train", "refiner", "--minutes", "1", "--to", refiner)
    assert "expected one of lite, got one of refiner" in said("train", "lite", "--minutes", "1", "--resume", refiner)


def test_trained_networks_are_exported_imported_by_version_listed_and_verified(
    runs: Path, tmp_path: Path, home: Path
) -> None:
    for name in ("refiner", "scorer"):
        path = export(runs / name, tmp_path / "out" / name, half=True)
        assert path.stat().st_size < 40e6
    said("weights", "import", str(tmp_path / "out"), "--version", "first")
    assert kept_folders("foundationpose") == [home / "first"]
    weights = load_weights(Path("first"))
    trained = checkpoints.read(checkpoints.newest(runs / "refiner"))["average"]
    for key, part in weights.refiner.state_dict().items():
        assert torch.allclose(part, trained[f"module.{key}"], rtol=1e-3, atol=1e-6), key
    assert weights.refiner_config.crop_ratio == 1.2
    assert weights.scorer_config.crop_ratio == 1.1
    assert f"foundationpose first: digest {weights.digest}" in said("weights", "list")
    assert f"foundationpose first: 2 networks ok, digest {weights.digest}" in said("weights", "verify")


def test_a_folder_wins_over_a_version_and_a_path_is_never_one(home: Path, tmp_path: Path) -> None:
    (home / "first").mkdir(parents=True)
    assert chosen_folder("foundationpose", None) == home
    assert chosen_folder("foundationpose", Path("first")) == home / "first"
    assert chosen_folder("foundationpose", Path("./other/first")) == Path("./other/first")
    assert chosen_folder("foundationpose", tmp_path) == tmp_path


def test_damaged_weights_fail_to_verify(runs: Path, tmp_path: Path, home: Path) -> None:
    for name in ("refiner", "scorer"):
        export(runs / name, tmp_path / "out" / name, half=True)
    said("weights", "import", str(tmp_path / "out"))
    kept = home / "refiner.safetensors"
    content = bytearray(kept.read_bytes())
    content[-1] ^= 1
    kept.write_bytes(content)
    assert "refiner.safetensors: expected sha256" in said("weights", "verify")


def test_where_nothing_was_imported_list_and_verify_say_so(home: Path, tmp_path: Path) -> None:
    assert not home.exists()
    assert "expected imported weights, got none" in said("weights", "list")
    assert f"{tmp_path}: expected imported weights, got none" in said("weights", "verify", str(tmp_path))


def test_versions_that_are_no_names_are_refused(tmp_path: Path) -> None:
    for version in ("", "a/b", ".."):
        assert "expected a name as of a folder" in said("weights", "import", str(tmp_path), "--version", version)


def test_an_export_does_not_write_over_files(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "something").touch()
    with pytest.raises(BadJob, match="expected a new or empty folder to export to, got one with files in it"):
        export(runs / "refiner", tmp_path)
