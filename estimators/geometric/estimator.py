"""The estimator without weights: geometry and the mesh's own colours, on the CPU."""

import logging
import time
from collections.abc import Mapping, Sequence

from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.neighbours import apart
from estimators.geometric.parts import Parts
from estimators.geometric.pictures import FrameImages
from estimators.geometric.register import register
from estimators.geometric.track import adopted, first_estimate, follow
from estimators.geometric.warm import warm_up
from estimators.mesh import load_object
from estimators.rendering import CpuRenderer, Renderer
from schemas import BadMessage, Estimate, Estimates, Frame, Job, Pose

_LOG = logging.getLogger("posestream.estimators")


class GeometricEstimator:
    """``Estimator`` that aligns rendered points with depth and texture; needs depth, and a mask to register.

    Its score is described by ``score.score_of``: below 0.5 a pose is not to be trusted; after eight
    frames in a row below 0.3 the object is lost. A lost object is looked for where it can have got to in
    every second frame. Registering without a mask gives a lost estimate.
    """

    name = "geometric"
    version = "1"
    weights_digest = ""

    def __init__(self, renderer: Renderer | None = None) -> None:
        self._renderer = renderer or CpuRenderer()
        self._jobs: dict[str, dict[str, ObjectModel]] = {}
        self._warm = False

    def prepare(self, job: Job) -> None:
        """See ``Estimator.prepare``; the first call compiles the kernels or reads them back."""
        if not self._warm:
            warm_up(self._renderer)
            self._warm = True
        started, parts = time.monotonic(), Parts.of(job.options)
        models: dict[str, ObjectModel] = {}
        for item in job.objects:
            models[item.object_id] = make_model(item, load_object(item), self._renderer, parts)
        self._jobs[job.id] = models
        _LOG.info("job %s: %d objects ready in %.2f s", job.id, len(models), time.monotonic() - started)

    def release(self, job_id: str) -> None:
        """See ``Estimator.release``."""
        self._jobs.pop(job_id, None)

    def register(self, frame: Frame, objects: Sequence[str]) -> Estimates:
        """See ``Estimator.register``; an object without a mask, or with too little under it, is lost."""
        images, models = _images(frame), self._jobs[frame.job_id]
        return {name: self._find(models[name], name, frame, images) for name in objects}

    def adopt(self, frame: Frame, poses: Mapping[str, Pose]) -> Estimates:
        """See ``Estimator.adopt``; by how much the frame itself says otherwise is left out of what follows."""
        images, models = _images(frame), self._jobs[frame.job_id]
        return {name: adopted(models[name], pose, frame, images, self._renderer) for name, pose in poses.items()}

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        """See ``Estimator.track``; one that never had a pose is registered where the frame has its mask."""
        return [self._track(frame, prior) for frame, prior in zip(frames, priors, strict=True)]

    def _track(self, frame: Frame, priors: Estimates) -> Estimates:
        models = self._jobs[frame.job_id]
        seen = apart(models, priors, frame, _images(frame), self._renderer)
        return {
            name: self._find(models[name], name, frame, seen[name])
            if prior.cam_from_obj is None
            else follow(models[name], prior, frame, seen[name], self._renderer)
            for name, prior in priors.items()
        }

    def _find(self, model: ObjectModel, name: str, frame: Frame, images: FrameImages) -> Estimate:
        mask = (frame.masks or {}).get(name)
        found = None if mask is None else register(model, mask, images, self._renderer)
        return first_estimate(model, found, frame)


def _images(frame: Frame) -> FrameImages:
    """The frame's images.

    Raises:
        BadMessage: The frame has no depth.
    """
    if frame.depth_m is None:
        msg = f"frame {frame.seq} of {frame.job_id}: the geometric estimator needs depth, got a frame without"
        raise BadMessage(msg, stage="frame")
    return FrameImages(frame, frame.depth_m)
