"""The golden cases of Gen6D that lie beside the repository, and the weights that they are made with."""

import json
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FACTS = Path(__file__).parents[3] / "shared" / "facts" / "gen6d"
GOLDEN = FACTS / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.exists(), reason=f"needs the golden cases in {GOLDEN}")
NETWORKS = ("detector", "selector", "refiner")
GAIN: dict[str, dict[str, float]] = {
    "detector": {
        "backbone.features.19.weight": 0.0107,
        "backbone.features.19.bias": 0.0107,
        "backbone.features.22.weight": 93.0,
        "backbone.features.26.weight": 0.2,
        "backbone.features.26.bias": 0.2,
        "score_predict.4.weight": 0.5,
        "scale_predict.4.weight": 0.05,
        "offset_predict.4.weight": 0.05,
    },
    "selector": {"view_point_encoder.4.weight": 0.3, "score_predict.2.weight": 0.5, "angle_predict.4.weight": 0.2},
    "refiner": {"regressor.fcr.weight": 0.1, "regressor.fct.weight": 0.02, "regressor.fcs.weight": 0.05},
}
ADD: dict[str, dict[str, Any]] = {"refiner": {"regressor.fcr.bias": np.array([2.0, 0, 0, 0])}}


@lru_cache
def case(name: str) -> dict[str, Any]:
    """The arrays of a golden file by name."""
    with np.load(GOLDEN / f"{name}.npz") as content:
        return {key: content[key] for key in content.files}


def shapes_of(network: str) -> dict[str, tuple[int, ...]]:
    """Key -> shape of ``detector``, ``selector`` or ``refiner``."""
    content = json.loads((FACTS / f"{network}_state_dict.json").read_text())
    return {key: tuple(shape) for key, shape in content.items()}


def recipe(network: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """The deterministic weights of the golden README: each key has its own stream of numbers."""
    return {key: _drawn(network, key, shape) for key, shape in shapes.items()}


def _drawn(network: str, key: str, shape: tuple[int, ...]) -> Any:
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    x = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
    if key.endswith("running_mean"):
        x = 0.1 * x
    elif key.endswith("running_var"):
        x = 0.75 + 0.25 * np.abs(x)
    elif len(shape) >= 2:
        x = x * np.sqrt(2 / np.prod(shape[1:]))
    else:
        x = 1 + 0.1 * x if key.endswith("weight") else 0.05 * x
    x = x * GAIN[network].get(key, 1.0) + ADD.get(network, {}).get(key, 0.0)
    return x.astype(np.float32)


@lru_cache
def network(name: str) -> Any:
    """One of the networks with the recipe's weights, in eval mode."""
    import torch

    from estimators.gen6d.detector import Detector
    from estimators.gen6d.refiner import Refiner
    from estimators.gen6d.selector import Selector

    made = {"detector": Detector, "selector": Selector, "refiner": Refiner}[name]()
    shapes = {key: tuple(value.shape) for key, value in made.state_dict().items()}
    made.load_state_dict({key: torch.from_numpy(np.asarray(value)) for key, value in recipe(name, shapes).items()})
    return made.eval().requires_grad_(False)


def write_recipe_weights(folder: Path) -> Path:
    """The recipe's weights in the layout of the published ones, with what training leaves beside them."""
    import torch

    for name in NETWORKS:
        run = folder / f"{name}_pretrain"
        run.mkdir(parents=True)
        left = {"optimizer_state_dict": {"lr": 1e-4}, "step": 300_000, "best_para": np.float64(0.5)}
        torch.save({"network_state_dict": dict(network(name).state_dict())} | left, run / "model_best.pth")
    return folder
