"""``Batch`` by warp's kernels: any meshes, frames and cameras in one launch, nothing between picture and network."""

from collections.abc import Sequence
from typing import Any

import torch
import warp as wp
from torch import Tensor

from estimators.foundationpose.agreement import INLIER_M, INLIER_PER_M2, share_of
from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.fused import PACKED, RIM_BEFORE
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.observed import REFINER_NEAREST_M, SCORER_NEAREST_M
from estimators.foundationpose.rendering import pair_kernels, window_kernels
from estimators.foundationpose.rendering.tables import Row, Tables, packed, sent
from estimators.foundationpose.rendering.warp import WarpMesh, addresses, cover, launch


class WarpBatch:
    """``Batch``. Its memory is kept from call to call, so that its launches can be captured in a graph.

    Args:
        tables: Whose rows are read at each call, not before.
        faces: Of the mesh that has most, at least.
        ratios: Crop ratios of refiner and scorer.
        dtype: Of the networks.
    """

    def __init__(self, tables: Tables, faces: int, ratios: tuple[float, float], dtype: torch.dtype) -> None:
        self.diameters_m, self._faces, self._ratios = tables.diameters_m, faces, ratios
        count, device = len(tables.diameters_m), tables.diameters_m.device
        self._pairs = torch.zeros(2 * count, *PACKED, dtype=dtype, device=device)
        self._nearest = torch.empty(count, INPUT_PX, INPUT_PX, dtype=torch.int64, device=device)
        self._crops, self._drawn = (torch.empty(count, 4, device=device) for _ in range(2))
        self._tally = torch.empty(count, 5, dtype=torch.int32, device=device)
        self._cameras = wp.from_torch(tables.cameras.view(count, 3, 3), wp.mat33d)
        self._addresses = addresses(tables)
        self._held: Sequence[Group] = ()  # the rows only point to their frames and meshes

    @staticmethod
    def of(
        groups: Sequence[Group], device: torch.device, ratios: tuple[float, float], dtype: torch.dtype
    ) -> "WarpBatch":
        """A batch of these groups alone."""
        rows = rows_of(groups)
        tables = Tables(sent(packed(rows), device), len(rows))
        batch = WarpBatch(tables, most_faces(groups), ratios, dtype)
        batch._held = groups
        return batch

    def refine_input(self, cam_from_obj: Tensor) -> Tensor:
        """See ``Batch``."""
        return self._input(cam_from_obj, scorer=False)

    def score_input(self, cam_from_obj: Tensor) -> Tensor:
        """See ``Batch``."""
        return self._input(cam_from_obj, scorer=True)

    def agreement(self, cam_from_obj: Tensor) -> Tensor:
        """See ``Batch``."""
        eyes = self._drawn_at(cam_from_obj, self._ratios[0])
        self._tally.zero_()
        seen = [wp.from_torch(self._crops, wp.vec4), wp.from_torch(self._nearest)]
        inputs = [*eyes, *seen, INLIER_M, INLIER_PER_M2, wp.from_torch(self._tally)]
        dim = (len(cam_from_obj), INPUT_PX, INPUT_PX // int(pair_kernels.STEP))
        launch(pair_kernels.compare, dim, inputs, cam_from_obj.device)
        return share_of(self._tally)

    def _input(self, cam_from_obj: Tensor, *, scorer: bool) -> Tensor:
        eyes = self._drawn_at(cam_from_obj, self._ratios[scorer])
        nearest_m = SCORER_NEAREST_M if scorer else REFINER_NEAREST_M
        seen = [wp.from_torch(self.diameters_m), wp.from_torch(self._crops, wp.vec4), wp.from_torch(self._nearest)]
        inputs = [*eyes, *seen, int(scorer), nearest_m, RIM_BEFORE, wp.from_torch(self._pairs)]
        launch(pair_kernels.pair, (len(cam_from_obj), INPUT_PX, INPUT_PX), inputs, cam_from_obj.device)
        return self._pairs

    def _drawn_at(self, cam_from_obj: Tensor, ratio: float) -> list[Any]:
        """Windows and nearest faces at poses; what kernels are told about the poses."""
        poses = wp.from_torch(cam_from_obj.contiguous(), wp.mat44)
        crops, drawn = wp.from_torch(self._crops, wp.vec4), wp.from_torch(self._drawn, wp.vec4)
        inputs = [poses, self._cameras, wp.from_torch(self.diameters_m), ratio, crops, drawn]
        launch(window_kernels.look_at, (len(cam_from_obj),), inputs, cam_from_obj.device)
        eyes = [poses, self._cameras, drawn, *self._addresses]
        cover(eyes, self._nearest, self._faces)
        return eyes


def rows_of(groups: Sequence[Group]) -> list[Row]:
    """A row for each pose of groups whose meshes are ``WarpMesh``."""
    out: list[Row] = []
    for group in groups:
        scene = group.scene
        row = Row.of(group.mesh.row, scene.pixels, scene.depth_m, scene.camera, group.diameter_m)
        out += [row] * group.count
    return out


def most_faces(groups: Sequence[Group]) -> int:
    """Of the largest mesh."""
    meshes: list[WarpMesh] = [group.mesh for group in groups]
    return max(mesh.faces for mesh in meshes)
