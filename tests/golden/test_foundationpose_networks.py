"""RefineNet and ScoreNet against the golden cases: keys, the recipe's weights, outputs and what lies between."""

import json
from typing import Any

import numpy as np
import pytest
import torch

from estimators.foundationpose.layers import encode, position_table
from estimators.foundationpose.networks import RefineNet, ScoreNet, folded, parameters_of
from tests.golden.foundationpose_golden import GOLDEN, case, needs_golden, recipe, shapes_of

pytestmark = needs_golden


def tensors(name: str) -> dict[str, torch.Tensor]:
    drawn = recipe(shapes_of(name), position_table().numpy())
    return {key: torch.from_numpy(np.asarray(value)) for key, value in drawn.items()}


@pytest.fixture(scope="module")
def refiner() -> RefineNet:
    network = RefineNet()
    network.load_state_dict(tensors("refine"))
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("name", "network", "count"), [("refine", RefineNet, 16_830_406), ("score", ScoreNet, 15_773_121)]
)
def test_keys_and_shapes_are_those_of_the_published_checkpoints(name: str, network: Any, count: int) -> None:
    made = network()
    assert {key: tuple(value.shape) for key, value in made.state_dict().items()} == shapes_of(name)
    assert parameters_of(made) == count


@pytest.mark.parametrize("name", ["refine", "score"])
def test_the_recipe_gives_the_weights_of_the_golden_cases(name: str) -> None:
    checks = json.loads((GOLDEN / "weight_checksums.json").read_text())
    drawn = {key: value for key, value in tensors(name).items() if not key.endswith("num_batches_tracked")}
    assert {f"{name}/{key}" for key in drawn} == {key for key in checks if key.startswith(name)}
    for key, value in drawn.items():
        wanted, got = checks[f"{name}/{key}"], value.double().numpy()
        assert list(got.shape) == wanted["shape"]
        assert np.linalg.norm(got) == pytest.approx(wanted["l2"], rel=1e-5)
        assert got.sum() == pytest.approx(wanted["sum"], rel=1e-5, abs=1e-5 * wanted["l2"])
        assert got.ravel()[:3] == pytest.approx(wanted["first3"], rel=1e-5)


def test_the_position_table_is_that_of_the_checkpoints() -> None:
    table, golden = position_table()[0].numpy(), case("pos_embed")
    assert np.abs(table[:8] - golden["pe_first8"]).max() < 1e-6
    assert np.abs(table[golden["pe_rows"]] - golden["pe_vals"]).max() < 3e-5


def test_the_refiner_gives_the_golden_outputs_and_intermediates(refiner: RefineNet) -> None:
    golden = case("refinenet_64")
    rendered, observed = (torch.from_numpy(golden[name].astype(np.float32)) for name in "AB")
    with torch.inference_mode():
        features = refiner.encodeA(torch.cat([rendered, observed]))
        tokens = encode(refiner.encodeA, refiner.encodeAB, rendered, observed)
        placed = refiner.pos_embed(tokens)
        inner = {
            "encodeA": features,
            "encodeAB": tokens.transpose(1, 2).reshape(2, 512, 8, 8),
            "tokens": placed,
            "trans_layer_out": refiner.trans_head[0](placed),
            "rot_layer_out": refiner.rot_head[0](placed),
        }
        outputs = refiner(rendered, observed)
    for name, value in inner.items():
        assert np.abs(value.numpy() - golden[name]).max() < 1e-4, name
    for name, value in zip(("trans", "rot"), outputs, strict=True):
        assert np.abs(value.numpy() - golden[name]).max() < 2e-5
        assert np.abs(value.numpy() - golden[f"{name}_f64"]).max() < 2e-5


def test_the_refiner_gives_the_golden_outputs_at_full_size_folded_or_not(refiner: RefineNet) -> None:
    golden = case("refine_inputs")
    rendered, observed = (torch.from_numpy(golden[name]) for name in "AB")
    other = RefineNet()
    other.load_state_dict(refiner.state_dict())
    for network in (refiner, folded(other.eval())):
        with torch.inference_mode():
            trans, rot = network(rendered, observed)
        assert np.abs(trans.numpy() - golden["trans"][:2]).max() < 2e-5
        assert np.abs(rot.numpy() - golden["rot"][:2]).max() < 2e-5


def test_a_score_alone_is_a_linear_function_of_its_feature() -> None:
    network = ScoreNet()
    network.load_state_dict(tensors("score"))
    features = torch.from_numpy(np.random.default_rng(0).standard_normal((3, 1, 512)).astype(np.float32))
    with torch.inference_mode():
        alone = network.eval().rank(features)[:, 0]
        value = features[:, 0] @ network.att_cross.in_proj_weight[1024:].T + network.att_cross.in_proj_bias[1024:]
        by_hand = network.linear(network.att_cross.out_proj(value))[:, 0]
    assert torch.allclose(alone, by_hand, atol=1e-5)  # softmax over one is 1
