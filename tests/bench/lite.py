"""What the small network ``lite`` does for the geometric estimator, in registrations and over whole sequences.

    python tests/bench/lite.py RUN SOURCE [SOURCE...] [--weight 0.5] [--bring 3] [--by sweep] [--every 20]

RUN is the folder of a ``posestream train lite``, a SOURCE a recording in BOP's layout with masks or a folder of such.
No estimator of the product uses ``lite``: it is put into the geometric estimator's registration here, so that whoever
trains one sees what it is worth. With ``--every`` each n-th frame is registered from its own mask, nothing is tracked.

A candidate's rank is multiplied by e to the power of weight times logit. For an object with an axis of near-symmetry
36 turns about it are looked at, and as many end for end where something sticks out, by lite or by geometric's own
sweep of depth and colours, and the best of them are fitted beside geometric's own candidates. With --by sweep a row
tells what these do without lite. One process on one thread, CPU time.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from time import process_time
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np
import torch

from estimators.geometric import register as registration
from estimators.geometric.faces import most_alike
from estimators.geometric.model import ObjectModel
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.sweep import STEPS, about, end_for_end, sweep
from estimators.lite.network import LiteNet
from estimators.lite.pictures import pictures
from estimators.mesh import load_object
from estimators.metrics import AUC_LIMIT_M, PoseErrors, model_points, pose_errors
from estimators.registry import load
from estimators.rendering import CpuRenderer
from estimators.training import checkpoints
from estimators.training.export import averaged
from posestream.evaluate import Recording, Start, evaluate, find_recordings, frame_of, prepare_all
from posestream.figures import COLUMNS, cells_of, courses_of, figures_of
from producers.sources.bop import BopSource
from producers.sources.open import open_recording
from schemas import Job, Pose
from schemas.arrays import Array

RIGHT = 0.1
"""Of the diameter, as BOP's older benchmarks have it."""
LEAST_PX = 200
"""A mask that shows less is left out."""


class Judge:
    """The running mean of a run's last checkpoint, at work: says how much it thinks of poses."""

    def __init__(self, run: Path) -> None:
        self._network = LiteNet().eval()
        self._network.load_state_dict(averaged(checkpoints.newest(run)))
        self._renderer = CpuRenderer()

    @torch.inference_mode()
    def logits(self, model: ObjectModel, placements: Sequence[Placement], images: FrameImages) -> Array:
        """(N,) float32, of N placements of one object in one frame; higher is likelier."""
        seen = torch.from_numpy(pictures(model.mesh, placements, images, self._renderer))
        return self._network(seen.contiguous(memory_format=torch.channels_last))[0].numpy()


def turns(model: ObjectModel, at: Placement, images: FrameImages, most: int, judge: Judge | None) -> list[Placement]:
    """The likeliest turns about the axis of near-symmetry, at either end, by lite or the sweep; none without axis."""
    wheel = model.wheel
    if wheel is None or most == 0:
        return []
    ends = [at, end_for_end(wheel, at)] if len(wheel.odd) else [at]
    angles_rad = 2 * np.pi * np.arange(STEPS) / STEPS
    turned = [end.after(*about(wheel.axis, angle_rad)) for end in ends for angle_rad in angles_rad]
    if judge is not None:
        merit = judge.logits(model, turned, images)
    else:
        merit = np.concatenate([sweep(wheel, end, images) for end in ends])
    return most_alike(turned, merit, most)


@contextmanager
def helped(judge: Judge, weight: float, bring: int, by: str) -> Iterator[None]:
    """Registration, and all that registers anew, with the network or more turns in it."""
    ranked, likely = registration._candidate, registration._likely_turns

    def judged(model: ObjectModel, start: Placement, mask: Array, images: FrameImages, *rest: Any, **how: Any) -> Any:
        found = ranked(model, start, mask, images, *rest, **how)
        if found is None or not how.get("texture", True) or weight == 0:
            return found
        logit = float(judge.logits(model, [found.fit.placement], images)[0])
        return replace(found, rank=found.rank * float(np.exp(weight * logit)))

    def more(model: ObjectModel, at: Placement, mask: Array, images: FrameImages) -> list[Placement]:
        return likely(model, at, mask, images) + turns(model, at, images, bring, judge if by == "lite" else None)

    registration._candidate, registration._likely_turns = judged, more
    try:
        yield
    finally:
        registration._candidate, registration._likely_turns = ranked, likely


@dataclass(frozen=True, slots=True)
class Found:
    """A registration: its errors, None where nothing was found; the object's diameter and the CPU time."""

    errors: PoseErrors | None
    diameter_m: float
    spent_s: float


