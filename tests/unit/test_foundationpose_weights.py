"""Weights: found, checked key by key, imported; what is wrong with them is named."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from typer.testing import CliRunner

from estimators.foundationpose.config import config_of
from estimators.foundationpose.networks import RefineNet, ScoreNet
from estimators.foundationpose.pose_update import turned_by
from estimators.foundationpose.weights import import_weights, load_weights
from estimators.weights.checkpoint import load_strictly, read_state
from posestream.cli import app as posestream
from schemas import BadJob
from tests.golden.foundationpose_golden import CONFIG, write_recipe_weights


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recipe_weights(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def imported(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("imported")
    import_weights(published, target)
    return target


def copied(folder: Path, to: Path) -> Path:
    for run in sorted(folder.iterdir()):
        (to / run.name).mkdir(parents=True)
        for path in run.iterdir():
            (to / run.name / path.name).hardlink_to(path)
    return to


def test_weights_load_unchanged_from_the_published_layout(published: Path) -> None:
    weights = load_weights(published)
    assert (weights.refiner_config.crop_ratio, weights.scorer_config.crop_ratio) == (1.2, 1.1)
    assert weights.refiner_config.rot_normalizer_rad == pytest.approx(0.3490658503988659)
    assert not weights.refiner.training
    state = torch.load(published / "2023-refiner" / "model_best.pth", weights_only=True)
    assert all(torch.equal(value, state[key]) for key, value in weights.refiner.state_dict().items())


def test_imported_weights_are_the_same_under_the_same_digest(published: Path, imported: Path) -> None:
    before, after = load_weights(published), load_weights(imported)
    assert before.digest == after.digest
    assert len(after.digest) == 64
    for one, other in ((before.refiner, after.refiner), (before.scorer, after.scorer)):
        assert all(
            torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        )


def test_other_weights_have_another_digest(published: Path, tmp_path: Path) -> None:
    folder = copied(published, tmp_path / "other")
    path = folder / "2023-refiner" / "model_best.pth"
    state = torch.load(path, weights_only=True)
    path.unlink()
    torch.save(state | {"rot_head.1.bias": state["rot_head.1.bias"] + 1}, path)
    assert load_weights(folder).digest != load_weights(published).digest


def test_without_weights_it_says_what_is_needed_and_under_what_licence(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=r"(?s)got nothing.*no commercial use.*weights import.*geometric needs no weights"):
        load_weights(tmp_path)


def test_one_network_alone_is_not_enough(published: Path) -> None:
    with pytest.raises(BadJob, match=r"expected refiner and scorer, got .*2023-refiner"):
        load_weights(published / "2023-refiner")


def test_the_same_network_twice_is_refused(published: Path, tmp_path: Path) -> None:
    folder = copied(published, tmp_path / "twice")
    (folder / "again").mkdir()
    for path in (published / "2023-refiner").iterdir():
        (folder / "again" / path.name).hardlink_to(path)
    with pytest.raises(BadJob, match=r"expected one refiner, got .*2023-refiner.* and .*again"):
        load_weights(folder)


def test_a_file_that_changed_after_the_import_is_refused(imported: Path, tmp_path: Path) -> None:
    for path in imported.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "refiner.safetensors").open("ab") as file:
        file.write(b"x")
    with pytest.raises(BadJob, match=r"refiner.safetensors: expected sha256"):
        load_weights(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1, "networks": {"refiner": {}}}', '{"format": 7}'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "foundationpose.json").write_text(content)
    with pytest.raises(BadJob, match=r"foundationpose.json: expected"):
        load_weights(tmp_path)


def test_missing_extra_and_misshapen_keys_are_named() -> None:
    state = dict(RefineNet().state_dict())
    del state["encodeAB.2.net.0.bias"]
    state["surplus"] = torch.zeros(1)
    state["rot_head.1.weight"] = torch.zeros(6, 512)
    with pytest.raises(BadJob) as caught:
        load_strictly(RefineNet(), state, "file")
    for part in (
        "missing keys: encodeAB.2.net.0.bias",
        "extra keys: surplus",
        "rot_head.1.weight (6, 512) where (3, 512) was expected",
    ):
        assert part in str(caught.value)


def test_the_wrong_network_and_other_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=r"expected the keys of RefineNet"):
        load_strictly(RefineNet(), ScoreNet().state_dict(), "file")
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "model_best.pth")
    with pytest.raises(BadJob, match=r"expected weights of FoundationPose's refiner .* got fc.weight"):
        load_weights(tmp_path)


def test_numbers_that_are_not_finite_are_named() -> None:
    state = dict(RefineNet().state_dict())
    state["trans_head.1.bias"] = torch.full((3,), float("nan"))
    with pytest.raises(BadJob, match=r"NaN or infinite ones in trans_head.1.bias"):
        load_strictly(RefineNet(), state, "file")


class Runs:
    """What a malicious file does when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    torch.save({"model": {}, "hook": Runs(tmp_path / "was_here")}, tmp_path / "model_best.pth")
    with pytest.raises(BadJob, match=r"is not unpickled"):
        read_state(tmp_path / "model_best.pth")
    assert not (tmp_path / "was_here").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps([1, 2])])
