"""The estimator without weights: geometry and the mesh's own colours, on the CPU."""

import logging
import time
from collections.abc import Sequence

from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.parts import Parts
from estimators.geometric.pictures import FrameImages
from estimators.geometric.register import register
from estimators.geometric.track import first_estimate, follow
from estimators.geometric.warm import warm_up
from estimators.mesh import load_object
from estimators.rendering import CpuRenderer, Renderer
from schemas import Estimate, Estimates, Frame, Job

_LOG = logging.getLogger("posestream.estimators")


class GeometricEstimator:
    """``Estimator`` that aligns a render with depth, outline and texture; needs a mask to register.

    A frame without depth, or with none in any pixel, is worked by outline and texture alone.

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
        images, models = FrameImages(frame, frame.depth_m), self._jobs[frame.job_id]
        return {name: self._find(models[name], name, frame, images) for name in objects}

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        """See ``Estimator.track``; one that never had a pose is registered where the frame has its mask."""
        return [self._track(frame, prior) for frame, prior in zip(frames, priors, strict=True)]

    def _track(self, frame: Frame, priors: Estimates) -> Estimates:
        images, models = FrameImages(frame, frame.depth_m), self._jobs[frame.job_id]
        return {
            name: self._find(models[name], name, frame, images)
            if prior.cam_from_obj is None
            else follow(models[name], prior, frame, images, self._renderer)
            for name, prior in priors.items()
        }

    def _find(self, model: ObjectModel, name: str, frame: Frame, images: FrameImages) -> Estimate:
        mask = (frame.masks or {}).get(name)
        images = images.beside(None, depth=model.parts.depth)
        found = None if mask is None else register(model, mask, images, self._renderer)
        return first_estimate(model, found, frame)
