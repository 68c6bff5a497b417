"""Reading pictures, depth images and JSON from files, each with an error that names the file."""

import json
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np

from producers.sources.base import DamagedPicture, SourceError
from producers.sources.enlarging import enlarged, fits
from schemas import Camera
from schemas.arrays import Array
from schemas.depth import depth_from_raw

# the pixel grid as it is stored: an orientation tag must not turn it against intrinsics and depth
_COLOUR = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        SourceError: Missing, not JSON, or no object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{path}: expected a readable file, got {error.strerror}"
        raise SourceError(msg) from error
    except ValueError as error:
        msg = f"{path}: expected JSON, {error}"
        raise SourceError(msg) from error
    if not isinstance(content, dict):
        msg = f"{path}: expected a JSON object, got a {type(content).__name__}"
        raise SourceError(msg)
    return cast("dict[str, Any]", content)


def read_rgb(path: Path, camera: Camera) -> Array:
    """A colour picture (H, W, 3) uint8 RGB of the camera's size.

    Raises:
        DamagedPicture: It cannot be decoded.
        SourceError: Missing, or of another size.
    """
    picture = _read(path, _COLOUR)
    check_size(path, picture, camera)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def read_depth(path: Path, camera: Camera, unit_m: float) -> Array:
    """A 16-bit depth image as (H, W) float32 metres of the camera's size, 0 where unknown.

    One of a smaller size and the same shape is enlarged; see ``producers.sources.enlarging``.

    Raises:
        DamagedPicture: It cannot be decoded.
        SourceError: Missing, not 16-bit with one channel, or of a size that does not fit.
    """
    raw = _read(path, cv2.IMREAD_UNCHANGED)
    if raw.dtype != np.uint16 or raw.ndim != 2:
        msg = f"{path}: expected a 16-bit image with one channel, got {raw.dtype} of shape {raw.shape}"
        raise SourceError(msg)
    size = (camera.height, camera.width)
    if fits(raw.shape, size):
        raw = enlarged(raw, size)
    check_size(path, raw, camera)
    return depth_from_raw(raw, unit_m)


def read_mask(path: Path, camera: Camera) -> Array:
    """A mask as (H, W) bool: every pixel that is not 0.

    Raises:
        DamagedPicture: It cannot be decoded.
        SourceError: Missing, or of another size.
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
    height, width = _read(path, _COLOUR).shape[:2]
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
        raise DamagedPicture(msg)
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
