"""Which of an estimator's two calls an object needs, and what came of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from estimators.base import Estimator
from schemas import BadJob, BadMessage, Box, Estimate, Estimates, Frame, Prompt, TrackLost
from schemas.arrays import Array


@dataclass(slots=True, eq=False)
class Question:
    """One frame to be answered.

    Attributes:
        frame: Decoded; its masks include those that prompts drew.
        register: Objects to be found without a prior.
        priors: Objects to be followed, lost ones included.
        stage_s: Stage name -> seconds; the calls add theirs.
    """

    frame: Frame
    register: list[str]
    priors: Estimates
    stage_s: dict[str, float] = field(default_factory=dict[str, float])


Answer = Estimates | BadMessage | BadJob
"""The estimates of all objects of a frame, or why there are none."""


def question(frame: Frame, objects: Sequence[str], priors: Estimates, prompts: Sequence[Prompt]) -> Question:
    """Share a frame's objects out: a mask, a box or no prior registers, a prior is followed.

    A mask of another size than the frame is left out: what it shows is not known.
    """
    masks = dict(frame.masks or {})
    reset: set[str] = set()
    for prompt in prompts:
        if prompt.reset:
            reset.add(prompt.object_id)
            continue
        mask = _drawn(prompt.box, frame.camera.width, frame.camera.height) if prompt.box else prompt.mask
        if mask is not None and mask.shape == (frame.camera.height, frame.camera.width):
            masks[prompt.object_id] = mask
    register = [name for name in objects if name in masks or name in reset or name not in priors]
    follow = {name: priors[name] for name in objects if name not in register}
    if prompts and masks:
        frame = replace(frame, masks=masks)
    return Question(frame, register, follow)


def answer(estimator: Estimator, questions: Sequence[Question]) -> list[Answer]:
    """Ask for all frames, at most one a job: one call follows them all, registrations go one by one.

    Raises:
        Overloaded: No room now; ask the same again later.
    """
    answers: list[Answer] = [_registered(estimator, item, item.register) for item in questions]
    asked = [at for at, item in enumerate(questions) if item.priors and not isinstance(answers[at], Exception)]
    followed = _followed(estimator, [questions[at] for at in asked]) if asked else []
    for at, found in zip(asked, followed, strict=True):
        known = answers[at]
        answers[at] = found if isinstance(found, Exception) or isinstance(known, Exception) else {**known, **found}
    return answers


def without_memory(estimates: Estimates) -> dict[str, Estimate]:
    """Estimates as they go into an event."""
    return {name: replace(estimate, memory=None, reason="") for name, estimate in estimates.items()}


def _registered(estimator: Estimator, item: Question, objects: Sequence[str]) -> Answer:
    if not objects:
        return {}
    started_s = time.perf_counter()
    try:
        return estimator.register(item.frame, objects)
    except (BadMessage, BadJob) as error:
        return error
    finally:
        item.stage_s["register"] = item.stage_s.get("register", 0.0) + time.perf_counter() - started_s


def _followed(estimator: Estimator, items: Sequence[Question]) -> list[Answer]:
    started_s = time.perf_counter()
    try:
        return list(estimator.track([item.frame for item in items], [item.priors for item in items]))
    except (BadMessage, BadJob, TrackLost) as error:
        if len(items) > 1:  # find out whose it is
            return [_followed(estimator, [item])[0] for item in items]
        return [_registered(estimator, items[0], list(items[0].priors)) if isinstance(error, TrackLost) else error]
    finally:
        for item in items:
            item.stage_s["track"] = time.perf_counter() - started_s


def _drawn(box: Box, width_px: int, height_px: int) -> Array:
    """The pixels of a box as a mask, clipped to the image."""
    mask = np.zeros((height_px, width_px), np.bool_)
    left, top = max(0, round(box.x_px)), max(0, round(box.y_px))
    right, bottom = max(0, round(box.x_px + box.width_px)), max(0, round(box.y_px + box.height_px))
    mask[top:bottom, left:right] = True
    return mask
