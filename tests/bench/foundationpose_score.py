"""Whether FoundationPose's score knows: true poses of recordings, moved by known errors, and what depth says to them.

    python tests/bench/foundationpose_score.py SUITE [SUITE...] [--every 15] [--poses 40]

Half of the poses are within 2 cm and 10 degrees of the truth, half beyond one or both (up to 10 cm, 90 degrees), in
every frame. Printed are, by score, the share of poses within (a calibrated score is that share), the area under the
ROC, and the constants of ``judge`` that fit these recordings best. No network is asked, so that the golden recipe's
weights do: the scorer's trust is taken as 1. A declared symmetry counts as no error.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import cv2
import numpy as np

from estimators.foundationpose.judge import score_of
from estimators.foundationpose.model import make_model, tensor_of
from estimators.foundationpose.options import Options
from estimators.foundationpose.symmetry import nearest_equal
from estimators.metrics import separation
from estimators.rendering import CpuRenderer
from posestream.evaluate import find_recordings, frame_of
from producers.sources.open import open_source
from schemas import Frame, Job, Pose
from schemas.arrays import Array
from tests.unit.foundationpose_world import estimator

NEAR_M, NEAR_RAD = 0.02, np.radians(10.0)
FAR_M, FAR_RAD = 0.10, np.radians(90.0)
BINS = np.linspace(0.0, 1.0, 11)
MADE = estimator(still=True)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """Poses of one object in some frames: agreement (N,) of depth and whether they are near the truth (N,) bool."""

    name: str
    agreement: Array
    near: Array


def moved(truth: Pose, at: int, random: np.random.Generator) -> Pose:
    """The truth with an error, in the object's frame: within both limits, beyond one or the other, or beyond both."""
    beyond_m, beyond_rad = [(False, False), (True, False), (False, False), (False, True), (False, False), (True, True)][
        at % 6
    ]
    shift_m = random.uniform(*((NEAR_M, FAR_M) if beyond_m else (0.0, NEAR_M)))
    turn_rad = random.uniform(*((NEAR_RAD, FAR_RAD) if beyond_rad else (0.0, NEAR_RAD)))
    axes = random.normal(size=(2, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return truth @ Pose(cv2.Rodrigues(axes[0] * turn_rad)[0], axes[1] * shift_m)


def frames_of(job: Job, address: str, every: int) -> Iterator[tuple[Frame, dict[str, Pose]]]:
    """Every n-th frame with its true poses."""
    source = open_source(address)
    for seq, shot in enumerate(source.shots(0)):
        if seq % every == 0:
            yield frame_of(job, seq, shot, source), dict(source.truth(seq))


def judged(address: str, every: int, count: int) -> list[Judged]:
    """The objects of a recording."""
    random = np.random.default_rng(0)
    job, engine, drawn = Job("score", open_source(address).objects), MADE.engine, CpuRenderer()
    options = Options.of({"search": "geometric"}, engine.device.type)
    models = {item.object_id: make_model(item, options, engine.renderer, drawn) for item in job.objects}
    found: dict[str, list[tuple[Array, Array]]] = {}
    for frame, truths in frames_of(job, address, every):
        (scene,) = engine.scenes([frame])
        for name, truth in truths.items():
            right = models[name].centred(truth)
            poses = [moved(right, at, random) for at in range(count)]
            agreement = engine.agreement([models[name].group(scene, count)], tensor_of(poses, engine.device)).numpy()
            errors = [nearest_equal(pose, models[name].symmetries, right).distance(right) for pose in poses]
            near = np.array([turn <= NEAR_RAD and shift <= NEAR_M for turn, shift in errors])
            found.setdefault(name, []).append((agreement, near))
    return [Judged(name, *(np.concatenate(part) for part in zip(*parts, strict=True))) for name, parts in found.items()]


def fitted(agreement: Array, near: Array) -> tuple[float, float]:
    """Middle and width of the logistic curve over agreement that makes these outcomes likeliest, by a grid."""
    known = agreement > 0
    middles, widths = np.linspace(0.3, 1.0, 141), np.geomspace(0.01, 0.5, 60)
    best = (np.inf, 0.0, 0.0)
    for middle in middles:
        for width in widths:
            odds = (agreement[known] - middle) / width
            cost = float(np.logaddexp(0.0, np.where(near[known], -odds, odds)).mean())
            best = min(best, (cost, middle, width))
    return best[1], best[2]


def table(name: str, all_judged: Sequence[Judged]) -> None:
    """Print the reliability of a suite."""
    agreement = np.concatenate([one.agreement for one in all_judged])
    near = np.concatenate([one.near for one in all_judged])
    score = np.array([score_of(float(one), 1.0) for one in agreement])
    print(f"\n## {name}: {len(score)} poses, {near.mean():.2f} within 2 cm and 10 degrees")
    print("| score | poses | mean score | share within |\n|---|---|---|---|")
    place = np.clip(np.digitize(score, BINS) - 1, 0, len(BINS) - 2)
    error = 0.0
    for at in range(len(BINS) - 1):
        own = place == at
        if own.any():
            share, mean = near[own].mean(), score[own].mean()
            error += own.mean() * abs(share - mean)
            print(f"| {BINS[at]:.1f} to {BINS[at + 1]:.1f} | {own.sum()} | {mean:.2f} | {share:.2f} |")
    trusted = score >= 0.5
    print(f"expected calibration error {error:.3f}; ROC {separation(score, ~near):.3f}")
    print(f"right where trusted (>= 0.5) {near[trusted].mean():.2f}; trusted where right {trusted[near].mean():.2f}")
    for one in all_judged:
        print(f"  {one.name}: ROC {separation(one.agreement, ~one.near):.3f}")
    print("best constants: middle {:.3f}, width {:.3f}".format(*fitted(agreement, near)))


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", nargs="+")
    parser.add_argument("--every", type=int, default=15, help="each n-th frame")
    parser.add_argument("--poses", type=int, default=40, help="in a frame")
    options = parser.parse_args()
    together: list[Judged] = []
    for suite in options.suites:
        own = [one for at in find_recordings([suite]) for one in judged(at, options.every, options.poses)]
        table(suite, own)
        together += own
    if len(options.suites) > 1:
        table("all", together)


if __name__ == "__main__":
    main()
