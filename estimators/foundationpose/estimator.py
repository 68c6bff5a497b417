"""FoundationPose behind the protocol of all estimators."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from estimators.foundationpose.device import Device
from estimators.foundationpose.engine import Engine
from estimators.foundationpose.follow import estimate_of, follow
from estimators.foundationpose.judge import score_of
from estimators.foundationpose.look import Followed
from estimators.foundationpose.memory import Memory
from estimators.foundationpose.model import ObjectModel, make_model, tensor_of
from estimators.foundationpose.options import GEOMETRIC, Options
from estimators.foundationpose.register import Wanted, register
from estimators.foundationpose.starts import View, places_of
from estimators.foundationpose.warm import warm_up
from estimators.foundationpose.weights import Weights, load_weights
from estimators.geometric.warm import warm_up as warm_up_geometric
from estimators.rendering import CpuRenderer
from estimators.unfound import fills_frame, why_not_found
from estimators.usable import usable
from estimators.versions import VERSIONS
from schemas import BadMessage, Estimate, Estimates, Frame, Job, Pose, State
from schemas.arrays import Array

_LOG = logging.getLogger("posestream.estimators")


class FoundationPoseEstimator:
    """``Estimator`` by FoundationPose's networks; needs depth and weights.

    Its score is how likely the pose is right by the share of its surface that is measured where it is drawn, see
    ``judge.calibrated``, halved where the scorer network thinks no more of the pose than of an average hypothesis at
    registration: below 0.5 a pose is not to be trusted; after five frames in a row below 0.1 the object is lost. A lost
    one is looked for where it was last for ten frames, then registered anew every fifteen.

    All objects of all frames of a call go through the refiner in one batch.

    Args:
        weights: Folder with weights, see ``weights.load_weights``, or networks in memory.
        device: Where they run.
        threads: Of the CPU; 0 for as many as there are usable cores.

    Raises:
        BadJob: No weights, or such as cannot be used; no such device.
    """

    name = "foundationpose"
    side_by_side = False
    version = VERSIONS["foundationpose"]

    def __init__(self, weights: Path | Weights | None = None, device: Device | None = None, threads: int = 1) -> None:
        device = device or Device.named()
        loaded = weights if isinstance(weights, Weights) else load_weights(weights)
        self.weights_digest = loaded.digest
        self.engine = Engine(loaded, device, threads)
        self._drawn = CpuRenderer()
        self._jobs: dict[str, dict[str, ObjectModel]] = {}
        self._warm_geometric = False
        warm_up(self.engine)

    def prepare(self, job: Job) -> Mapping[str, str]:
        """See ``Estimator.prepare``."""
        started = time.monotonic()
        options = Options.of(job.options, self.engine.device.type)
        if options.search == GEOMETRIC and not self._warm_geometric:
            warm_up_geometric(self._drawn)
            self._warm_geometric = True
        models, refused = usable(job, lambda item: make_model(item, options, self.engine.renderer, self._drawn))
        self._jobs[job.id] = models
        held = torch.cuda.memory_allocated(self.engine.device) / 2**20 if self.engine.device.type == "cuda" else 0.0
        spent = time.monotonic() - started
        _LOG.info("job %s: %d objects ready in %.2f s, %.0f MiB of GPU memory", job.id, len(models), spent, held)
        return refused

    def release(self, job_id: str) -> None:
        """See ``Estimator.release``."""
        self._jobs.pop(job_id, None)

    def register(self, frame: Frame, objects: Sequence[str]) -> Estimates:
        """See ``Estimator.register``; without a mask, pieces of the scene of the object's size are tried."""
        _check_depth([frame])
        (view,), models = self._views([frame]), self._jobs[frame.job_id]
        wanted = [Wanted(models[name], view, _places(name, models[name], view)) for name in objects]
        found = register(self.engine, wanted)
        out: dict[str, Estimate] = {}
        for name, one in zip(objects, found, strict=True):
            estimate = estimate_of(one, models[name], None)
            if estimate.state is State.LOST:
                estimate = replace(estimate, reason=why_not_found(frame, name))
            out[name] = estimate
        return out

    def adopt(self, frame: Frame, poses: Mapping[str, Pose]) -> Estimates:
        """See ``Estimator.adopt``."""
        _check_depth([frame])
        (view,), models = self._views([frame]), self._jobs[frame.job_id]
        groups = [models[name].group(view.scene) for name in poses]
        centred = tensor_of([models[name].centred(pose) for name, pose in poses.items()], self.engine.device)
        agreements = self.engine.agreement(groups, centred).tolist() if groups else []
        out: dict[str, Estimate] = {}
        for (name, pose), agreement in zip(poses.items(), agreements, strict=True):
            score = score_of(agreement, 1.0)
            memory = Memory(mean=score, trusted=pose)
            out[name] = Estimate(pose, score, State.REGISTERED, memory=memory.pack())
        return out

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        """See ``Estimator.track``."""
        _check_depth(frames)
        found = iter(follow(self.engine, self._parts(frames, priors)))
        return [{name: next(found) for name in prior} for prior in priors]

    def _parts(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> Iterator[list[Followed]]:
        """The objects of some frames at a time, as many as the device is best given at once."""
        for part in parts_of([len(prior) for prior in priors], self.engine.at_once):
            items: list[Followed] = []
            for view, prior in zip(self._views(frames[part]), priors[part], strict=True):
                models = self._jobs[view.frame.job_id]
                for name, estimate in prior.items():
                    memory = Memory.unpack(estimate.memory) or Memory(trusted=estimate.cam_from_obj)
                    items.append(Followed(models[name], view, estimate, memory))
            yield items

    def _views(self, frames: Sequence[Frame]) -> list[View]:
        return [View(frame, scene) for frame, scene in zip(frames, self.engine.scenes(frames), strict=True)]


def parts_of(counts: Sequence[int], at_once: int) -> Iterator[slice]:
    """Frames with so many objects each, cut into parts of about ``at_once`` objects; 0 for all in one."""
    least = sum(counts) / max(1, -(-sum(counts) // at_once)) if at_once else float("inf")
    start = 0
    for end in range(1, len(counts) + 1):
        if sum(counts[start:end]) >= least or end == len(counts):
            yield slice(start, end)
            start = end


def _check_depth(frames: Sequence[Frame]) -> None:
    for frame in frames:
        if frame.depth_m is None:
            msg = f"frame {frame.seq} of job {frame.job_id}: foundationpose needs depth, the frame has none"
            raise BadMessage(msg, "frame")


def _places(name: str, model: ObjectModel, view: View) -> list[Array]:
    """Where to look for an object: under its mask, nowhere if that shows no edge, without one wherever it could be."""
    mask = (view.frame.masks or {}).get(name)
    if mask is None:
        return places_of(model, view)
    return [] if fills_frame(mask) else [mask]
