"""What the searches of FoundationPose's registration cost: how many poses are right, and how long they take.

    python tests/bench/foundationpose_search.py SUITE --weights DIR [--device cuda] [--every 10] [--frames 100]

A SUITE is a recording in BOP's layout or a folder of such, with masks. Every n-th frame is registered from its mask, by
the reference's full search, by the pruned one, by the geometric estimator's survivors, and by the geometric estimator
alone, which needs no weights. Recall is the share of objects whose ADD (ADD-S) is below a tenth of their diameter. With
weights that were not trained (the golden recipe's) the times mean something and the recall nothing. On a CPU a full
search takes minutes: say --frames 1.
"""

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np

from estimators.base import Estimator
from estimators.mesh import load_object
from estimators.metrics import model_points, pose_errors
from estimators.registry import Resources, load
from posestream.evaluate import find_recordings, frame_of, prepare_all
from producers.sources.base import Source
from producers.sources.open import open_source
from schemas import Frame, Job, Pose

SEARCHES = ("full", "pruned", "geometric", "without networks")
RIGHT = 0.1
"""Of the diameter, as BOP's older benchmarks have it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One registration: errors over the object's diameter, infinite where nothing was found, and seconds."""

    add: float
    add_s: float
    took_s: float


def shots_of(source: Source, job: Job, every: int) -> Iterator[tuple[Frame, dict[str, Pose]]]:
    """Every n-th frame that has masks, with the true poses of what they show."""
    for seq, shot in enumerate(source.shots(0)):
        truth = {name: pose for name, pose in source.truth(seq).items() if name in (shot.masks or {})}
        if seq % every == 0 and truth:
            yield frame_of(job, seq, shot, source), truth


def searched(address: str, estimator: Estimator, options: dict[str, str], every: int, most: int) -> list[Found]:
    """The registrations of a recording; its first frame is registered twice, the first time to warm up."""
    source = open_source(address)
    job = Job("search", source.objects, estimator=estimator.name, options=options)
    prepare_all(estimator, job)
    meshes = {item.object_id: load_object(item) for item in source.objects}
    points = {name: model_points(mesh) for name, mesh in meshes.items()}
    out: list[Found] = []
    for at, (frame, truth) in enumerate(itertools.islice(shots_of(source, job, every), most)):
        for name, pose in truth.items():
            if at == 0 and most > 1:
                estimator.register(frame, [name])
            began = time.perf_counter()
            got = estimator.register(frame, [name])[name].cam_from_obj
            took_s = time.perf_counter() - began
            if got is None:
                out.append(Found(np.inf, np.inf, took_s))
                continue
            errors = pose_errors(points[name], got, pose)
            out.append(Found(errors.add_m / meshes[name].diameter_m, errors.add_s_m / meshes[name].diameter_m, took_s))
    estimator.release(job.id)
    return out


def row(search: str, found: Sequence[Found]) -> None:
    """Print one line of the table."""
    add, add_s, ms = (np.array([getattr(one, part) for one in found]) for part in ("add", "add_s", "took_s"))
    right = f"{np.mean(add < RIGHT):.3f} | {np.mean(add_s < RIGHT):.3f}"
    times = f"{1000 * np.median(ms):.0f} | {1000 * np.percentile(ms, 95):.0f}"
    print(f"| {search} | {len(found)} | {right} | {times} |", flush=True)


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite")
    parser.add_argument("--weights", type=Path, help="folder; without it that of `posestream weights import`")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="of the CPU; 0 for all")
    parser.add_argument("--every", type=int, default=10, help="each n-th frame")
    parser.add_argument("--frames", type=int, default=1000, help="of a recording, at most")
    parser.add_argument("--recordings", type=int, default=1000, help="at most")
    parser.add_argument("--searches", nargs="+", choices=SEARCHES, default=SEARCHES)
    options = parser.parse_args()
    addresses = find_recordings([options.suite])[: options.recordings]
    networks = load("foundationpose", Resources(options.threads, options.weights, options.device, options.precision))
    print(f"weights {networks.weights_digest[:12]}, {options.device}, {options.precision}", file=sys.stderr)
    print("| search | objects | ADD < 0.1 d | ADD-S < 0.1 d | ms p50 | ms p95 |\n|---|---|---|---|---|---|")
    for search in options.searches:
        estimator = load("geometric") if search == "without networks" else networks
        settings = {} if search == "without networks" else {"search": search, "loss": "off"}
        found = [searched(at, estimator, settings, options.every, options.frames) for at in addresses]
        row(search, [one for part in found for one in part])


if __name__ == "__main__":
    main()
