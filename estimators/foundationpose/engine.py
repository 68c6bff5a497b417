"""Both networks with their renderer on one device: whole batches of poses refined and scored."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from estimators.crew import usable_cores
from estimators.foundationpose.agreement import agreement_of
from estimators.foundationpose.device import Device
from estimators.foundationpose.inputs import Group, refine_inputs, refine_pairs, score_inputs
from estimators.foundationpose.networks import folded
from estimators.foundationpose.pose_update import decode
from estimators.foundationpose.rendering import make_renderer
from estimators.foundationpose.weights import Weights
from schemas import Overloaded

_LOG = logging.getLogger("posestream.estimators")
MOST_PAIRS = {"cpu": 32, "cuda": 252}
"""Poses a forward of a network, at most; on the CPU larger batches are no faster."""
_NEAREST_M = 0.02
_ASIDE_M = 1.0  # where a pose that cannot be looked at is put meanwhile
Network = TypeVar("Network", bound=nn.Module)


class Engine:
    """Refines and scores poses. Not thread-safe.

    Attributes:
        calls: How often ``refine``'s network was asked, for measurements.
        renderer: What draws.
        device: Where it all is.

    Args:
        weights: Both networks; they are changed (batch norms folded, types) and belong to the engine afterwards.
        device: Where and how exactly it computes.
        threads: Of the CPU; 0 for as many as there are usable cores.
    """

    def __init__(self, weights: Weights, device: Device, threads: int = 1) -> None:
        if device.place.type == "cpu":
            torch.set_num_threads(threads or usable_cores())
        self.device = device.place
        self.renderer = make_renderer(device.place, device.renderer)
        self.refiner_config, self.scorer_config = weights.refiner_config, weights.scorer_config
        self._dtype = device.dtype
        self._refiner, self._scorer = self._ready(weights.refiner), self._ready(weights.scorer)
        self._most = MOST_PAIRS[device.place.type]
        self.calls = 0

    @torch.inference_mode()
    def refine(self, groups: Sequence[Group], cam_from_obj: Tensor, iterations: int) -> Tensor:
        """Poses after so many steps of the refiner, all groups in one batch.

        Args:
            groups: Whose poses they are.
            cam_from_obj: (N, 4, 4) float32 on the device, of the meshes about their centres.
            iterations: Steps.

        Returns:
            (N, 4, 4) float32. One that gets within 2 cm of the camera's plane, or is not finite, stays as it was.

        Raises:
            Overloaded: No memory for even one pose.
        """
        poses = cam_from_obj
        for _ in range(iterations):
            poses = torch.cat(self._chunked(self._step, groups, poses))
        return poses

    @torch.inference_mode()
    def score(self, groups: Sequence[Group], cam_from_obj: Tensor) -> tuple[list[Tensor], Tensor]:
        """How well poses show what the frame shows, by the scorer; see ``refine`` for the arguments.

        Returns:
            For each group logits (count,) that rank its poses among each other; and logits (N,) of each pose by
            itself, which can be compared between frames.
        """
        features = torch.cat(self._chunked(self._features, groups, cam_from_obj))
        ranked = [self._scorer.rank(own[None])[0] for own in features.split([group.count for group in groups])]
        return ranked, self._scorer.rank(features[:, None])[:, 0]

    @torch.inference_mode()
    def agreement(self, groups: Sequence[Group], cam_from_obj: Tensor) -> Tensor:
        """(N,) how well depth agrees with poses, 0 to 1, see ``agreement.agreement_of``."""
        return torch.cat(self._chunked(self._agreement, groups, cam_from_obj))

    def _ready(self, network: Network) -> Network:
        folded(network)
        return network.to(self.device, self._dtype).to(memory_format=torch.channels_last)

    def _input(self, pictures: Tensor) -> Tensor:
        return pictures.to(self._dtype).contiguous(memory_format=torch.channels_last)

    def _step(self, groups: list[Group], poses: Tensor) -> Tensor:
        usable, safe = _usable(poses)
        rendered, observed = refine_inputs(groups, safe, self.renderer, self.refiner_config.crop_ratio)
        self.calls += 1
        trans, rot = self._refiner(self._input(rendered), self._input(observed))
        diameters = torch.tensor(
            [group.diameter_m for group in groups for _ in range(group.count)], device=poses.device
        )
        moved = decode(safe, trans, rot, diameters, self.refiner_config.rot_normalizer_rad)
        return torch.where((usable & _usable(moved)[0])[:, None, None], moved, poses)

    def _features(self, groups: list[Group], poses: Tensor) -> Tensor:
        _, safe = _usable(poses)
        rendered, observed = score_inputs(groups, safe, self.renderer, self.scorer_config.crop_ratio)
        return self._scorer.features(self._input(rendered), self._input(observed))

    def _agreement(self, groups: list[Group], poses: Tensor) -> Tensor:
        usable, safe = _usable(poses)
        pairs = refine_pairs(groups, safe, self.renderer, self.refiner_config.crop_ratio)
        return agreement_of(pairs.rendered[:, 5], pairs.observed[:, 5]) * usable

    def _chunked(
        self, call: Callable[[list[Group], Tensor], Tensor], groups: Sequence[Group], poses: Tensor
    ) -> list[Tensor]:
        """What a call gives for all poses, at most ``_most`` at once; fewer where memory does not hold them."""
        while True:
            try:
                start, out = 0, list[Tensor]()
                for chunk in split(groups, self._most):
                    count = sum(group.count for group in chunk)
                    out.append(call(chunk, poses[start : start + count]))
                    start += count
            except torch.OutOfMemoryError as error:
                self._shrink(error)
            else:
                return out

    def _shrink(self, error: torch.OutOfMemoryError) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self._most == 1:
            self._most = MOST_PAIRS[self.device.type]  # others may have left the device by the next try
            msg = f"foundationpose: no memory for one pose on {self.device}: {str(error).splitlines()[0]}"
            raise Overloaded(msg) from error
        self._most = max(1, self._most // 2)
        _LOG.warning("out of memory on %s: batches of at most %d poses from now on", self.device, self._most)


def split(groups: Sequence[Group], most: int) -> Iterator[list[Group]]:
    """Groups cut into lists of at most so many poses, in order."""
    chunk: list[Group] = []
    room = most
    for group in groups:
        left = group.count
        while left:
            taken = min(left, room)
            chunk.append(replace(group, count=taken))
            left, room = left - taken, room - taken
            if room == 0:
                yield chunk
                chunk, room = [], most
    if chunk:
        yield chunk


def _usable(poses: Tensor) -> tuple[Tensor, Tensor]:
    """(N,) bool, which poses can be looked at; and the poses, those that cannot put somewhere harmless."""
    usable = poses.isfinite().all(dim=2).all(dim=1) & (poses[:, 2, 3] > _NEAREST_M)
    aside = torch.eye(4, device=poses.device)
    aside[2, 3] = _ASIDE_M
    return usable, torch.where(usable[:, None, None], poses, aside)