def first_frames(recordings: Sequence[Recording]) -> Iterator[Found]:
    """The registrations that sequences began with."""
    for recording in recordings:
        meshes = {item.object_id: load_object(item) for item in recording.source.objects}
        for step in recording.steps:
            if step.seq == 0:
                mesh, pose = meshes[step.object_id], step.estimate.cam_from_obj
                yield _found(model_points(mesh), pose, step.truth, mesh.diameter_m, step.step_s)


def each_nth(address: str, every: int) -> Iterator[Found]:
    """Registrations at each n-th frame, one object at a time."""
    source = open_recording(address)
    assert isinstance(source, BopSource), f"{address}: expected a recording in BOP's layout"
    estimator, job = load("geometric"), Job("lite", source.objects, estimator="geometric")
    prepare_all(estimator, job)
    meshes = {item.object_id: load_object(item) for item in source.objects}
    points = {name: model_points(mesh) for name, mesh in meshes.items()}
    numbers = sorted(source._rgb)
    for seq, shot in islice(enumerate(source.shots(0)), 0, None, every):
        frame, truth = frame_of(job, seq, shot, source), source.truth(seq)
        masks = source._masks(numbers[seq]) or {}
        for name in sorted(name for name, mask in masks.items() if name in truth and mask.sum() >= LEAST_PX):
            began = process_time()
            pose = estimator.register(replace(frame, masks=masks), [name])[name].cam_from_obj
            spent_s = process_time() - began
            yield _found(points[name], pose, truth[name], meshes[name].diameter_m, spent_s)


def _found(points_m: Array, pose: Pose | None, truth: Pose, diameter_m: float, spent_s: float) -> Found:
    return Found(None if pose is None else pose_errors(points_m, pose, truth), diameter_m, spent_s)


def registered(found: Sequence[Found]) -> str:
    """The cells of a row: how many, ADD and ADD-S AUC, success, and time."""
    adds = np.array([np.inf if one.errors is None else one.errors.add_m for one in found])
    add_ss = np.array([np.inf if one.errors is None else one.errors.add_s_m for one in found])
    areas = [float(np.clip(1 - errors / AUC_LIMIT_M, 0, 1).mean()) for errors in (adds, add_ss)]
    right = np.mean(adds < RIGHT * np.array([one.diameter_m for one in found]))
    ms = 1000 * np.array([one.spent_s for one in found])
    return f"{len(found)} | {areas[0]:.3f} | {areas[1]:.3f} | {right:.3f} | {np.median(ms):.0f} | {ms.max():.0f}"


def compared(label: str, run: Callable[[], str], judge: Judge, options: argparse.Namespace) -> None:
    """Rows without the network, with more turns alone, and with it, at each weight."""
    print(f"| {label} | geometric | {run()} |", flush=True)
    weights = options.weight if options.by == "lite" else [0.0, *options.weight]
    for weight in weights:
        with helped(judge, weight, options.bring, options.by):
            print(f"| {label} | + {options.bring} turns by {options.by}, w = {weight:g} | {run()} |", flush=True)


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", help="folder of a run of training")
    parser.add_argument("sources", nargs="*")
    parser.add_argument(
        "--weight",
        type=float,
        nargs="+",
        default=[0.5],
        help="of its logit beside the logarithm of the rank; a row each",
    )
    parser.add_argument("--bring", type=int, default=3, help="turns added to each shape's candidates, at most")
    parser.add_argument("--by", choices=["lite", "sweep"], default="sweep", help="which proposes these turns")
    parser.add_argument("--every", type=int, default=0, help="register at each n-th frame instead")
    options = parser.parse_args()
    if options.run is None or not options.sources:
        print("lite is not in the repository: name a run of `posestream train lite` and recordings", file=sys.stderr)
        return
    torch.set_num_threads(1)
    judge = Judge(options.run)
    registering = ("n", "ADD", "ADD-S", f"ADD < {RIGHT} d", "ms p50", "ms most")
    columns = registering if options.every else (*registering, *COLUMNS)
    print("| source | estimator | " + " | ".join(columns) + " |\n" + "|---" * (len(columns) + 2) + "|")
    for source in options.sources:
        addresses = find_recordings([source])

        def run(addresses: Sequence[str] = addresses) -> str:
            if options.every:
                return registered([one for address in addresses for one in each_nth(address, options.every)])
            recordings = [evaluate(address, "geometric", Start.MASK, lambda *_: None) for address in addresses]
            whole = figures_of(*(course for recording in recordings for course in courses_of(recording)))
            return " | ".join([registered(list(first_frames(recordings))), *cells_of(whole)])

        compared(Path(source).name, run, judge, options)


if __name__ == "__main__":
    main()
