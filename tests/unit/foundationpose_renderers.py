"""Every renderer of FoundationPose that this machine has, for suites that run over all of them."""

import pytest
import torch

from estimators.foundationpose.rendering import CropRenderer, make_renderer
from estimators.foundationpose.surface import Surface
from schemas import BadJob

RENDERERS = [("numba", "cpu"), ("warp", "cpu"), ("warp", "cuda"), ("nvdiffrast", "cuda")]


def renderer_or_skip(name: str, device: str) -> CropRenderer:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    try:
        return make_renderer(torch.device(device), name)
    except BadJob as error:
        pytest.skip(str(error))


def draw(
    renderer: CropRenderer,
    surface: Surface,
    poses: torch.Tensor,
    K: torch.Tensor,
    window: torch.Tensor,
    size: tuple[int, int],
) -> torch.Tensor:
    """Pictures on the CPU of arguments on the CPU."""
    there = [part.to(renderer.device) for part in (poses, K, window)]
    return renderer.render(renderer.upload(surface), *there, size).cpu()
