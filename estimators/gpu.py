"""Memory of CUDA devices that this process uses, for those who watch it."""

import sys
from typing import Any


def memory_bytes() -> dict[str, dict[str, int]]:
    """What torch holds on each CUDA device: ``allocated`` by tensors, ``reserved`` by its pools with them in it.

    And ``free`` of the device for everybody. Empty where this process has no torch, or has not used CUDA: torch is
    not imported for it, and no device is waken.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {
        f"cuda:{index}": {
            "allocated": torch.cuda.memory_allocated(index),
            "reserved": torch.cuda.memory_reserved(index),
            "free": torch.cuda.mem_get_info(index)[0],
        }
        for index in range(torch.cuda.device_count())
        if torch.cuda.memory_reserved(index)
    }
