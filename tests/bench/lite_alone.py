"""What poses the small network ``lite`` finds and follows by itself, FoundationPose's way: no fit, nothing geometric.

    python tests/bench/lite_alone.py SOURCE [SOURCE...] --runs RUN [RUN...]

A RUN is the folder of a ``posestream train lite``, a SOURCE a recording in BOP's layout with masks or a folder
of such.
Registered is from the mask of each object's first frame: 252 turns at one place, five steps each, the best logit.
Tracked is from the first frame's true pose, two steps a frame, started once and never helped. Whether scenes made in
code teach what real pictures need is told by this, before anybody pays for hours of a GPU: lite learns from the same
scenes, with the same loss of shifts and turns, as the refiner. One process on one thread, CPU time.
"""

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np
import torch

from estimators.foundationpose.depth import filtered, guess_translation
from estimators.foundationpose.pose_update import decode
from estimators.foundationpose.view_grid import start_rotations
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.lite.network import ROT_NORMALIZER_RAD, LiteNet
from estimators.lite.pictures import pictures
from estimators.mesh import Mesh, load_object
from estimators.metrics import auc, model_points, pose_errors
from estimators.rendering import CpuRenderer
from estimators.training import checkpoints
from estimators.training.export import averaged
from posestream.evaluate import find_recordings, frame_of
from producers.sources.base import Source
from producers.sources.open import open_recording
from schemas import Frame, Job, Pose
from schemas.arrays import Array

REGISTER_STEPS, TRACK_STEPS = 5, 2
"""As FoundationPose's."""
RIGHT = 0.1
"""Of the diameter, as BOP's older benchmarks have it."""
_AT_ONCE = 63


class Mover:
    """The running mean of a run's last checkpoint, as refiner and scorer."""

    def __init__(self, run: Path) -> None:
        checkpoint = checkpoints.newest(run)
        self.step = checkpoints.origin_of(checkpoint).step
        self._network = LiteNet().eval()
        self._network.load_state_dict(averaged(checkpoint))
        self._renderer = CpuRenderer()

    def moved(self, mesh: Mesh, poses: Array, images: FrameImages, steps: int) -> Array:
        """(N, 4, 4) poses of the mesh's centre after so many steps."""
        for _ in range(steps):
            _, trans, rot = self._look(mesh, poses, images)
            diameter_m = torch.tensor(mesh.diameter_m)
            poses = decode(torch.tensor(poses).float(), trans, rot, diameter_m, ROT_NORMALIZER_RAD).double().numpy()
        return poses

    def best(self, mesh: Mesh, poses: Array, images: FrameImages) -> Array:
        """(4, 4), the pose with the highest logit."""
        parts = np.split(poses, range(_AT_ONCE, len(poses), _AT_ONCE))
        return poses[int(torch.cat([self._look(mesh, part, images)[0] for part in parts]).argmax())]

    @torch.inference_mode()
    def _look(self, mesh: Mesh, poses: Array, images: FrameImages) -> tuple[torch.Tensor, ...]:
        placements = [Placement(pose[:3, :3].copy(), pose[:3, 3].copy()) for pose in poses]
        seen = torch.from_numpy(pictures(mesh, placements, images, self._renderer))
        return self._network(seen.contiguous(memory_format=torch.channels_last))


@dataclass(frozen=True, slots=True)
class Found:
    """A pose beside the true one: errors in metres, radians and diameters, and CPU time."""

    add_m: float
    add_s_m: float
    turn_rad: float
    add_d: float
    spent_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """An object of a recording: its mesh, and its points for ADD."""

    mesh: Mesh
    points_m: Array

    def centred(self, pose: Pose) -> Array:
        """(4, 4), ``cam_from_obj`` as the pose of the mesh about its centre."""
        return (pose @ Pose(np.eye(3), self.mesh.center_m)).matrix()

    def found(self, centred: Array, truth: Pose, began_s: float) -> Found:
        """A pose of the centre, and what is wrong with it."""
        spent_s = process_time() - began_s
        pose = Pose.from_matrix(centred) @ Pose(np.eye(3), -self.mesh.center_m)
        errors = pose_errors(self.points_m, pose, truth)
        return Found(errors.add_m, errors.add_s_m, errors.rotation_rad, errors.add_m / self.mesh.diameter_m, spent_s)


