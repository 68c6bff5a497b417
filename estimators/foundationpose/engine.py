"""Both networks with their renderer on one device: whole batches of poses refined and scored."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from estimators.crew import usable_cores
from estimators.foundationpose.device import Device
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.looks_choice import make_looks
from estimators.foundationpose.room import Room
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.steps import Steps
from estimators.foundationpose.weights import Weights
from schemas import Frame, Overloaded

_LOG = logging.getLogger("posestream.estimators")
MOST_PAIRS = {"cpu": 32, "cuda": 252}
"""Poses a forward of a network, at most; on the CPU larger batches are no faster."""
_AT_ONCE = 32  # objects that a GPU works on while others are still on their way to it
Out = TypeVar("Out")


class Engine:
    """Refines and scores poses. Not thread-safe.

    Attributes:
        steps: Of the networks.
        renderer: What draws.
        device: Where it all is.
        room: How many poses it works on at once.

    Args:
        weights: Both networks; they are changed (batch norms folded, types) and belong to the engine afterwards.
        device: Where and how exactly it computes.
        threads: Of the CPU; 0 for as many as there are usable cores.
    """

    def __init__(self, weights: Weights, device: Device, threads: int = 1) -> None:
        if device.place.type == "cpu":
            torch.set_num_threads(threads or usable_cores())
        elif device.dtype == torch.float32:
            torch.backends.cudnn.allow_tf32 = False  # who asks for fp32 wants its digits
        self.device = device.place
        self.steps = Steps(weights, device)
        self._looks = make_looks(device, self.steps)
        self.renderer = self._looks.renderer
        self.room = Room(MOST_PAIRS[device.place.type])

    @property
    def at_once(self) -> int:
        """How many objects are best followed by one call, where there are more; 0 for all."""
        return _AT_ONCE if self.device.type == "cuda" else 0

    @property
    def calls(self) -> int:
        """How often the refiner's network was asked, for measurements."""
        return self.steps.calls

    def scenes(self, frames: Sequence[Frame]) -> list[Scene]:
        """Frames where the networks are, their depth filtered; what is not finite in it counts as unknown."""
        return self._looks.scenes(frames)

    @torch.inference_mode()
    def refine(self, groups: Sequence[Group], cam_from_obj: Tensor, iterations: int) -> Tensor:
        """Poses after so many steps of the refiner.

        Args:
            groups: Whose poses they are.
            cam_from_obj: (N, 4, 4) float32 on the device, of the meshes about their centres.
            iterations: Steps.

        Returns:
            (N, 4, 4) float32. One that gets within 2 cm of the camera's plane, or is not finite, stays as it was.

        Raises:
            Overloaded: No memory for even one pose.
        """
        return torch.cat(
            self._chunked(
                lambda chunk, poses: self.steps.refined(self._looks.batch(chunk), poses, iterations),
                groups,
                cam_from_obj,
            )
        )

    @torch.inference_mode()
    def follow(self, groups: Sequence[Group], cam_from_obj: Tensor, iterations: int) -> "Pending":
        """``refine``, and ``agreement`` of what comes of it; on a GPU in one launch for up to 64 poses.

        Args:
            groups: Whose poses they are.
            cam_from_obj: (N, 4, 4) float32 on the CPU.
            iterations: Steps.

        Returns:
            Poses and agreements, when the device has them.

        Raises:
            Overloaded: No memory for even one pose.
        """
        parts = self._chunked(lambda chunk, poses: self._looks.followed(chunk, poses, iterations), groups, cam_from_obj)
        return Pending(torch.cat([torch.cat([poses.flatten(1), share[:, None]], dim=1) for poses, share in parts]))

    @torch.inference_mode()
    def score(self, groups: Sequence[Group], cam_from_obj: Tensor) -> tuple[list[Tensor], Tensor]:
        """How well poses show what the frame shows, by the scorer; see ``refine`` for the arguments.

        Returns:
            For each group logits (count,) that rank its poses among each other; and logits (N,) of each pose by
            itself, which can be compared between frames.
        """
        features = torch.cat(
            self._chunked(
                lambda chunk, poses: self.steps.features(self._looks.batch(chunk), poses), groups, cam_from_obj
            )
        )
        rank = self.steps.rank
        ranked = [rank(own[None])[0] for own in features.split([group.count for group in groups])]
        return ranked, rank(features[:, None])[:, 0]

    @torch.inference_mode()
    def agreement(self, groups: Sequence[Group], cam_from_obj: Tensor) -> Tensor:
        """(N,) how well depth agrees with poses, 0 to 1, see ``agreement.agreement_of``."""
        return torch.cat(
            self._chunked(
                lambda chunk, poses: self.steps.agreement(self._looks.batch(chunk), poses), groups, cam_from_obj
            )
        )

    def _chunked(self, call: Callable[[list[Group], Tensor], Out], groups: Sequence[Group], poses: Tensor) -> list[Out]:
        """What a call gives for all poses, at most as many at once as there is room for."""
        while True:
            try:
                start, out = 0, list[Out]()
                for chunk in split(groups, self.room.most):
                    count = sum(group.count for group in chunk)
                    out.append(call(chunk, poses[start : start + count]))
                    start += count
            except torch.OutOfMemoryError as error:
                self._shrink(error)
            else:
                self.room.went_well(len(poses))
                return out

    def _shrink(self, error: torch.OutOfMemoryError) -> None:
        self._looks.free()
        if not self.room.shrink():
            msg = f"foundationpose: no memory for one pose on {self.device}: {str(error).splitlines()[0]}"
            raise Overloaded(msg) from error
        _LOG.warning("out of memory on %s: batches of at most %d poses for now", self.device, self.room.most)


class Pending:
    """Poses that a device is still working on.

    Args:
        both: (N, 17) float32 on the device: poses row by row, and agreements.
    """

    def __init__(self, both: Tensor) -> None:
        self._both = both.to("cpu", non_blocking=True)
        self._there: torch.cuda.Event | None = None
        if both.is_cuda:
            self._there = torch.cuda.Event()
            self._there.record()

    def result(self) -> tuple[Tensor, Tensor]:
        """Poses (N, 4, 4) and agreements (N,), float32, on the CPU; waits for them."""
        if self._there is not None:
            self._there.synchronize()
        return self._both[:, :16].reshape(-1, 4, 4), self._both[:, 16]


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
