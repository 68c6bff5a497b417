"""What FoundationPose costs, stage by stage: ``python tests/bench/foundationpose.py [--device cuda]``.

Weights are those of the golden recipe (a network costs the same with any), the object is a box of six pictures, the
frame 640 x 480. On a CPU registration is measured with 8 hypotheses x 2 iterations, on CUDA with 252 x 5 and pruned;
the whole takes under three minutes on idle cores. Times are medians of wall time, or, where only one core may be used
(taskset -c 0 ...), of CPU time, which others on the machine hardly change. ``around`` is a step of the refiner over a
bare forward of its network in the same run: what is above 1 is drawing, cropping, decoding.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from estimators.foundationpose.device import PRECISIONS, Device
from estimators.foundationpose.estimator import FoundationPoseEstimator
from estimators.foundationpose.starts import starts_of
from estimators.mesh import load_mesh
from schemas import Camera, Estimate, Frame, Job, JobObject, State
from tests.bench.printing.table import as_table
from tests.golden.foundationpose_golden import write_recipe_weights
from tests.unit.estimators_scene import Studio, pose, write_box

COLUMNS = ("device", "precision", "stage", "batch", "ms", "ms_each", "around", "per_s", "launches")
CAMERA = Camera(640, 480, 615.0, 615.0, 319.5, 239.5)
AT = pose((20, 30, 0), z_m=0.6)
FLOORS_MS = {  # facts/rendering.md section 4: estimates for an H200; measured forwards on 2 cores of a Zen 4
    "cuda": {"track 1": 0.06, "register 252 x 5": 45.0, "register pruned": 14.0},
    "cpu": {"forward 1": 63.0},
}


class Bench:
    """One device and precision.

    Args:
        device: cpu or cuda.
        precision: fp32, bf16 or fp16.
        weights: Folder with the recipe's.
        mesh: The object's.
        repeats: Of each measurement.
    """

    def __init__(self, device: str, precision: str, weights: Path, mesh: Path, repeats: int) -> None:
        place = Device(torch.device(device), PRECISIONS[precision])
        self.made = FoundationPoseEstimator(weights, place, threads=0)
        self.engine = self.made.engine
        self.rows: list[dict[str, Any]] = []
        self._labels = {"device": device, "precision": precision}
        self._repeats, self._mesh = repeats, mesh
        alone = device == "cpu" and torch.get_num_threads() == 1
        self._clock = time.process_time if alone else time.perf_counter
        self.frame = scaled_frame(mesh)

    def job(self, name: str, **options: str) -> None:
        """Make a job of one object ready."""
        objects = (JobObject("box", str(self._mesh)),)
        self.made.prepare(Job(name, objects, estimator="foundationpose", options={"loss": "off"} | options))

    def time(self, stage: str, batch: int, call: Callable[[], object], *, repeats: int = 0) -> float:
        """Note the median of a call, milliseconds, after one that does not count."""
        self._synchronised(call)
        spent = [self._synchronised(call) for _ in range(repeats or self._repeats)]
        ms = statistics.median(spent)
        self.rows.append(self._labels | {"stage": stage, "batch": batch, "ms": ms, "ms_each": ms / max(1, batch)})
        return ms

    def stages(self, batch: int) -> None:
        """One step of the refiner, piece by piece, for so many poses in one frame."""
        engine, steps, model = self.engine, self.engine.steps, self.made._jobs["track"]["box"]
        self.time("scene", 1, lambda: engine.scenes([self.frame]))
        scene = engine.scenes([self.frame])[0]
        poses = torch.tensor(AT.matrix(), dtype=torch.float32).repeat(batch, 1, 1)
        there, group = poses.to(engine.device), [model.group(scene, batch)]
        looked = engine._looks.batch(group)
        with torch.inference_mode():
            inputs = looked.refine_input(there).clone()
            bare = self.time("forward", batch, lambda: steps._refiner(inputs))
            self.time("inputs", batch, lambda: looked.refine_input(there))
            step = self.time("refine step", batch, lambda: engine.refine(group, there, 1))
        self.rows[-1]["around"] = step / bare
        self.time("agreement", batch, lambda: engine.agreement(group, there))
        self.time("score", batch, lambda: engine.score(group, there))
        self.time("follow", batch, lambda: engine.follow(group, poses, 2).result())

    def track(self, streams: int, objects: int) -> None:
        """A round of so many streams of so many objects, two iterations, from frames to estimates."""
        models = {f"box-{k}": self.made._jobs["track"]["box"] for k in range(objects)}
        names = [f"stream-{k}" for k in range(streams)]
        self.made._jobs |= dict.fromkeys(names, models)
        frames = [replace(self.frame, job_id=name) for name in names]
        priors = [dict.fromkeys(models, Estimate(AT, 1.0, State.TRACKED)) for _ in names]
        count = streams * objects
        ms = self.time(f"track {streams} x {objects}", count, lambda: self.made.track(frames, priors))
        self.rows[-1] |= {
            "per_s": 1000 * count / ms,
            "launches": self._launches(lambda: self.made.track(frames, priors)),
        }

    def register(self, search: str) -> None:
        """A registration from a mask."""
        self.job("register", search=search)
        frame = replace(self.frame, job_id="register")
        model = self.made._jobs["register"]["box"]
        count = len(starts_of(model, [(frame.masks or {})["box"]], self.made._views([frame])[0]))
        self.time(f"register {search}", count, lambda: self.made.register(frame, ["box"]), repeats=1)

    def _synchronised(self, call: Callable[[], object]) -> float:
        started_s = self._clock()
        call()
        if self.engine.device.type == "cuda":
            torch.cuda.synchronize()
        return (self._clock() - started_s) * 1e3

    def _launches(self, call: Callable[[], object]) -> int | None:
        """How often a call starts something on the GPU, a whole graph counting once; None on the CPU."""
        if self.engine.device.type != "cuda":
            return None
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CUDA], acc_events=True) as seen:
            call()
            torch.cuda.synchronize()
        return sum(event.count for event in seen.key_averages() if "Launch" in event.key)


def scaled_frame(mesh: Path) -> Frame:
    """The studio's scene at 640 x 480 with the object's mask."""
    small = Studio({"box": load_mesh(mesh)}).frame(0, {"box": AT}, masks=True)
    assert small.depth_m is not None
    double = [np.repeat(np.repeat(part, 2, axis=0), 2, axis=1) for part in (small.rgb, small.depth_m)]
    mask = np.repeat(np.repeat((small.masks or {})["box"], 2, axis=0), 2, axis=1)
    return Frame("track", "run", 0, 0, CAMERA, double[0], double[1], {"box": mask})


def measure(options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """All rows for the devices and precisions asked for."""
    weights, mesh = write_recipe_weights(folder / "weights"), write_box(folder / "box.obj", (0.06, 0.1, 0.14), 2)
    rows: list[dict[str, Any]] = []
    on_gpu = options.device == "cuda"
    for precision in options.precision or ["fp32", "bf16", *(["fp16"] if on_gpu else [])]:
        bench = Bench(options.device, precision, weights, mesh, options.repeats)
        bench.job("track", score_every="0")
        for batch in options.batch or ([1, 8, 64] if on_gpu else [1, 8]):
            bench.stages(batch)
            bench.track(batch, 1)
        if on_gpu:
            for streams, objects in ((16, 4), (64, 4), (128, 1)):
                bench.track(streams, objects)
        for search in ("full", "pruned", "geometric") if on_gpu else ("geometric",):
            bench.register(search)
        rows += bench.rows
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--precision", choices=list(PRECISIONS), action="append", help="repeatable; default fp32, bf16, on CUDA fp16"
    )
    parser.add_argument("--batch", type=int, action="append", help="repeatable; default 1, 8 and on CUDA 64")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(options, Path(folder))
    if options.json:
        print(json.dumps(rows))
        return
    Console(width=120).print(as_table(COLUMNS, rows))
    print("floors, ms:", json.dumps(FLOORS_MS[options.device]), "(estimates on CUDA: an H200's arithmetic alone)")


if __name__ == "__main__":
    main()
