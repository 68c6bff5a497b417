"""Which renderer a device gets."""

import importlib

import torch

from estimators.foundationpose.rendering.base import CropRenderer
from schemas import BadJob

NAMES = ("auto", "numba", "warp", "nvdiffrast")


def make_renderer(device: torch.device, name: str = "auto") -> CropRenderer:
    """A renderer whose pictures are on a device.

    Args:
        device: Of the networks.
        name: One of ``NAMES``; auto is numba on the CPU and warp elsewhere.

    Raises:
        BadJob: An unknown name, one that does not go with the device, or a package that is not installed.
    """
    if name not in NAMES:
        msg = f"renderer: expected one of {', '.join(NAMES)}, got {name!r}"
        raise BadJob(msg)
    chosen = name if name != "auto" else "numba" if device.type == "cpu" else "warp"
    if (chosen == "numba" and device.type != "cpu") or (chosen == "nvdiffrast" and device.type != "cuda"):
        msg = f"renderer {chosen}: expected {'the CPU' if chosen == 'numba' else 'a CUDA device'}, got {device}"
        raise BadJob(msg)
    try:
        if device.type == "cuda":
            importlib.import_module("warp")  # depth is filtered by it, whatever draws
        return _made(chosen, device)
    except ModuleNotFoundError as error:
        advice = "pip install 'posestream[gpu]'" if error.name == "warp" else "see its own instructions"
        msg = f"renderer {chosen}: expected the package {error.name} to be installed, it is not; {advice}"
        raise BadJob(msg) from error


def _made(name: str, device: torch.device) -> CropRenderer:
    if name == "warp":
        from estimators.foundationpose.rendering.warp import WarpCropRenderer

        return WarpCropRenderer(device)
    if name == "nvdiffrast":
        from estimators.foundationpose.rendering.nvdiffrast import NvdiffrastCropRenderer

        return NvdiffrastCropRenderer(device)
    from estimators.foundationpose.rendering.cpu import NumbaCropRenderer

    return NumbaCropRenderer()
