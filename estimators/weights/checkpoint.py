"""Reading one network's checkpoint without running any code that it holds, and checking it key by key."""

import hashlib
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from schemas import BadJob

_NAMED = 4  # keys in a message
_STATE_KEYS = ("model", "network_state_dict")
"""Under which training loops save the state dict, with other things beside it."""
# what training loops save beside a state dict: numbers of numpy and plain containers, none of which runs anything
_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [
    *(defaultdict, OrderedDict, dict, np.dtype, np.ndarray, np.dtypes.Float64DType, np.dtypes.Float32DType),
    *(np.dtypes.Int64DType, (_SCALAR, "numpy.core.multiarray.scalar"), (_SCALAR, "numpy._core.multiarray.scalar")),
]


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state(path: Path) -> dict[str, Tensor]:
    """The state dict in a file of ``torch.save`` or safetensors, by itself or beside what training left there.

    Never unpickled beyond tensors, numbers and plain containers.

    Raises:
        BadJob: Unreadable, or something else than a state dict.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(_HARMLESS):
            loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).strip().splitlines()[0]
        msg = f"{path}: expected only tensors and numbers in it; it holds more, and is not unpickled: {reason}"
        raise BadJob(msg) from error
    except Exception as error:  # a foreign file and a foreign reader: any error means that it cannot be read
        msg = f"{path}: expected a file of torch.save or safetensors, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    within = next((key for key in _STATE_KEYS if isinstance(loaded, Mapping) and key in loaded), None)
    state = loaded if within is None else loaded[within]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        keys = " or ".join(_STATE_KEYS)
        msg = f"{path}: expected a state dict, by itself or under the key {keys}, got {type(state).__name__}"
        raise BadJob(msg)
    return {str(key): value for key, value in state.items()}


def load_strictly(network: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Put a state dict into a network.

    Raises:
        BadJob: Keys that are missing, too many, or of another shape or type; they are named.
    """
    wanted = network.state_dict()
    missing = [key for key in wanted if key not in state]
    extra = [key for key in state if key not in wanted]
    shapes = [
        f"{key} {tuple(state[key].shape)} where {tuple(wanted[key].shape)} was expected"
        for key in wanted
        if key in state and state[key].shape != wanted[key].shape
    ]
    types = [
        f"{key} {state[key].dtype}"
        for key in wanted
        if key in state and state[key].is_floating_point() != wanted[key].is_floating_point()
    ]
    wrong = {"missing keys": missing, "extra keys": extra, "other shapes": shapes, "other types": types}
    if any(wrong.values()):
        parts = "; ".join(f"{what}: {_some(keys)}" for what, keys in wrong.items() if keys)
        msg = f"{where}: expected the keys of {type(network).__name__}; {parts}"
        raise BadJob(msg)
    unfit = [key for key in wanted if state[key].is_floating_point() and not torch.isfinite(state[key]).all()]
    if unfit:
        msg = f"{where}: expected finite numbers, got NaN or infinite ones in {_some(unfit)}"
        raise BadJob(msg)
    network.load_state_dict(dict(state))


def _some(keys: list[str]) -> str:
    rest = len(keys) - _NAMED
    return ", ".join(keys[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
