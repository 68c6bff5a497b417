"""Gen6D's networks on one device: plain arrays in, plain arrays out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from estimators.crew import usable_cores
from estimators.gen6d.backbone import picture_tensor
from estimators.gen6d.database import DETECTOR_VIEWS, Database
from estimators.gen6d.detector import Detection, Kernels, decode
from estimators.gen6d.look_at import Crop
from estimators.gen6d.refiner import Delta, Views
from estimators.gen6d.selector import Views as SelectorViews
from estimators.gen6d.steps import Looks
from estimators.gen6d.weights import Weights
from schemas.arrays import Array

MOST_POSES = {"cpu": 4, "cuda": 64}
"""Poses a forward of the refiner, at most: seven pictures each, and volumes of 50 MB."""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What the networks make of an object's references, once.

    Attributes:
        kernels: Of the detector.
        views: Of the selector.
        embedding: (512, R), of the selector.
    """

    kernels: Kernels
    views: SelectorViews
    embedding: Tensor


class Engine:
    """Detects, selects and refines. Not thread-safe.

    Attributes:
        device: Where the networks are.
        digest: Of their weights.
        calls: How often the refiner's network was asked, for measurements.

    Args:
        weights: They belong to the engine afterwards.
        device: Where to put them; they compute in float32 there, without TF32.
        threads: Of the CPU; 0 for as many as there are usable cores.
    """

    def __init__(self, weights: Weights, device: torch.device, threads: int = 1) -> None:
        if device.type == "cpu":
            torch.set_num_threads(threads or usable_cores())
        else:
            torch.backends.cudnn.allow_tf32 = False  # as the published networks compute
        self.device, self.digest, self.calls = device, weights.digest, 0
        self._detector = weights.detector.to(device)
        self._selector = weights.selector.to(device)
        self._refiner = weights.refiner.to(device)

    @torch.inference_mode()
    def features(self, database: Database) -> Features:
        """What the networks know of an object; slow: some 850 GMAC for 64 references."""
        turned = database.turned.reshape(-1, *database.turned.shape[2:])
        kernels = self._detector.kernels(self._pictures(database.upright[:DETECTOR_VIEWS]))
        views = self._selector.features(self._pictures(turned))
        embedding = self._selector.embedding(torch.from_numpy(database.directions).to(self.device))
        return Features(kernels, views, embedding)

    @torch.inference_mode()
    def detect(self, pictures: Array, features: Features) -> list[Detection]:
        """Where an object is in each of the pictures (B, H, W, 3) uint8 RGB; always one place, right or wrong."""
        return decode(self._detector(self._pictures(pictures), features.kernels))

    @torch.inference_mode()
    def select(self, crops: Array, features: Features) -> tuple[Array, Array]:
        """How like each reference crops are, and how far they are turned from it.

        Args:
            crops: (B, 128, 128, 3) uint8 RGB, of ``look_at.plain_crop``.
            features: Of the object.

        Returns:
            Logits (B, R) and raw angles (B, R), float32; see ``options.angle_rad`` for their unit.
        """
        answer = self._selector(self._pictures(crops), features.views, features.embedding)
        return answer.logits.cpu().numpy(), answer.angles.cpu().numpy()

    @torch.inference_mode()
    def refine(self, seen: Sequence[Looks]) -> list[tuple[Array, Array, float]]:
        """How poses are to be changed, all in as few calls of the network as there is room for.

        Args:
            seen: Of any objects and frames.

        Returns:
            For each quaternion (4,), offset (2,) and log2 of the scale, see ``steps.next_pose``.
        """
        out: list[tuple[Array, Array, float]] = []
        most = MOST_POSES[self.device.type]
        for start in range(0, len(seen), most):
            chunk = seen[start : start + most]
            query = self._views([one.query for one in chunk])
            references = self._views([crop for one in chunk for crop in one.references])
            parts = Views(*(part.unflatten(0, (len(chunk), -1)) for part in references))
            out += _answers(self._refiner(query, parts))
            self.calls += 1
        return out

    def _views(self, crops: Sequence[Crop]) -> Views:
        pictures = self._pictures(np.stack([crop.picture for crop in crops]))
        numbers = (np.stack([crop.K for crop in crops]), np.stack([crop.cam_from_obj for crop in crops]))
        K, poses = (torch.from_numpy(part.astype(np.float32)).to(self.device) for part in numbers)
        return Views(pictures, K, poses)

    def _pictures(self, pictures: Array) -> Tensor:
        return picture_tensor(torch.from_numpy(np.require(pictures, requirements=["C", "W"])).to(self.device))


def _answers(delta: Delta) -> list[tuple[Array, Array, float]]:
    quaternions, offsets, scales = (part.cpu().double().numpy() for part in delta)
    return [
        (quaternion, offset, float(scale[0]))
        for quaternion, offset, scale in zip(quaternions, offsets, scales, strict=True)
    ]
