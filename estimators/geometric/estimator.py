"""The estimator without weights: geometry and the mesh's own colours, on the CPU."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock

from estimators.crew import Crew
from estimators.geometric.begin import adopted, first_estimate
from estimators.geometric.memory import Memory
from estimators.geometric.model import ObjectModel, make_model
from estimators.geometric.neighbours import apart
from estimators.geometric.parts import Parts
from estimators.geometric.pictures import FrameImages
from estimators.geometric.register import register
from estimators.geometric.track import follow
from estimators.geometric.unmasked import find_in_box, find_unmasked, is_box
from estimators.geometric.warm import warm_up, warm_up_by_picture
from estimators.mesh import load_object
from estimators.rendering import CpuRenderer, Renderer
from estimators.unfound import fills_frame, why_not_found
from estimators.usable import usable
from estimators.versions import VERSIONS
from schemas import Estimate, Estimates, Frame, Job, Pose, State

_LOG = logging.getLogger("posestream.estimators")

_SEARCH_NS = 2_000_000_000  # of capture, from one search without a mask to the next: each takes up to a second


class GeometricEstimator:
    """``Estimator`` that aligns a render with depth, outline and texture.

    A frame without depth, or with none in any pixel, is worked by its colours alone, see ``track_by_picture``.

    Its score is described by ``score.score_of``: below 0.5 a pose is not to be trusted; after eight frames in a row
    below 0.3 (twelve without depth) the object is lost. A lost object is looked for where it can have got to in every
    second frame. One that no mask points at is looked for in all that stands on the scene's planes, see
    ``unmasked``, every two seconds until it is found; without depth it needs a mask.

    Frames of a call and objects of a frame are worked on side by side, with equal answers for any number of threads.

    Args:
        renderer: What draws; must take calls from several threads.
        threads: How many work side by side; 0 for as many as there are usable cores.
    """

    name = "geometric"
    version = VERSIONS["geometric"]
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
        """See ``Estimator.register``; an object with a mask that shows too little of it is lost."""
        images, models = self._images(frame), self._jobs[frame.job_id]
        pointed = [name for name in objects if self._pointed_at(models[name], frame, images)]
        found = dict(
            zip(pointed, self._crew.each(lambda n: self._find(models[n], frame, images), pointed), strict=True)
        )
        found |= self._search([name for name in objects if name not in found], frame, images)
        return {name: self._explained(found[name], models[name], frame, images) for name in objects}

    def adopt(self, frame: Frame, poses: Mapping[str, Pose]) -> Estimates:
        """See ``Estimator.adopt``; by how much the frame itself says otherwise is left out of what follows."""
        images, models = self._images(frame), self._jobs[frame.job_id]
        found = self._crew.each(lambda name: adopted(models[name], poses[name], frame, images, self._renderer), poses)
        return dict(zip(poses, found, strict=True))

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        """See ``Estimator.track``; one that never had a pose is registered by its mask, or searched for by and by."""
        seen = self._crew.each(lambda asked: self._apart(*asked), zip(frames, priors, strict=True))
        searched = [self._search_due(frame, prior) for frame, prior in zip(frames, priors, strict=True)]
        asked = [(at, name) for at, prior in enumerate(priors) for name in prior if name not in searched[at]]
        found = self._crew.each(
            lambda one: self._track(one[1], frames[one[0]], priors[one[0]][one[1]], seen[one[0]][one[1]]), asked
        )
        answers = [dict(found) for found in searched]
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
            return self._find(model, frame, images) if name in (frame.masks or {}) else prior
        return follow(model, prior, frame, images, self._renderer)

    def _explained(self, estimate: Estimate, model: ObjectModel, frame: Frame, images: FrameImages) -> Estimate:
        """The estimate of a registration, a lost one with the reason."""
        if estimate.state is not State.LOST:
            return estimate
        name = model.item.object_id
        by_depth = images.sees_depth and model.parts.depth
        if not by_depth and name not in (frame.masks or {}):
            reason = f"object {name}: without depth geometric needs a mask to register it, the frame has none"
            return replace(estimate, reason=reason)
        return replace(estimate, reason=why_not_found(frame, name, by_depth=by_depth))

    @staticmethod
    def _pointed_at(model: ObjectModel, frame: Frame, images: FrameImages) -> bool:
        """Whether a mask is all there is to register by."""
        return model.item.object_id in (frame.masks or {}) or not (images.sees_depth and model.parts.depth)

    def _search(self, names: Sequence[str], frame: Frame, images: FrameImages) -> dict[str, Estimate]:
        models = {name: self._jobs[frame.job_id][name] for name in names}
        found = find_unmasked(models, images, self._renderer, self._crew)
        return {name: first_estimate(model, found.get(name), frame) for name, model in models.items()}

    def _search_due(self, frame: Frame, prior: Estimates) -> dict[str, Estimate]:
        """Those that never had a pose and were last looked for long enough ago."""
        models = self._jobs[frame.job_id]
        due = [name for name, one in prior.items() if one.cam_from_obj is None and _searched_long_ago(one, frame)]
        if not due:
            return {}
        images = self._images(frame)
        unmasked = [name for name in due if not self._pointed_at(models[name], frame, images)]
        return self._search(unmasked, frame, images) if unmasked else {}

    def _find(self, model: ObjectModel, frame: Frame, images: FrameImages) -> Estimate:
        mask = (frame.masks or {}).get(model.item.object_id)
        images = images.used(depth=model.parts.depth)
        if mask is None or fills_frame(mask):
            return first_estimate(model, None, frame)
        by = find_in_box if images.sees_depth and is_box(mask) else register
        return first_estimate(model, by(model, mask, images, self._renderer), frame)


def _searched_long_ago(lost: Estimate, frame: Frame) -> bool:
    memory = Memory.unpack(lost.memory)
    return memory is None or abs(frame.captured_ns - memory.captured_ns) >= _SEARCH_NS
