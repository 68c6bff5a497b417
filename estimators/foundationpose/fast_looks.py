"""``Looks`` on a GPU; needs warp-lang."""

from collections.abc import Sequence

from torch import Tensor

from estimators.foundationpose.batch import Batch
from estimators.foundationpose.device import Device
from estimators.foundationpose.graphs import SIZES, Graphs
from estimators.foundationpose.inputs import Group
from estimators.foundationpose.looks import TorchLooks
from estimators.foundationpose.rendering import CropRenderer
from estimators.foundationpose.rendering.warp_batch import WarpBatch
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.steps import Steps
from estimators.foundationpose.upload import Uploader
from schemas import Frame


class GpuLooks(TorchLooks):
    """Frames go by way of memory that the GPU reads; what draws is any renderer. See ``TorchLooks``."""

    def __init__(self, device: Device, steps: Steps, renderer: CropRenderer) -> None:
        super().__init__(device, steps, renderer)
        self._upload = Uploader(device.place)

    def scenes(self, frames: Sequence[Frame]) -> list[Scene]:
        """See ``Looks``."""
        return self._upload(frames)


class WarpLooks(GpuLooks):
    """Pictures are made by warp's kernels, in one launch for all poses; on CUDA, objects are followed by graphs.

    See ``TorchLooks`` for the arguments; on the CPU it does the same without graphs, for tests.
    """

    def __init__(self, device: Device, steps: Steps, renderer: CropRenderer) -> None:
        super().__init__(device, steps, renderer)
        self._graphs = Graphs(steps, device) if device.place.type == "cuda" else None

    def batch(self, groups: Sequence[Group]) -> Batch:
        """See ``Looks``."""
        return WarpBatch.of(groups, self._device.place, self._steps.ratios, self._device.dtype)

    def followed(self, groups: Sequence[Group], cam_from_obj: Tensor, iterations: int) -> tuple[Tensor, Tensor]:
        """See ``Looks``; more poses than the largest graph takes are not captured."""
        if self._graphs is None or len(cam_from_obj) > SIZES[-1]:
            return super().followed(groups, cam_from_obj, iterations)
        return self._graphs.run(groups, cam_from_obj, iterations)

    def free(self) -> None:
        """See ``Looks``."""
        if self._graphs is not None:
            self._graphs.clear()
        super().free()