def frames(source: Source) -> Iterator[Frame]:
    """A recording's frames, in order."""
    job = Job("lite", source.objects)
    for seq, shot in enumerate(source.shots(0)):
        yield frame_of(job, seq, shot, source)


def targets(source: Source) -> dict[str, Target]:
    """The objects that are in the first frame."""
    meshes = {item.object_id: load_object(item) for item in source.objects if item.object_id in source.truth(0)}
    return {name: Target(mesh, model_points(mesh)) for name, mesh in meshes.items()}


def registered(mover: Mover, address: str) -> list[Found]:
    """Each object of a recording's first frame, from its mask."""
    source, out = open_recording(address), []
    frame = next(frames(source))
    images, smooth = FrameImages(frame), filtered(np.asarray(frame.depth_m, np.float32))
    for name, target in targets(source).items():
        began_s = process_time()
        rotations = start_rotations(np.eye(4)[None])
        starts = np.tile(np.eye(4), (len(rotations), 1, 1))
        starts[:, :3, :3] = rotations
        starts[:, :3, 3] = guess_translation(smooth, (frame.masks or {})[name], images.K)
        parts = np.split(starts, range(_AT_ONCE, len(starts), _AT_ONCE))
        poses = np.concatenate([mover.moved(target.mesh, part, images, REGISTER_STEPS) for part in parts])
        out.append(target.found(mover.best(target.mesh, poses, images), source.truth(0)[name], began_s))
    return out


def tracked(mover: Mover, address: str) -> dict[str, list[Found]]:
    """Each object of a recording, frame by frame, the first left out."""
    source = open_recording(address)
    ours = targets(source)
    poses = {name: target.centred(source.truth(0)[name]) for name, target in ours.items()}
    out: dict[str, list[Found]] = {name: [] for name in ours}
    for seq, frame in enumerate(frames(source)):
        images, truth = FrameImages(frame), source.truth(seq)
        for name, target in ours.items():
            began_s = process_time()
            poses[name] = mover.moved(target.mesh, poses[name][None], images, TRACK_STEPS)[0]
            if seq and name in truth:
                out[name].append(target.found(poses[name], truth[name], began_s))
    return out


def areas(courses: Sequence[Sequence[Found]]) -> str:
    """Cells of ADD and ADD-S AUC, means over courses."""
    each = (np.mean([auc(np.array([getattr(one, name) for one in course])) for course in courses])
            for name in ("add_m", "add_s_m"))  # fmt: skip
    return " | ".join(f"{area:.3f}" for area in each)


def row(mover: Mover, label: str, addresses: Sequence[str]) -> str:
    """One line of the table."""
    first = [one for address in addresses for one in registered(mover, address)]
    courses = [course for address in addresses for course in tracked(mover, address).values()]
    every = [one for course in courses for one in course]
    right = f"{sum(one.add_d < RIGHT for one in first)} of {len(first)}"
    turn = np.degrees(np.median([one.turn_rad for one in every]))
    ms = [1000 * float(np.median([one.spent_s for one in part])) for part in (first, every)]
    came = f"{areas([first])} | {right} | {ms[0]:.0f} | {areas(courses)} | {turn:.1f} | {ms[1]:.1f}"
    return f"| {label} | {mover.step} | {came} |"


def main() -> None:
    """Read the command line and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="*")
    parser.add_argument("--runs", type=Path, nargs="+", default=[], help="folders of runs of training; a row each")
    options = parser.parse_args()
    if not options.runs or not options.sources:
        print("lite is not in the repository: name recordings and runs of `posestream train lite`")
        return
    torch.set_num_threads(1)
    columns = ("source", "step", "registered: ADD", "ADD-S", f"ADD < {RIGHT} d", "ms",
               "tracked: ADD", "ADD-S", "deg p50", "ms")  # fmt: skip
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|")
    for source in options.sources:
        for run in options.runs:
            print(row(Mover(run), Path(source).name, find_recordings([source])), flush=True)


if __name__ == "__main__":
    main()
