"""Following objects from frame to frame, all of all streams in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from estimators.foundationpose.engine import Engine
from estimators.foundationpose.judge import (
    RECALL,
    RETRY_EVERY,
    Outcome,
    followed,
    found_again,
    missed,
    registered,
    wants_scorer,
)
from estimators.foundationpose.memory import Memory
from estimators.foundationpose.model import ObjectModel, rigid
from estimators.foundationpose.register import Registration, Wanted, register
from estimators.foundationpose.starts import View, places_of
from estimators.foundationpose.symmetry import nearest_equal
from schemas import Estimate, Pose, State


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One object of one frame.

    Attributes:
        model: It.
        view: The frame.
        prior: Its last estimate.
        memory: That of the prior.
    """

    model: ObjectModel
    view: View
    prior: Estimate
    memory: Memory

    @property
    def is_recalled(self) -> bool:
        """Whether it goes through the batch: followed, or looked for where it was last."""
        if self.prior.cam_from_obj is None:
            return False
        return self.prior.state is not State.LOST or self.memory.unseen <= RECALL


def follow(engine: Engine, items: Sequence[Followed]) -> list[Estimate]:
    """The estimates of objects in their next frames: one call of the refiner an iteration for all of them.

    Raises:
        Overloaded: No memory for it now; nothing is lost by asking again.
    """
    recalled = [k for k, item in enumerate(items) if item.is_recalled]
    seen = dict(zip(recalled, _look(engine, [items[k] for k in recalled]), strict=True))
    out: list[Estimate | None] = []
    for k, item in enumerate(items):
        if item.prior.state is not State.LOST:
            out.append(followed(item.prior, item.memory, seen[k], loss=item.model.options.loss))
        else:
            out.append(found_again(item.memory, seen[k]) if k in seen else None)
    missing = [k for k, estimate in enumerate(out) if estimate is None]
    again = _search(engine, [items[k] for k in missing])
    for k, estimate in zip(missing, again, strict=True):
        out[k] = estimate
    return [estimate for estimate in out if estimate is not None]


def _look(engine: Engine, items: Sequence[Followed]) -> list[Outcome]:
    """Refine from the priors' poses, and see what speaks for the results."""
    groups = [item.model.group(item.view.scene) for item in items]
    centers_m = np.array([item.model.surface.center_m for item in items]).reshape(-1, 3)
    starts = np.array([_pose(item.prior).matrix() for item in items]).reshape(-1, 4, 4)
    starts[:, :3, 3] += np.einsum("nij,nj->ni", starts[:, :3, :3], centers_m)
    poses, shares = torch.from_numpy(starts.astype(np.float32)), torch.zeros(len(items))
    for iterations in sorted({item.model.options.iterations for item in items}):
        own = [k for k, item in enumerate(items) if item.model.options.iterations == iterations]
        poses[own], shares[own] = engine.follow([groups[k] for k in own], poses[own], iterations)
    agreements = shares.tolist()
    asked = [
        k for k, item in enumerate(items) if wants_scorer(item.memory, agreements[k], item.model.options.score_every)
    ]
    logits: dict[int, float] = {}
    if asked:
        there = poses[asked].to(engine.device)
        logits = dict(zip(asked, engine.score([groups[k] for k in asked], there)[1].tolist(), strict=True))
    rotations, places_m = rigid(poses)
    places_m -= np.einsum("nij,nj->ni", rotations, centers_m)
    return [
        Outcome(_nearest(item, Pose(rotations[k], places_m[k])), agreements[k], logits.get(k))
        for k, item in enumerate(items)
    ]


def _nearest(item: Followed, pose: Pose) -> Pose:
    """The pose, of those that look the same as this one, that is nearest to the prior's."""
    model = item.model
    if len(model.symmetries) == 1:
        return pose
    return model.uncentred(nearest_equal(model.centred(pose), model.symmetries, model.centred(_pose(item.prior))))


def _search(engine: Engine, items: Sequence[Followed]) -> list[Estimate]:
    """Register lost objects anew whose turn it is; the others stay lost."""
    out = [missed(item.prior, item.memory) for item in items]
    due = [k for k, item in enumerate(items) if _is_due(item.memory)]
    by_search: dict[str, list[int]] = {}
    for k in due:
        by_search.setdefault(items[k].model.options.search, []).append(k)
    for group in by_search.values():
        wanted = [_wanted(items[k]) for k in group]
        for k, found in zip(group, register(engine, wanted), strict=True):
            out[k] = estimate_of(found, items[k].model, items[k].memory)
    return out


def _is_due(memory: Memory) -> bool:
    """In the first frame without any pose, after the last frame of recall, and every so often from then on."""
    first = 0 if memory.trusted is None else RECALL + 1
    return memory.unseen >= first and (memory.unseen - first) % RETRY_EVERY == 0


def _wanted(item: Followed) -> Wanted:
    mask = (item.view.frame.masks or {}).get(item.model.item.object_id)
    if mask is not None:
        return Wanted(item.model, item.view, [mask])
    last = item.memory.trusted or item.prior.cam_from_obj
    near_m = None if last is None else item.model.centred(last).translation_m
    return Wanted(item.model, item.view, places_of(item.model, item.view, near_m, item.memory.unseen))


def estimate_of(found: Registration | None, model: ObjectModel, memory: Memory | None) -> Estimate:
    """The estimate of a registration: of the poses that look the same, the one nearest to where it was last."""
    if found is None:
        return registered(None, None, memory, loss=model.options.loss)
    pose = found.pose
    if memory is not None and memory.trusted is not None:
        pose = nearest_equal(pose, model.symmetries, model.centred(memory.trusted))
    return registered(found, model.uncentred(pose), memory, loss=model.options.loss)


def _pose(estimate: Estimate) -> Pose:
    if estimate.cam_from_obj is None:
        msg = "prior: expected a pose to follow, got none"
        raise ValueError(msg)
    return estimate.cam_from_obj
