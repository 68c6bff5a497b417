"""What becomes of an object by how well the frame agrees with its new pose: followed, lost, found again."""

import math
from dataclasses import dataclass, replace

from estimators.foundationpose.memory import Memory
from estimators.foundationpose.register import Registration
from schemas import Estimate, Pose, State

TRUSTED_SCORE = 0.5
"""Below, a pose is not to be trusted; a lost object is found again at or above it."""
LOST_SCORE = 0.1
"""Below, one pose in twenty is right; a right one gets there when more than nine tenths of it are hidden."""
LOST_AFTER = 5
"""An object is lost after so many frames in a row below ``LOST_SCORE``."""
RECALL = 10
"""For so many frames a lost object is looked for where it was last, in the same batch as the others."""
RETRY_EVERY = 15
"""Frames between two registrations of a lost object."""
_EVEN, _WIDTH = 0.54, 0.12
"""Agreement at which a pose is as likely within 2 cm and 10 degrees as not, and how fast that changes: the likeliest
logistic curve over true poses of generated sequences that were moved by known errors, half of them within; see
``tests/bench/foundationpose_score.py``."""
_SUSPICION = 0.7  # of the usual score: then the scorer is asked
_KEPT = 0.9  # of the running mean


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What one frame says about one object.

    Attributes:
        pose: cam_from_obj.
        agreement: Of depth with it, 0 to 1.
        logit: The scorer's, by itself; None where it was not asked.
    """

    pose: Pose
    agreement: float
    logit: float | None


def wants_scorer(memory: Memory, agreement: float, every: int) -> bool:
    """Whether the scorer is to be asked: at its interval, or where depth agrees less than usual."""
    if every == 0:
        return False
    return (memory.frames + 1) % every == 0 or calibrated(agreement) < _SUSPICION * memory.mean


def trust_of(memory: Memory, logit: float) -> float:
    """A logit between those of an average hypothesis (0) and of the best one (1) at registration; 1 if unknown."""
    span = memory.level - memory.floor
    if not math.isfinite(span) or span < 1e-6:
        return 1.0
    return min(max((logit - memory.floor) / span, 0.0), 1.0)


def followed(prior: Estimate, memory: Memory, seen: Outcome, *, loss: bool) -> Estimate:
    """The estimate of an object that was followed.

    Args:
        prior: Its last one, not lost.
        memory: Of it.
        seen: What the frame says.
        loss: Whether it can be lost.
    """
    trust = memory.trust if seen.logit is None else trust_of(memory, seen.logit)
    score = score_of(seen.agreement, trust)
    bad = memory.bad + 1 if score < LOST_SCORE else 0
    after = replace(memory, frames=memory.frames + 1, bad=bad, trust=trust)
    after = replace(after, mean=_KEPT * memory.mean + (1 - _KEPT) * score)
    if loss and bad >= LOST_AFTER:
        return missed(prior, replace(after, bad=0))
    # without any evidence the networks' answer means nothing: the object stays where it was
    pose = prior.cam_from_obj if seen.agreement == 0 and loss else seen.pose
    if score >= TRUSTED_SCORE:
        after = replace(after, trusted=pose)
    return Estimate(pose, score, State.TRACKED, memory=after.pack())


def found_again(memory: Memory, seen: Outcome) -> Estimate | None:
    """The estimate of a lost object that is seen where it was last; None where it is not."""
    trust = 1.0 if seen.logit is None else trust_of(memory, seen.logit)
    score = score_of(seen.agreement, trust)
    if score < TRUSTED_SCORE:
        return None
    after = replace(memory, frames=0, bad=0, unseen=0, trust=trust, mean=score, trusted=seen.pose)
    return Estimate(seen.pose, score, State.REGISTERED, memory=after.pack())


def registered(found: Registration | None, pose: Pose | None, memory: Memory | None, *, loss: bool) -> Estimate:
    """The estimate of a registration.

    Args:
        found: None where nothing was.
        pose: cam_from_obj of it, not of the centred mesh.
        memory: Of an object that was seen before.
        loss: Whether one with a low score counts as not found.
    """
    before = memory or Memory()
    least = TRUSTED_SCORE if memory is not None and memory.trusted is not None else LOST_SCORE
    score = 0.0 if found is None else calibrated(found.agreement)
    if found is None or pose is None or (loss and score < least):
        return missed(Estimate(before.trusted, 0.0, State.LOST), before)
    trusted = pose if score >= TRUSTED_SCORE else before.trusted
    after = Memory(level=found.level, floor=found.floor, mean=score, trusted=trusted)
    return Estimate(pose, score, State.REGISTERED, memory=after.pack())


def missed(prior: Estimate, memory: Memory) -> Estimate:
    """The estimate of an object that is not seen: lost, at its last trusted pose."""
    after = replace(memory, unseen=memory.unseen + 1)
    return Estimate(memory.trusted or prior.cam_from_obj, 0.0, State.LOST, memory=after.pack())


def score_of(agreement: float, trust: float) -> float:
    """The score of an estimate: what depth says of it, halved where the scorer has no trust in the pose."""
    return calibrated(agreement) * (0.5 + 0.5 * trust)


def calibrated(agreement: float) -> float:
    """How likely a pose is within 2 cm and 10 degrees by depth alone, were it as likely as not before; 0 of none."""
    return 1.0 / (1.0 + math.exp((_EVEN - agreement) / _WIDTH)) if agreement > 0 else 0.0
