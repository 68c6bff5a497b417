"""What only a GPU has: graphs, and memory that runs out."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
import torch

from estimators.foundationpose.device import Device
from estimators.foundationpose.engine import Engine
from estimators.foundationpose.graphs import SIZES
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.weights import load_weights
from schemas import Overloaded
from tests.unit.foundationpose_world import weights
from tests.unit.test_foundationpose_batches import frames, poses, surfaces

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_weights(weights(still=False)), Device(torch.device("cuda")))


@pytest.fixture
def groups(engine: Engine) -> list[Group]:
    scenes = engine.scenes(frames())
    parts = zip(surfaces(), (2, 1, 3), (0, 1, 1), strict=True)
    return [Group(scenes[k], engine.renderer.upload(one), one.diameter_m, count) for one, count, k in parts]


@pytest.mark.parametrize("iterations", [1, 2])
def test_a_graph_gives_what_its_steps_give(engine: Engine, groups: list[Group], iterations: int) -> None:
    wanted = engine.refine(groups, poses().cuda(), iterations)
    agreement = engine.agreement(groups, wanted)
    before = engine.calls
    for _ in range(2):  # captured, then replayed
        got, share = engine.follow(groups, poses(), iterations).result()
        assert (got - wanted.cpu()).abs().max() < 2e-3  # a batch of another size is rounded otherwise
        assert (share - agreement.cpu()).abs().max() < 0.02
    assert engine.calls - before == 2 * iterations


def test_graphs_do_not_mix_their_poses_up(engine: Engine, groups: list[Group]) -> None:
    """Every number of poses, with other poses, one after the other: each is as alone."""
    alone = [engine.follow([one], poses()[k : k + 1], 1).result()[0] for k, one in enumerate(_singles(groups))]
    for count in (1, 3, 5, 6):
        together, _ = engine.follow(_singles(groups)[:count], poses()[:count], 1).result()
        assert (together - torch.cat(alone[:count])).abs().max() < 2e-3


def test_more_poses_than_the_largest_graph_takes(engine: Engine, groups: list[Group]) -> None:
    one, count = groups[0], SIZES[-1] + 3
    many = Group(one.scene, one.mesh, one.diameter_m, count)
    together, share = engine.follow([many], poses()[:1].repeat(count, 1, 1), 1).result()
    alone, _ = engine.follow([Group(one.scene, one.mesh, one.diameter_m, 1)], poses()[:1], 1).result()
    assert together.shape == (count, 4, 4)
    assert share.shape == (count,)
    assert (together - alone).abs().max() < 2e-3


@pytest.fixture
def whole_gpu() -> Iterator[None]:
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)


def fill() -> list[torch.Tensor]:
    """All the memory that this process has, which gets no more."""
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(torch.cuda.memory_reserved() / total)
    taken: list[torch.Tensor] = []
    for power in range(28, 8, -1):
        with suppress(torch.OutOfMemoryError):
            while True:
                taken.append(torch.empty(1 << power, dtype=torch.uint8, device="cuda"))
    return taken


@pytest.mark.usefixtures("whole_gpu")
def test_a_full_gpu_is_told_and_all_goes_on_when_there_is_room(engine: Engine, groups: list[Group]) -> None:
    one = groups[0]
    many, there = Group(one.scene, one.mesh, one.diameter_m, 252), poses()[:1].repeat(252, 1, 1).cuda()
    engine._looks.free()
    hogs = fill()
    with pytest.raises(Overloaded, match="foundationpose: no memory for one pose on cuda"):
        engine.refine([many], there, 1)
    hogs.clear()
    torch.cuda.set_per_process_memory_fraction(1.0)
    assert engine.refine([many], there, 1).shape == (252, 4, 4)


def _singles(groups: list[Group]) -> list[Group]:
    return [Group(one.scene, one.mesh, one.diameter_m, 1) for one in groups for _ in range(one.count)]
