"""One look at objects in their next frames: queued on the device now, answered later."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.engine import Engine, Pending
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.judge import RECALL, Outcome
from estimators.foundationpose.memory import Memory
from estimators.foundationpose.model import ObjectModel, rigid
from estimators.foundationpose.starts import View
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


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What came of one object.

    Attributes:
        outcome: Without the scorer's word.
        group: Of one pose.
        centred: (4, 4) float32, its pose of the centred mesh, on the CPU.
    """

    outcome: Outcome
    group: Group
    centred: Tensor

    def scored(self, logit: float) -> Outcome:
        """The outcome with it."""
        return replace(self.outcome, logit=logit)


class Look:
    """Refines from the priors' poses, as soon as it is made.

    Args:
        engine: Of the networks.
        items: Objects of some frames; those that are not recalled are not looked at.

    Raises:
        Overloaded: No memory for it now.
    """

    def __init__(self, engine: Engine, items: Sequence[Followed]) -> None:
        self.items = items
        self._asked = [item for item in items if item.is_recalled]
        self._groups = [item.model.group(item.view.scene) for item in self._asked]
        self._centers_m = np.array([item.model.surface.center_m for item in self._asked]).reshape(-1, 3)
        starts = np.array([_pose(item.prior).matrix() for item in self._asked]).reshape(-1, 4, 4)
        starts[:, :3, 3] += np.einsum("nij,nj->ni", starts[:, :3, :3], self._centers_m)
        poses = torch.from_numpy(starts.astype(np.float32))
        self._pending: list[tuple[list[int], Pending]] = []
        for iterations in sorted({item.model.options.iterations for item in self._asked}):
            own = [k for k, item in enumerate(self._asked) if item.model.options.iterations == iterations]
            pending = engine.follow([self._groups[k] for k in own], poses[own], iterations)
            self._pending.append((own, pending))

    def answers(self) -> Iterator[Seen | None]:
        """For each item what was seen of it, None where it was not looked at; waits for the device."""
        poses, shares = torch.empty(len(self._asked), 4, 4), torch.empty(len(self._asked))
        for own, pending in self._pending:
            poses[own], shares[own] = pending.result()
        rotations, places_m = rigid(poses)
        places_m -= np.einsum("nij,nj->ni", rotations, self._centers_m)
        agreements, k = shares.tolist(), 0
        for item in self.items:
            if not item.is_recalled:
                yield None
                continue
            pose = _nearest(item, Pose(rotations[k], places_m[k]))
            yield Seen(Outcome(pose, agreements[k], None), self._groups[k], poses[k])
            k += 1


def _nearest(item: Followed, pose: Pose) -> Pose:
    """The pose, of those that look the same as this one, that is nearest to the prior's."""
    model = item.model
    if len(model.symmetries) == 1:
        return pose
    return model.uncentred(nearest_equal(model.centred(pose), model.symmetries, model.centred(_pose(item.prior))))


def _pose(estimate: Estimate) -> Pose:
    if estimate.cam_from_obj is None:
        msg = "prior: expected a pose to follow, got none"
        raise ValueError(msg)
    return estimate.cam_from_obj