def test_files_that_hold_something_else_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model_best.pth").write_bytes(content)
    with pytest.raises(BadJob, match=r"model_best.pth: expected"):
        read_state(tmp_path / "model_best.pth")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rot_rep": "quaternion"}, "rot_rep: axis_angle or 6d, got quaternion"),
        ({"use_normal": True}, "use_normal: False, got True"),
        ({"c_in": 4}, "c_in: 6, got 4"),
        ({"use_BN": None}, "use_BN: True, got None"),
        ({"rot_normalizer": "wide"}, "number above 0 for rot_normalizer, got 'wide'"),
        ({"crop_ratio": -1}, "number above 0 for crop_ratio, got -1"),
    ],
)
def test_settings_that_the_networks_do_not_follow_are_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(BadJob, match=told):
        config_of(CONFIG | change, "config.yml", refiner=True)


def test_a_refiner_that_turns_by_six_numbers_is_loaded_as_one(published: Path, tmp_path: Path) -> None:
    folder = copied(published, tmp_path / "six")
    checkpoint, settings = (folder / "2023-refiner" / name for name in ("model_best.pth", "config.yml"))
    state = torch.load(checkpoint, weights_only=True)
    wide = {"rot_head.1.weight": torch.zeros(6, 512), "rot_head.1.bias": torch.tensor([1.0, 0, 0, 0, 1, 0])}
    for path in (checkpoint, settings):
        path.unlink()
    torch.save(state | wide, checkpoint)
    settings.write_text(yaml.safe_dump(CONFIG | {"rot_rep": "6d"}))
    refiner = load_weights(folder).refiner
    pictures = torch.rand(2, 1, 6, 64, 64)
    turn = turned_by(refiner(*pictures)[1], load_weights(folder).refiner_config.rot_normalizer_rad)
    assert torch.allclose(turn[0], torch.eye(3), atol=1e-6)
    settings.write_text(yaml.safe_dump(CONFIG))
    with pytest.raises(BadJob, match=r"rot_head.1.weight \(6, 512\) where \(3, 512\) was expected"):
        load_weights(folder)


def test_settings_that_must_be_there_are_missed() -> None:
    without = {key: value for key, value in CONFIG.items() if key != "normalize_xyz"}
    with pytest.raises(BadJob, match=r"normalize_xyz: True, got no such key"):
        config_of(without, "config.yml", refiner=True)
    assert config_of(CONFIG | {"crop_ratio": None}, "config.yml", refiner=True).crop_ratio == 1.2


@pytest.mark.parametrize("content", ["{", "[1]", ""])
def test_settings_that_are_no_settings_are_refused(published: Path, tmp_path: Path, content: str) -> None:
    folder = copied(published, tmp_path / "copy")
    path = folder / "2024-scorer" / "config.yml"
    path.unlink()
    path.write_text(content)
    with pytest.raises(BadJob, match=r"config.yml: expected"):
        load_weights(folder)


def test_the_manifest_says_where_the_weights_are_from(imported: Path) -> None:
    content = json.loads((imported / "foundationpose.json").read_text())
    assert set(content["networks"]) == {"refiner", "scorer"}
    assert yaml.safe_load(json.dumps(content)) == content
    assert all(len(entry["checkpoint_sha256"]) == 64 for entry in content["networks"].values())


def test_the_command_imports_and_shows(published: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    result = CliRunner().invoke(posestream, ["weights", "import", str(published), "--to", str(kept)])
    assert result.exit_code == 0
    assert "2023-refiner/model_best.pth, sha256" in result.output.replace("\n", "")
    shown = CliRunner().invoke(posestream, ["weights", "show", str(kept)])
    assert f"digest {load_weights(published).digest}" in shown.output


def test_where_nothing_was_imported_it_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    result = CliRunner().invoke(posestream, ["weights", "show"])
    assert result.exit_code != 0
    assert "none come with posestream" in str(result.exception)
    with pytest.raises(BadJob, match="none come with posestream"):
        load_weights(None)
