"""Gen6D's weights: found, checked, imported beside others, and what is wrong with them is named."""

from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from estimators.gen6d.weights import FAMILY, load_weights
from estimators.weights.checkpoint import load_strictly
from estimators.weights.files import import_into
from posestream.cli import app as posestream
from schemas import BadJob
from tests.golden.gen6d_golden import network
from tests.unit.gen6d_world import weights


def test_published_files_load_unchanged_and_import_under_the_same_digest(tmp_path: Path) -> None:
    published = load_weights(weights())
    result = CliRunner().invoke(posestream, ["weights", "import", str(weights()), "--to", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "gen6d detector: " in result.output
    imported = load_weights(tmp_path)
    assert imported.digest == published.digest
    assert not imported.refiner.training
    for name in ("detector", "selector", "refiner"):
        wanted = network(name).state_dict()
        for loaded in (published, imported):
            state = getattr(loaded, name).state_dict()
            assert all(torch.equal(value, state[key]) for key, value in wanted.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "gen6d-detector.safetensors",
        "gen6d-refiner.safetensors",
        "gen6d-selector.safetensors",
        "gen6d.json",
    ]
    shown = CliRunner().invoke(posestream, ["weights", "show", str(tmp_path)])
    assert f"digest {published.digest}" in shown.output


def test_without_weights_it_says_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadJob, match=r"(?s)got nothing. Gen6D needs weights, .*refiner_pretrain.*weights import"):
        load_weights(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(BadJob, match=str(tmp_path / "posestream" / "weights" / "gen6d")):
        load_weights(None)
    result = CliRunner().invoke(posestream, ["weights", "import", str(tmp_path)])
    assert "expected FoundationPose or Gen6D, got neither" in str(result.exception)


def test_one_network_is_missing(tmp_path: Path) -> None:
    for name in ("detector", "selector"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model_best.pth").hardlink_to(weights() / f"{name}_pretrain" / "model_best.pth")
    with pytest.raises(BadJob, match=r"expected detector and selector and refiner, got .*selector"):
        import_into(FAMILY, tmp_path, tmp_path / "kept")


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save({"network_state_dict": {"fc.weight": torch.zeros(2)}}, tmp_path / "model_best.pth")
    with pytest.raises(
        BadJob, match=r"expected weights of Gen6D's detector \(score_conv.0.weight is in it\) or .*fc.weight"
    ):
        load_weights(tmp_path)
    state = dict(network("detector").state_dict())
    del state["backbone.features.8.bias"]
    state["score_conv.0.weight"] = torch.zeros(64, 9, 1, 1, 1)
    with pytest.raises(BadJob, match=r"missing keys: backbone.features.8.bias; other shapes: score_conv.0.weight"):
        load_strictly(network("detector"), state, "file")
