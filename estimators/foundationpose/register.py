"""Finding objects without a prior: many starts, refined and ranked, in batches over all that are looked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from estimators.foundationpose.engine import Engine
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.model import ObjectModel, poses_of
from estimators.foundationpose.options import FULL, GEOMETRIC, PRUNED
from estimators.foundationpose.starts import View, starts_of
from schemas import Pose
from schemas.arrays import Array


@dataclass(frozen=True, slots=True)
class Stage:
    """One round of a registration: so many of the poses so far (0 for all), refined so often."""

    keep: int
    by_scorer: bool
    iterations: int


PLANS: dict[str, tuple[Stage, ...]] = {
    FULL: (Stage(0, by_scorer=False, iterations=5),),
    PRUNED: (
        Stage(0, by_scorer=False, iterations=1),
        Stage(64, by_scorer=False, iterations=2),
        Stage(16, by_scorer=True, iterations=2),
    ),
    GEOMETRIC: (Stage(0, by_scorer=False, iterations=2),),
}


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """An object to be found.

    Attributes:
        model: It.
        view: The frame.
        masks: (H, W) bool each: where it is, or could be.
    """

    model: ObjectModel
    view: View
    masks: list[Array]


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Where an object was found.

    Attributes:
        pose: cam_from_obj of the centred mesh.
        agreement: Of depth with it, 0 to 1.
        level: The scorer's logit of it by itself.
        floor: The median of those of all poses that were ranked with it.
    """

    pose: Pose
    agreement: float
    level: float
    floor: float


def register(engine: Engine, wanted: Sequence[Wanted]) -> list[Registration | None]:
    """Find objects; None where there was nothing to start from.

    All must have the same search in their options.

    Raises:
        Overloaded: No memory for it now.
    """
    starts = [starts_of(one.model, one.masks, one.view) for one in wanted]
    asked = [k for k, own in enumerate(starts) if len(own)]
    out: list[Registration | None] = [None] * len(wanted)
    if not asked:
        return out
    groups = [wanted[k].model.group(wanted[k].view.scene, len(starts[k])) for k in asked]
    parts = [torch.tensor(starts[k], dtype=torch.float32, device=engine.device) for k in asked]
    for stage in PLANS[wanted[asked[0]].model.options.search]:
        groups, parts = _kept(engine, groups, parts, stage)
        refined = engine.refine(groups, torch.cat(parts), stage.iterations)
        parts = list(refined.split([group.count for group in groups]))
    for k, found in zip(asked, _best(engine, groups, parts), strict=True):
        out[k] = found
    return out


def _kept(engine: Engine, groups: list[Group], parts: list[Tensor], stage: Stage) -> tuple[list[Group], list[Tensor]]:
    """The best poses of each group, as many as a stage keeps."""
    if not stage.keep or all(group.count <= stage.keep for group in groups):
        return groups, parts
    poses = torch.cat(parts)
    if stage.by_scorer:
        merits = engine.score(groups, poses)[0]
    else:
        merits = list(engine.agreement(groups, poses).split([group.count for group in groups]))
    few: list[Tensor] = []
    for part, merit in zip(parts, merits, strict=True):
        order = torch.argsort(merit, descending=True, stable=True)[: stage.keep]
        few.append(part[order.sort().values])
    return [replace(group, count=len(part)) for group, part in zip(groups, few, strict=True)], few


def _best(engine: Engine, groups: list[Group], parts: list[Tensor]) -> list[Registration]:
    """The pose of each group that the scorer ranks first."""
    ranked, alone = engine.score(groups, torch.cat(parts))
    alone_parts = alone.split([group.count for group in groups])
    first = [int(torch.argmax(merit)) for merit in ranked]
    chosen = torch.stack([part[k] for part, k in zip(parts, first, strict=True)])
    single = [replace(group, count=1) for group in groups]
    agreement = engine.agreement(single, chosen).tolist()
    poses = poses_of(chosen)
    return [
        Registration(pose, share, float(own[k]), float(own.median()))
        for pose, share, own, k in zip(poses, agreement, alone_parts, first, strict=True)
    ]
