"""Where the networks run and how exactly they compute."""

from dataclasses import dataclass

import torch

from schemas import BadJob

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class Device:
    """A device and the type of number on it.

    Attributes:
        place: The device.
        dtype: Of the networks; everything around them is float32.
        renderer: A name in ``rendering.choice``.
    """

    place: torch.device
    dtype: torch.dtype = torch.float32
    renderer: str = "auto"

    @staticmethod
    def named(device: str = "auto", precision: str = "auto", renderer: str = "auto") -> "Device":
        """The device that somebody asked for.

        Args:
            device: cpu, cuda, cuda:N, or auto for CUDA where there is some.
            precision: fp32, bf16, fp16 (CUDA only), or auto: fp16 on CUDA, as the published networks were trained, and
                elsewhere bf16 where the device computes in it.
            renderer: See ``rendering.choice``.

        Raises:
            BadJob: Something that there is not; it is named with what to do.
        """
        place = _device(device)
        if precision not in (*PRECISIONS, "auto"):
            msg = f"precision: expected one of auto, {', '.join(PRECISIONS)}, got {precision!r}"
            raise BadJob(msg)
        if precision == "fp16" and place.type == "cpu":
            msg = "precision fp16: expected a CUDA device, got the CPU; bf16 and fp32 go there"
            raise BadJob(msg)
        chosen = precision if precision != "auto" else _best(place)
        return Device(place, PRECISIONS[chosen], renderer)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not name.startswith("cuda"):
        msg = f"device: expected auto, cpu, cuda or cuda:N, got {name!r}"
        raise BadJob(msg)
    if name.startswith("cuda") and not torch.cuda.is_available():
        msg = f"device {name}: expected a CUDA GPU, torch finds none; use --device cpu, or see posestream doctor"
        raise BadJob(msg)
    try:
        place = torch.device(name)
    except RuntimeError as error:
        msg = f"device: expected auto, cpu, cuda or cuda:N, got {name!r}"
        raise BadJob(msg) from error
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        msg = f"device {name}: expected one of {torch.cuda.device_count()} CUDA GPUs"
        raise BadJob(msg)
    return place


def _best(place: torch.device) -> str:
    """fp16 has eight times the digits of bf16, and is as fast on a GPU; emulated, bf16 is slower than fp32."""
    if place.type == "cuda":
        return "fp16"
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    fast = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16") or capabilities.get("bf16")
    return "bf16" if fast else "fp32"
