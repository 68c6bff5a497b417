"""Which way of looking a device gets."""

from estimators.foundationpose.device import Device
from estimators.foundationpose.looks import Looks, TorchLooks
from estimators.foundationpose.rendering import make_renderer
from estimators.foundationpose.steps import Steps


def make_looks(device: Device, steps: Steps) -> Looks:
    """What a device gets: on CUDA, and where warp draws, kernels that need no pictures in between.

    Raises:
        BadJob: See ``make_renderer``.
    """
    renderer = make_renderer(device.place, device.renderer)
    if device.place.type == "cpu" and device.renderer != "warp":
        return TorchLooks(device, steps, renderer)
    from estimators.foundationpose.fast_looks import GpuLooks, WarpLooks

    if device.renderer == "nvdiffrast":
        return GpuLooks(device, steps, renderer)
    return WarpLooks(device, steps, renderer)
