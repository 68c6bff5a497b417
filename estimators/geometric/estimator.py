"""The estimator without weights: geometry and the mesh's own colours, on the CPU."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock

from estimators.crew import Crew
from estimators.geometric.begin import adopted, first_estimate
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.neighbours import apart
from estimators.geometric.parts import Parts
from estimators.geometric.pictures import FrameImages
from estimators.geometric.register import register
from estimators.geometric.track import follow
from estimators.geometric.warm import warm_up, warm_up_by_picture
from estimators.mesh import load_object
from estimators.rendering import CpuRenderer, Renderer
from estimators.unfound import fills_frame, why_not_found
from estimators.usable import usable
from schemas import Estimate, Estimates, Frame, Job, Pose, State

_LOG = logging.getLogger("posestream.estimators")


class GeometricEstimator:
    """``Estimator`` that aligns a render with depth, outline and texture; needs a mask to register.

    A frame without depth, or with none in any pixel, is worked by its colours alone, see ``track_by_picture``.

    Its score is described by ``score.score_of``: below 0.5 a pose is not to be trusted; after eight frames in a row
    below 0.3 (twelve without depth) the object is lost. A lost object is looked for where it can have got to in every
    second frame. Registering without a mask gives a lost estimate.

    Frames of a call and objects of a frame are worked on side by side, with equal answers for any number of threads.

    Args:
        renderer: What draws; must take calls from several threads.
        threads: How many work side by side; 0 for as many as there are usable cores.
    """

    name = "geometric"
    version = "5"
    weights_digest = ""
    side_by_side = True

    def __init__(self, renderer: Renderer | None = None, threads: int = 1) -> None:
        self._renderer = renderer or CpuRenderer()
        self._crew = Crew(threads)
        self._jobs: dict[str, dict[str, ObjectModel]] = {}
        self._warm, self._warm_by_picture = False, False
        self._warming = Lock()

    def prepare(self, job: Job) -> Mapping[str, str]:
        """See ``Estimator.prepare``; the first call compiles the kernels or reads them back."""
        with self._warming:
            if not self._warm:
                warm_up(self._renderer)
                self._warm = True
        started, parts = time.monotonic(), Parts.of(job.options)
        models, refused = usable(job, lambda item: make_model(item, load_object(item), self._renderer, parts))
        self._jobs[job.id] = models
        if not parts.depth:
            self._ready_by_picture()
        _LOG.info("job %s: %d objects ready in %.2f s", job.id, len(models), time.monotonic() - started)
        return refused

    def release(self, job_id: str) -> None:
        """See ``Estimator.release``."""
        self._jobs.pop(job_id, None)

    def register(self, frame: Frame, objects: Sequence[str]) -> Estimates:
        """See ``Estimator.register``; an object without a mask, or with too little under it, is lost."""
        images, models = self._images(frame), self._jobs[frame.job_id]
        found = self._crew.each(lambda name: self._find(models[name], name, frame, images), objects)
        return {
            name: self._explained(estimate, models[name], frame, images)
            for name, estimate in zip(objects, found, strict=True)
        }

    def adopt(self, frame: Frame, poses: Mapping[str, Pose]) -> Estimates:
        """See ``Estimator.adopt``; by how much the frame itself says otherwise is left out of what follows."""
        images, models = self._images(frame), self._jobs[frame.job_id]
        found = self._crew.each(lambda name: adopted(models[name], poses[name], frame, images, self._renderer), poses)
        return dict(zip(poses, found, strict=True))

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        """See ``Estimator.track``; one that never had a pose is registered where the frame has its mask."""
        seen = self._crew.each(lambda asked: self._apart(*asked), zip(frames, priors, strict=True))
        asked = [(at, name) for at, prior in enumerate(priors) for name in prior]
        found = self._crew.each(
            lambda one: self._track(one[1], frames[one[0]], priors[one[0]][one[1]], seen[one[0]][one[1]]), asked
        )
        answers: list[dict[str, Estimate]] = [{} for _ in frames]
        for (at, name), estimate in zip(asked, found, strict=True):
            answers[at][name] = estimate
        return list(answers)

    def _apart(self, frame: Frame, priors: Estimates) -> Mapping[str, FrameImages]:
        """What each object of a frame sees of it."""
        return apart(self._jobs[frame.job_id], priors, frame, self._images(frame), self._renderer)

    def _images(self, frame: Frame) -> FrameImages:
        """A frame's images; the first without depth waits for the kernels that it needs."""
        images = FrameImages(frame)
        if not images.sees_depth:
            self._ready_by_picture()
        return images

    def _ready_by_picture(self) -> None:
        with self._warming:
            if not self._warm_by_picture:
                warm_up_by_picture(self._renderer)
                self._warm_by_picture = True

    def _track(self, name: str, frame: Frame, prior: Estimate, images: FrameImages) -> Estimate:
        model = self._jobs[frame.job_id][name]
        if prior.cam_from_obj is None:
            return self._find(model, name, frame, images)
        return follow(model, prior, frame, images, self._renderer)

    def _explained(self, estimate: Estimate, model: ObjectModel, frame: Frame, images: FrameImages) -> Estimate:
        """The estimate of a registration, a lost one with the reason."""
        if estimate.state is not State.LOST:
            return estimate
        name = model.item.object_id
        if name not in (frame.masks or {}):
            return replace(estimate, reason=f"object {name}: geometric needs a mask to register it, the frame has none")
        by_depth = images.sees_depth and model.parts.depth
        return replace(estimate, reason=why_not_found(frame, name, by_depth=by_depth))

    def _find(self, model: ObjectModel, name: str, frame: Frame, images: FrameImages) -> Estimate:
        mask = (frame.masks or {}).get(name)
        images = images.used(depth=model.parts.depth)
        found = None if mask is None or fills_frame(mask) else register(model, mask, images, self._renderer)
        return first_estimate(model, found, frame)
