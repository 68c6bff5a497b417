"""Following objects from frame to frame, all of all streams in one batch."""

from collections.abc import Iterable, Mapping, Sequence

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
from estimators.foundationpose.look import Followed, Look, Seen
from estimators.foundationpose.memory import Memory
from estimators.foundationpose.model import ObjectModel
from estimators.foundationpose.register import Registration, Wanted, register
from estimators.foundationpose.starts import places_of
from estimators.foundationpose.symmetry import nearest_equal
from schemas import Estimate, State


def follow(engine: Engine, parts: Iterable[Sequence[Followed]]) -> list[Estimate]:
    """The estimates of objects in their next frames.

    Args:
        engine: Of the networks.
        parts: The objects, as many at a time as go through the refiner in one batch; all are queued before the first
            is waited for.

    Raises:
        Overloaded: No memory for it now; nothing is lost by asking again.
    """
    looks = [Look(engine, part) for part in parts]
    items = [item for look in looks for item in look.items]
    out: list[Estimate | None] = []
    doubted: dict[int, Seen] = {}
    for look in looks:
        for item, seen in zip(look.items, look.answers(), strict=True):
            if seen is not None and _wants_scorer(item, seen):
                doubted[len(out)] = seen
            out.append(_judged(item, None if seen is None else seen.outcome))
    for k, outcome in _scored(engine, doubted):
        out[k] = _judged(items[k], outcome)
    missing = [k for k, estimate in enumerate(out) if estimate is None]
    again = _search(engine, [items[k] for k in missing])
    for k, estimate in zip(missing, again, strict=True):
        out[k] = estimate
    return [estimate for estimate in out if estimate is not None]


def _wants_scorer(item: Followed, seen: Seen) -> bool:
    return wants_scorer(item.memory, seen.outcome.agreement, item.model.options.score_every)


def _scored(engine: Engine, doubted: Mapping[int, Seen]) -> list[tuple[int, Outcome]]:
    """The outcomes of some objects with the scorer's word on them."""
    if not doubted:
        return []
    poses = torch.stack([seen.centred for seen in doubted.values()]).to(engine.device)
    _, alone = engine.score([seen.group for seen in doubted.values()], poses)
    return [(k, seen.scored(logit)) for (k, seen), logit in zip(doubted.items(), alone.tolist(), strict=True)]


def _judged(item: Followed, outcome: Outcome | None) -> Estimate | None:
    """The estimate of an object; None of a lost one that is not seen where it was."""
    if outcome is None:
        return None
    if item.prior.state is State.LOST:
        return found_again(item.memory, outcome)
    return followed(item.prior, item.memory, outcome, loss=item.model.options.loss)


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
