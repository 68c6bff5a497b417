"""Reading pictures, depth images and JSON from files, each with an error that names the file."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from producers.sources.base import SourceError
from schemas import Camera
from schemas.arrays import Array
from schemas.depth import depth_from_raw


def read_json(path: Path) -> Any:  # noqa: ANN401 - the caller knows the file's shape
    """A JSON file's content.

    Raises:
        SourceError: Missing or not JSON.
    """
    try:
        return json.loads(path.read_text())
    except OSError as error:
        msg = f"{path}: expected a readable file, got {error.strerror}"
        raise SourceError(msg) from error
    except ValueError as error:
        msg = f"{path}: expected JSON, {error}"
        raise SourceError(msg) from error


def read_rgb(path: Path, camera: Camera) -> Array:
    """A colour picture (H, W, 3) uint8 RGB of the camera's size.

    Raises:
        SourceError: Missing, damaged, or of another size.
    """
    picture = _read(path, cv2.IMREAD_COLOR)
    check_size(path, picture, camera)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_depth(path: Path, camera: Camera, unit_m: float) -> Array:
    """A 16-bit depth image as (H, W) float32 metres, 0 where unknown.

    Raises:
        SourceError: Missing, damaged, not 16-bit with one channel, or of another size.
    """
    raw = _read(path, cv2.IMREAD_UNCHANGED)
    if raw.dtype != np.uint16 or raw.ndim != 2:
        msg = f"{path}: expected a 16-bit image with one channel, got {raw.dtype} of shape {raw.shape}"
        raise SourceError(msg)
    check_size(path, raw, camera)
    return depth_from_raw(raw, unit_m)


def read_mask(path: Path, camera: Camera) -> Array:
    """A mask as (H, W) bool: every pixel that is not 0.

    Raises:
        SourceError: Missing, damaged, or of another size.
    """
    mask = _read(path, cv2.IMREAD_GRAYSCALE)
    check_size(path, mask, camera)
    return mask > 0


def check_size(path: Path | str, picture: Array, camera: Camera) -> None:
    """Raise SourceError where a picture is not of the camera's size."""
    height, width = picture.shape[:2]
    if (width, height) != (camera.width, camera.height):
        msg = f"{path}: expected {camera.width}x{camera.height} as the camera says, got {width}x{height}"
        raise SourceError(msg)


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of a picture."""
    height, width = _read(path, cv2.IMREAD_COLOR).shape[:2]
    return width, height


def _read(path: Path, flags: int) -> Array:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        msg = f"{path}: expected a picture, got {error.strerror}"
        raise SourceError(msg) from error
    picture = cv2.imdecode(data, flags) if len(data) else None
    if picture is None:
        msg = f"{path}: expected a picture, could not decode its {len(data)} bytes"
        raise SourceError(msg)
    return picture


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder in the order of their names.

    Raises:
        SourceError: No such folder, or no picture in it.
    """
    if not folder.is_dir():
        msg = f"{folder}: expected a folder of pictures, found none"
        raise SourceError(msg)
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".bmp"))
    if not found:
        msg = f"{folder}: expected .jpg, .png or .bmp pictures, found none"
        raise SourceError(msg)
    return found
