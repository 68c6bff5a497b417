"""Checks that every array of a value passes once, where the value is made."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
"""An array whose dtype and shape the docstring of its owner gives."""


def checked(name: str, array: object, shape: tuple[int | None, ...], dtype: DTypeLike) -> Array:
    """A read-only array of the wanted shape and dtype.

    Args:
        name: How the message calls the array.
        array: Anything numpy takes; copied only where dtype, order or ownership demand it.
        shape: Wanted sizes; None takes any size.
        dtype: Wanted element type; the conversion must be safe in kind (no float to int).

    Returns:
        A C-contiguous array that cannot be written through.

    Raises:
        ValueError: Other shape, or elements that cannot become ``dtype``.
    """
    given = np.asarray(array)
    if given.dtype == dtype and given.shape == shape and given.flags.c_contiguous:  # nearly always: the rest is slower
        fixed = given.view()
        fixed.flags.writeable = False
        return fixed
    if given.ndim != len(shape) or any(w is not None and w != g for w, g in zip(shape, given.shape, strict=True)):
        wanted = tuple("any" if size is None else size for size in shape)
        msg = f"{name}: expected shape {wanted}, got {given.shape}"
        raise ValueError(msg)
    if not np.can_cast(given.dtype, dtype, casting="same_kind"):
        msg = f"{name}: expected {np.dtype(dtype)}, got {given.dtype}"
        raise ValueError(msg)
    fixed = np.ascontiguousarray(given, dtype=dtype).view()
    fixed.flags.writeable = False
    return fixed


def checked_finite(name: str, array: object, shape: tuple[int | None, ...]) -> Array:
    """``checked`` as float64, and every element finite.

    Raises:
        ValueError: Other shape or type, or an element is NaN or infinite.
    """
    values = checked(name, array, shape, np.float64)
    if not np.isfinite(values).all():
        msg = f"{name}: expected finite numbers, got {values.ravel()[~np.isfinite(values.ravel())][0]}"
        raise ValueError(msg)
    return values
