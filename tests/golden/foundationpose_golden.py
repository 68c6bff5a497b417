"""The golden cases of FoundationPose that lie beside the repository, and the weights that they are made with."""

import json
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FACTS = Path(__file__).parents[3] / "shared" / "facts" / "foundationpose"
GOLDEN = FACTS / "golden"
needs_golden = pytest.mark.skipif(not GOLDEN.exists(), reason=f"needs the golden cases in {GOLDEN}")
CONFIG: dict[str, Any] = {
    "input_resize": [160, 160],
    "c_in": 6,
    "use_BN": True,
    "normalize_xyz": True,
    "use_normal": False,
    "rot_rep": "axis_angle",
    "trans_rep": "tracknet",
    "rot_normalizer": 0.3490658503988659,
    "crop_ratio": 1.2,
}


@lru_cache
def case(name: str) -> dict[str, Any]:
    """The arrays of a golden file by name."""
    with np.load(GOLDEN / f"{name}.npz") as content:
        return {key: content[key] for key in content.files}


def shapes_of(network: str) -> dict[str, tuple[int, ...]]:
    """Key -> shape of ``refine`` or ``score``."""
    return {key: tuple(shape) for key, shape in json.loads((FACTS / f"{network}_state_dict.json").read_text()).items()}


def recipe(shapes: dict[str, tuple[int, ...]], position_table: Any) -> dict[str, Any]:
    """The deterministic weights of the golden README, section 1: each key has its own stream of numbers."""
    return {key: position_table if key == "pos_embed.pe" else _drawn(key, shape) for key, shape in shapes.items()}


def _drawn(key: str, shape: tuple[int, ...]) -> Any:
    last = key.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return np.zeros((), np.int64)
    x = np.random.RandomState(zlib.crc32(key.encode("utf-8"))).standard_normal(size=shape)
    if last == "running_var":
        x = np.exp(0.25 * x)
    elif last == "running_mean":
        x = 0.1 * x
    elif len(shape) >= 2:
        x = x * _gain(key, shape) / np.sqrt(np.prod(shape[1:]))
    else:
        x = 1 + 0.1 * x if last == "weight" else 0.05 * x
    return x.astype(np.float32)


def _gain(key: str, shape: tuple[int, ...]) -> float:
    if len(shape) == 4:
        return 1.4
    if key in ("trans_head.1.weight", "rot_head.1.weight"):
        return 0.5
    return 2.0 if key.startswith(("trans_head.", "rot_head.")) and key.endswith("in_proj_weight") else 1.0


_LAST = ("trans_head.1", "rot_head.1", "linear")


def write_recipe_weights(folder: Path, *, still: bool = False) -> Path:
    """The recipe's weights in the layout of the published ones; the scorer with what an optimiser leaves in it.

    ``still`` ones have zeros in their last layers: poses stay where they are, and all rank alike.
    """
    import torch
    import yaml

    from estimators.foundationpose.layers import position_table
    from estimators.foundationpose.networks import RefineNet, ScoreNet

    for name, network, ratio in (("2023-refiner", RefineNet(), 1.2), ("2024-scorer", ScoreNet(), 1.1)):
        shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
        drawn = recipe(shapes, position_table().numpy())
        if still:
            drawn |= {key: 0 * drawn[key] for key in drawn if key.startswith(_LAST)}
        state: Any = {key: torch.from_numpy(np.asarray(value)) for key, value in drawn.items()}
        run = folder / name
        run.mkdir(parents=True)
        kept = {"model": state, "optimizer": {"lr": 1e-4}, "epoch": np.float64(3)} if ratio == 1.1 else state
        torch.save(kept, run / "model_best.pth")
        (run / "config.yml").write_text(yaml.safe_dump(CONFIG | {"crop_ratio": ratio}))
    return folder


def blob() -> Any:
    """The golden test mesh as a surface, with the normals of the golden file."""
    from estimators.foundationpose.surface import Surface

    mesh = case("mesh_blob")
    return Surface(
        mesh["vertices"].astype(np.float32),
        mesh["faces"],
        mesh["vertex_normals"].astype(np.float32),
        float(case("scene")["diameter"]),
        colors=mesh["vertex_colors"],
    )
