"""What a GPU that is lent for minutes makes of our networks: refiner, then scorer, handed back in small files.

``python tests/bench/lease.py OUT --refiner 390 --scorer 110``, on CUDA: trains a refiner for so many seconds (all
counted: processes, validation set, saving), the last quarter with a falling rate, then a scorer that begins with its
picture encoders. Each is left in OUT as soon as it is there, in pieces below 16 MiB: ``cat refiner.* | tar x`` gives a
folder with the fp16 checkpoint as ``posestream weights import`` takes it, and the log with the losses against time. It
needs torch, numba, OpenCV, trimesh and warp-lang, and none of posestream's other packages.
"""

import argparse
import io
import json
import os
import tarfile
import time
from pathlib import Path

# before NumPy is imported: each process that makes scenes has one core
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch

from estimators.crew import usable_cores
from estimators.foundationpose.training.scorer_task import trunk_of
from estimators.training import checkpoints, tasks
from estimators.training.export import averaged, export
from estimators.training.log import Moment
from estimators.training.pieces import PIECE_BYTES
from estimators.training.plan import Plan
from estimators.training.run import Run

COOLED = 0.25  # of the seconds, those with a falling rate
TOLD_EVERY = 200


def trained(name: str, seconds: float, home: Path, options: argparse.Namespace, trunk: Path | None = None) -> Path:
    """The folder of a run of a network."""
    task = tasks.make(name, json.loads(options.settings))
    device = torch.device(options.device)
    task.placed(task.batch(0), device)  # compiles, once for all processes
    plan = Plan(seconds / 60, device, COOLED * seconds / 60, options.processes, options.validation_batches)
    run = Run(task, home / name, 0, plan)
    if trunk is not None:
        run.learner.begin_with(trunk_of(averaged(checkpoints.newest(trunk))))

    def told(moment: Moment) -> None:
        if moment.step % TOLD_EVERY == 0:
            print(f"{name}: step {moment.step}, loss {moment.loss:.4f}, {moment.pairs_per_s:.0f} poses/s", flush=True)

    figures = run.train(told)
    print(name, run.learner.step, "steps;", {key: round(value, 4) for key, value in figures.items()}, flush=True)
    return run.folder


def handed_back(run: Path, home: Path, out: Path) -> None:
    """Network and log of a run in small files."""
    folder, whole = home / "out" / run.name, io.BytesIO()
    export(run, folder, half=True)
    with tarfile.open(fileobj=whole, mode="w") as tar:
        tar.add(folder, run.name)
        tar.add(run / "log.jsonl", f"{run.name}/log.jsonl")
    content = whole.getvalue()
    for number, start in enumerate(range(0, len(content), PIECE_BYTES)):
        (out / f"{run.name}.{number:02d}").write_bytes(content[start : start + PIECE_BYTES])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for what is handed back")
    parser.add_argument("--refiner", type=float, default=390, help="seconds")
    parser.add_argument("--scorer", type=float, default=110, help="seconds; 0 for none")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--processes", type=int, default=max(1, usable_cores() - 1), help="that make scenes")
    parser.add_argument("--validation-batches", type=int, default=4)
    parser.add_argument("--settings", default="{}", help="of the tasks, as JSON: {'scenes': 6, 'poses': 20}")
    parser.add_argument("--runs", type=Path, help="folder for the runs' states, 280 MB each; default: OUT/runs")
    options = parser.parse_args()
    home, began = options.runs or options.out / "runs", time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    refiner = trained("refiner", options.refiner, home, options)
    handed_back(refiner, home, options.out)
    if options.scorer:
        handed_back(trained("scorer", options.scorer, home, options, refiner), home, options.out)
    print(f"{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
