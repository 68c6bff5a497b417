"""Made scenes in one block of memory, which goes between processes and to a GPU in one piece."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from estimators.foundationpose.training.example import Example
from estimators.training.task import Batch
from schemas.arrays import Array

_ALIGNED = 16  # bytes; what kernels read begins at such places


@dataclass(frozen=True, slots=True)
class Slot:
    """Where an array lies in the block.

    Attributes:
        start: Its first byte.
        dtype: Of its numbers.
        shape: Of it.
    """

    start: int
    dtype: torch.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """One of the scenes.

    Attributes:
        camera_matrix: (3, 3) float64.
        diameter_m: Of the object.
        slots: Of ``Parts``' fields, in their order; None where there is none.
    """

    camera_matrix: Array
    diameter_m: float
    slots: tuple[Slot | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Arrays of a scene where the block is; see ``Example`` and ``Surface`` for shapes."""

    rgb: Tensor
    depth_m: Tensor
    vertices_m: Tensor
    normals: Tensor
    faces: Tensor
    painted: Tensor
    uv: Tensor | None
    texture: Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class Shipment:
    """Scenes together.

    Attributes:
        block: (bytes,) uint8, all their arrays.
        contents: What is in it, scene by scene.
    """

    block: Tensor
    contents: tuple[Content, ...]

    @staticmethod
    def of(examples: Sequence[Example]) -> "Shipment":
        """The examples' pictures and surfaces, copied once."""
        arrays = [_arrays(example) for example in examples]
        sizes = [0 if one is None else one.nbytes for own in arrays for one in own]
        starts = np.cumsum([0, *(-(-size // _ALIGNED) * _ALIGNED for size in sizes)]).tolist()
        block, contents = torch.zeros(starts[-1], dtype=torch.uint8), []
        places = iter(pairwise(starts))
        for example, own in zip(examples, arrays, strict=True):
            slots = tuple(_filled(block, one, next(places)[0]) for one in own)
            contents.append(Content(example.camera_matrix, example.surface.diameter_m, slots))
        return Shipment(block, tuple(contents))

    def pin_memory(self) -> "Shipment":
        """In memory that a GPU reads by itself; torch's loader asks for it by this name."""
        return replace(self, block=self.block.pin_memory())

    def to(self, device: torch.device) -> "Shipment":
        """On a device; nothing waits for the copy."""
        return replace(self, block=self.block.to(device, non_blocking=True))

    def parts(self, content: Content) -> Parts:
        """The arrays of one of the scenes, not copied."""
        return Parts(*cast("Any", (None if slot is None else self._at(slot) for slot in content.slots)))

    def _at(self, slot: Slot) -> Tensor:
        size = slot.dtype.itemsize * int(np.prod(slot.shape))
        return self.block[slot.start : slot.start + size].view(slot.dtype).view(slot.shape)


def shipped(scenes: Sequence[Batch]) -> Batch:
    """The batch of single scenes' batches: tensors one after the other, ``example`` of each in one ``shipment``."""
    shipment = Shipment.of([one["example"] for one in scenes])
    names = [name for name in scenes[0] if name != "example"]
    return {"shipment": shipment} | {name: torch.cat([one[name] for one in scenes]) for name in names}


def _arrays(example: Example) -> tuple[Array | None, ...]:
    """In the order of ``Parts``."""
    body = example.surface
    shape = (body.vertices_m, body.normals, body.faces, body.painted())
    return (example.rgb, example.depth_m, *shape, body.uv, body.texture)


def _filled(block: Tensor, array: Array | None, start: int) -> Slot | None:
    if array is None:
        return None
    block.numpy()[start : start + array.nbytes] = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    dtype = torch.from_numpy(np.empty(0, array.dtype)).dtype
    return Slot(start, dtype, array.shape)
