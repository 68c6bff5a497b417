"""How fast training data are made, beside the network that learns.

``python tests/bench/training_data.py [--device cuda] [--scenes N]``: things, scenes of 240 x 320 and crops are made one
after the other on one core, as a worker of the training makes them; scenes go through seeds one by one. Beside them
stands a training step of ``RefineNet`` (forward and backward, numbers as they are drawn) per pose. On a CPU figures are
of CPU time, which others on the machine hardly change, on CUDA of wall time. The last line says how many cores it takes
to feed the network: where there are as many, the network is the bottleneck.
"""

import argparse
import os
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from estimators.foundationpose.networks import RefineNet
from estimators.foundationpose.training.crops import Cropper
from estimators.foundationpose.training.example import Example, make_example
from estimators.foundationpose.training.objects import thing
from estimators.foundationpose.training.shipment import Shipment

POSES = 16  # of each scene


def seconds(call: Callable[[], object], repeats: int, clock: Callable[[], float]) -> float:
    """Of one call, on average, after one that does not count."""
    call()
    started = clock()
    for _ in range(repeats):
        call()
    return (clock() - started) / repeats


def starts(example: Example, count: int) -> np.ndarray:
    """(count, 4, 4) poses a little beside the true one."""
    poses = np.tile(example.cam_from_obj, (count, 1, 1))
    poses[:, :3, 3] += np.random.default_rng(0).uniform(-0.1, 0.1, (count, 3)) * example.surface.diameter_m
    return poses


def training_step_s(device: torch.device, batch: int, repeats: int, clock: Callable[[], float]) -> float:
    """Of forward and backward for one pose."""
    network, dtype = RefineNet().to(device), torch.bfloat16 if device.type == "cuda" else torch.float32
    pictures = torch.rand(2, batch, 6, 160, 160, device=device)

    def step() -> None:
        network.zero_grad()
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            trans, rot = network(pictures[0], pictures[1])
        (trans.square().mean() + rot.square().mean()).backward()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return seconds(step, repeats, clock) / batch


def rows(device: torch.device, scenes: int) -> list[tuple[str, float, int]]:
    """What is made, seconds for one, and how many poses that is for."""
    clock = time.perf_counter if device.type == "cuda" else time.process_time
    number, seed = iter(range(10**6, 10**7)), iter(range(10**6, 10**7))
    make_example(0)  # compiles
    made: list[tuple[str, float, int]] = []
    made.append(("things", seconds(lambda: thing(next(number)), scenes, time.process_time), 4 * POSES))
    made.append(("scenes, depth filtered", seconds(lambda: make_example(next(seed)), scenes, time.process_time), POSES))
    cropper, example = Cropper(device), make_example(0)
    shipment = Shipment.of([example])
    poses = starts(example, POSES)[None]

    def crops(make: Callable[..., tuple[torch.Tensor, torch.Tensor]], ratio: float) -> None:
        make(shipment, poses, ratio)
        if device.type == "cuda":
            torch.cuda.synchronize()

    def half_drawn(shipment: Shipment, poses: np.ndarray, ratio: float) -> tuple[torch.Tensor, torch.Tensor]:
        return cropper.refine_overdrawn(shipment, poses, poses[:, POSES // 2 :], ratio, seed=0)

    made += [
        ("crops, refiner", seconds(lambda: crops(cropper.refine, 1.2), 4, clock) / POSES, 1),
        ("crops, half drawn over", seconds(lambda: crops(half_drawn, 1.2), 4, clock) / POSES, 1),
        ("crops, scorer", seconds(lambda: crops(cropper.score, 1.1), 4, clock) / POSES, 1),
    ]
    batch, repeats = (64, 20) if device.type == "cuda" else (2, 1)
    made.append(("RefineNet, forward and backward", training_step_s(device, batch, repeats, clock), 1))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--scenes", type=int, default=64, help="how many are made for a figure")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    made = rows(torch.device(options.device), options.scenes)
    step_s = made[-1][1]
    table = Table("what", "ms each", "a second", f"poses a second, {POSES} a scene", "beside the network")
    for name, each_s, poses in made:
        table.add_row(
            name, f"{each_s * 1e3:.2f}", f"{1 / each_s:.0f}", f"{poses / each_s:.0f}", f"{step_s * poses / each_s:.1f}"
        )
    console = Console(width=110)
    console.print(table)
    on_workers_s = made[1][1] / POSES + (made[2][1] if options.device == "cpu" else 0.0)
    rate = 1 / step_s
    console.print(f"workers to feed the network at {rate:.0f} poses/s: {rate * on_workers_s:.2f} of {os.cpu_count()}")


if __name__ == "__main__":
    main()
