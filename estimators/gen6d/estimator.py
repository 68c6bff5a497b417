"""Gen6D behind the protocol of all estimators."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from estimators.crew import Crew
from estimators.gen6d.engine import Engine
from estimators.gen6d.find import Wanted, found_poses
from estimators.gen6d.follow import Posed, as_pose, refined, score_of
from estimators.gen6d.judge import followed, is_due, missed, registered
from estimators.gen6d.memory import Memory
from estimators.gen6d.model import ObjectModel, make_model
from estimators.gen6d.options import Options
from estimators.gen6d.weights import Weights, load_weights
from estimators.unfound import why_not_found
from estimators.usable import usable
from estimators.versions import VERSIONS
from schemas import Estimate, Estimates, Frame, Job, Pose, State
from schemas.arrays import Array

_LOG = logging.getLogger("posestream.estimators")


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """An object that was to be followed: its name, model, frame, last estimate and memory."""

    name: str
    model: ObjectModel
    frame: Frame
    prior: Estimate
    memory: Memory

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.model, self.frame, (self.frame.masks or {}).get(self.name))


class Gen6DEstimator:
    """``Estimator`` by Gen6D's networks; needs posed photos of each object and weights, no mesh and no depth.

    Its score is how likely a pose is right by how alike the picture and the nearest photos look there, see
    ``likeness``; it tells less than that of estimators with a mesh. Objects are detected to start and after a loss
    only: eight frames in a row below 0.15. A lost one is detected anew every ten frames.

    All objects of all frames of a call go through the refiner in one batch.

    Args:
        weights: Folder with weights, see ``weights.load_weights``, or networks in memory.
        device: Where they run.
        threads: Of the CPU; 0 for as many as there are usable cores.

    Raises:
        BadJob: No weights, or such as cannot be used.
    """

    name = "gen6d"
    side_by_side = False
    version = VERSIONS["gen6d"]

    def __init__(
        self, weights: Path | Weights | None = None, device: torch.device | None = None, threads: int = 1
    ) -> None:
        loaded = weights if isinstance(weights, Weights) else load_weights(weights)
        self.weights_digest = loaded.digest
        self.engine = Engine(loaded, device or torch.device("cpu"), threads)
        self._crew = Crew(threads)
        self._jobs: dict[str, dict[str, ObjectModel]] = {}

    def prepare(self, job: Job) -> Mapping[str, str]:
        """See ``Estimator.prepare``; ``model_uri`` is a folder of posed photos, see ``references.load_references``."""
        started = time.monotonic()
        options = Options.of(job.options)
        models, refused = usable(job, lambda item: make_model(item, options, self.engine))
        self._jobs[job.id] = models
        _LOG.info("job %s: %d objects ready in %.2f s", job.id, len(models), time.monotonic() - started)
        return refused

    def release(self, job_id: str) -> None:
        """See ``Estimator.release``."""
        self._jobs.pop(job_id, None)

    def register(self, frame: Frame, objects: Sequence[str]) -> Estimates:
        """See ``Estimator.register``; with a mask it says place and size, without one the detector does."""
        models = self._jobs[frame.job_id]
        nothing = Estimate(None, 0.0, State.LOST)
        asked = [_Asked(name, models[name], frame, nothing, Memory()) for name in objects]
        out: dict[str, Estimate] = {}
        for one, estimate in zip(asked, self._found(asked), strict=True):
            lost = estimate.state is State.LOST
            reason = why_not_found(frame, one.name, by_depth=False) if lost else ""
            out[one.name] = replace(estimate, reason=reason)
        return out

    def adopt(self, frame: Frame, poses: Mapping[str, Pose]) -> Estimates:
        """See ``Estimator.adopt``."""
        models, out = self._jobs[frame.job_id], dict[str, Estimate]()
        for name, pose in poses.items():
            score = score_of(Posed(models[name], frame, pose.matrix()[:3]))
            out[name] = Estimate(pose, score, State.REGISTERED, memory=Memory(trusted=pose).pack())
        return out

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        """See ``Estimator.track``."""
        asked = [
            _Asked(name, self._jobs[frame.job_id][name], frame, prior, _memory_of(prior))
            for frame, estimates in zip(frames, priors, strict=True)
            for name, prior in estimates.items()
        ]
        found = iter(self._followed(asked))
        return [{name: next(found) for name in estimates} for estimates in priors]

    def _followed(self, asked: Sequence[_Asked]) -> list[Estimate]:
        lost = [k for k, one in enumerate(asked) if one.prior.state is State.LOST or one.prior.cam_from_obj is None]
        due = [k for k in lost if is_due(asked[k].memory)]
        rest = [k for k in range(len(asked)) if k not in lost]
        out = {k: missed(asked[k].prior, asked[k].memory) for k in lost}
        out |= dict(zip(due, self._found([asked[k] for k in due]), strict=True))
        out |= dict(zip(rest, self._moved([asked[k] for k in rest]), strict=True))
        return [out[k] for k in range(len(asked))]

    def _moved(self, asked: Sequence[_Asked]) -> list[Estimate]:
        """Objects followed from their last poses."""
        starts = [one.prior.cam_from_obj or Pose.identity() for one in asked]
        items = [Posed(one.model, one.frame, start.matrix()[:3]) for one, start in zip(asked, starts, strict=True)]
        moved = refined(self.engine, self._crew, items, [one.model.options.iterations for one in asked])
        scores = self._scores(items, moved)
        return [
            followed(as_pose(pose, one.model, start), score, one.prior, one.memory, loss=one.model.options.loss)
            for one, pose, start, score in zip(asked, moved, starts, scores, strict=True)
        ]

    def _found(self, asked: Sequence[_Asked]) -> list[Estimate]:
        """Objects looked for in their frames."""
        first = dict(enumerate(found_poses(self.engine, [one.wanted for one in asked])))
        items = {k: Posed(asked[k].model, asked[k].frame, pose) for k, pose in first.items() if pose is not None}
        moved = refined(self.engine, self._crew, list(items.values()), [asked[k].model.options.steps for k in items])
        scores = self._scores(list(items.values()), moved)
        poses = {
            k: (as_pose(pose, asked[k].model, asked[k].memory.trusted), score)
            for k, pose, score in zip(items, moved, scores, strict=True)
        }
        return [
            registered(*poses.get(k, (None, 0.0)), one.memory, loss=one.model.options.loss)
            for k, one in enumerate(asked)
        ]

    def _scores(self, items: Sequence[Posed], poses: Sequence[Array]) -> list[float]:
        placed = [replace(item, cam_from_obj=pose) for item, pose in zip(items, poses, strict=True)]
        return self._crew.each(score_of, placed)


def _memory_of(prior: Estimate) -> Memory:
    return Memory.unpack(prior.memory) or Memory(trusted=prior.cam_from_obj)
