"""What a checkpoint's ``config.yml`` says about its network's inputs and outputs, and whether this code follows it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas import BadJob

INPUT_PX = 160
"""Both networks see squares of so many pixels a side."""
DEFAULT_CROP_RATIO = 1.2

# what the networks here are built for; the reference falls back to other values where the first group is missing
_MUST_SAY: dict[str, Any] = {
    "input_resize": [INPUT_PX, INPUT_PX], "c_in": 6, "use_BN": True, "normalize_xyz": True,
}  # fmt: skip
_MAY_SAY: dict[str, Any] = {"use_normal": False, "trans_rep": "tracknet"}
_ROTATIONS = {"axis_angle": 3, "6d": 6}


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The settings that differ between networks.

    Attributes:
        crop_ratio: Width of the crop over the object's diameter.
        rot_normalizer_rad: The largest turn about each axis in one refiner step, radians; 0 where turns are given by
            six numbers, and for the scorer.
        rot_numbers: How many numbers give a turn of the refiner: 3 (rotation vector, as published) or 6.
    """

    crop_ratio: float
    rot_normalizer_rad: float = 0.0
    rot_numbers: int = 3


def read_config(path: Path, *, refiner: bool) -> NetworkConfig:
    """The settings of the checkpoint beside this file.

    Args:
        path: ``config.yml``, published beside each checkpoint.
        refiner: Whether it is the refiner's, which has to say how turns are scaled.

    Raises:
        BadJob: Unreadable, or a value that the networks here do not follow; each is named.
    """
    import yaml

    try:
        values: Any = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        msg = f"{path}: expected a readable YAML file, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    if not isinstance(values, dict):
        msg = f"{path}: expected keys and values, got {type(values).__name__}"
        raise BadJob(msg)
    return config_of(values, str(path), refiner=refiner)


def config_of(values: dict[str, Any], where: str, *, refiner: bool) -> NetworkConfig:
    """The settings among these keys and values; see ``read_config``."""
    for key, wanted in (_MUST_SAY | _MAY_SAY).items():
        got = values.get(key, None if key in _MUST_SAY else wanted)
        if got != wanted:
            msg = f"{where}: expected {key}: {wanted}, got {got if key in values else 'no such key'}"
            raise BadJob(msg)
    ratio = values.get("crop_ratio")
    crop_ratio = _positive(DEFAULT_CROP_RATIO if ratio is None else ratio, "crop_ratio", where)
    if not refiner:
        return NetworkConfig(crop_ratio)
    form = values.get("rot_rep", "axis_angle")
    if form not in _ROTATIONS:
        msg = f"{where}: expected rot_rep: {' or '.join(_ROTATIONS)}, got {form}"
        raise BadJob(msg)
    if form == "6d":
        return NetworkConfig(crop_ratio, rot_numbers=_ROTATIONS[form])
    return NetworkConfig(crop_ratio, _positive(values.get("rot_normalizer"), "rot_normalizer", where))


def published_settings(crop_ratio: float, **more: str | float) -> dict[str, Any]:
    """What ``config.yml`` has to say of a network of our own: all of it, as the reference falls back to other values.

    Args:
        crop_ratio: See ``NetworkConfig``.
        more: A refiner's ``rot_rep`` and ``rot_normalizer``.
    """
    return {**_MUST_SAY, **_MAY_SAY, "crop_ratio": crop_ratio, **more}


def _positive(value: Any, key: str, where: str) -> float:  # noqa: ANN401 - whatever YAML held
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        msg = f"{where}: expected a number above 0 for {key}, got {value!r}"
        raise BadJob(msg)
    return float(value)
