"""What becomes of an object by how well the frame shows it at its new pose: followed, lost, found again."""

from dataclasses import replace

from estimators.gen6d.memory import Memory
from schemas import Estimate, Pose, State

TRUSTED_SCORE = 0.5
"""Below, a pose is not to be trusted."""
LOST_SCORE = 0.15
"""About one right pose in eight scores less, and six in ten of the wrong ones, see ``likeness``."""
LOST_AFTER = 8
"""An object is lost after so many frames in a row below ``LOST_SCORE``."""
RETRY_EVERY = 10
"""Frames between two detections of a lost object."""


def followed(pose: Pose, score: float, prior: Estimate, memory: Memory, *, loss: bool) -> Estimate:
    """The estimate of an object that was followed.

    Args:
        pose: cam_from_obj.
        score: Of it.
        prior: Its last estimate, not lost.
        memory: Of it.
        loss: Whether it can be lost.
    """
    bad = memory.bad + 1 if score < LOST_SCORE else 0
    if loss and bad >= LOST_AFTER:
        return missed(prior, replace(memory, bad=0))
    trusted = pose if score >= TRUSTED_SCORE else memory.trusted
    return Estimate(pose, score, State.TRACKED, memory=replace(memory, bad=bad, trusted=trusted).pack())


def registered(pose: Pose | None, score: float, memory: Memory, *, loss: bool) -> Estimate:
    """The estimate of a registration.

    Args:
        pose: cam_from_obj; None where nothing was found.
        score: Of it.
        memory: Of an object that was seen before.
        loss: Whether one with a low score counts as not found.
    """
    if pose is None or (loss and score < LOST_SCORE):
        return missed(Estimate(memory.trusted, 0.0, State.LOST), memory)
    trusted = pose if score >= TRUSTED_SCORE else memory.trusted
    return Estimate(pose, score, State.REGISTERED, memory=Memory(trusted=trusted).pack())


def missed(prior: Estimate, memory: Memory) -> Estimate:
    """The estimate of an object that is not seen: lost, at its last trusted pose."""
    after = replace(memory, unseen=memory.unseen + 1)
    return Estimate(memory.trusted or prior.cam_from_obj, 0.0, State.LOST, memory=after.pack())


def is_due(memory: Memory) -> bool:
    """Whether a lost object is to be detected now: in the first frame after its loss, then every so often."""
    return memory.unseen % RETRY_EVERY == (0 if memory.trusted is None else 1)
