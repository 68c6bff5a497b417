"""What photos of an object say together: where each was taken from, and how large the object is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from schemas import BadJob, Camera, Pose
from schemas.arrays import Array, checked, checked_finite


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One photo of an object.

    Attributes:
        path: The picture.
        K: (3, 3) float64, pixels.
        cam_from_obj: Metres.
        mask: A picture that is not black where the object is; None where nobody knows.
        depth: 16 bit, in the same camera; None without a depth sensor.
        depth_unit_m: Metres in one unit of it.
        distortion: k1, k2, p1, p2 of OpenCV's model; the picture is rectified when it is read.
    """

    path: Path
    K: Array
    cam_from_obj: Pose
    mask: Path | None = None
    distortion: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    depth: Path | None = None
    depth_unit_m: float = 1e-3

    def __post_init__(self) -> None:
        object.__setattr__(self, "K", checked_finite(f"K of {self.path.name}", self.K, (3, 3)))

    def picture(self) -> Array:
        """(H, W, 3) uint8 RGB, rectified.

        Raises:
            BadJob: It cannot be read.
        """
        return self._rectified(cv2.cvtColor(_read(self.path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB))

    def seen(self) -> Array | None:
        """(H, W) bool where the object is, rectified; None where nobody knows.

        Raises:
            BadJob: The mask cannot be read.
        """
        return None if self.mask is None else self._rectified(_read(self.mask, cv2.IMREAD_GRAYSCALE)) > 0

    def depth_m(self) -> Array | None:
        """(H, W) float32 metres, 0 where unknown, rectified; None without a depth sensor.

        Raises:
            BadJob: The picture cannot be read, or is not one of 16 bit.
        """
        if self.depth is None:
            return None
        raw = _read(self.depth, cv2.IMREAD_UNCHANGED)
        if raw.ndim != 2 or raw.dtype != np.uint16:
            msg = f"depth {self.depth}: expected one channel of 16 bit, got {raw.dtype} of shape {raw.shape}"
            raise BadJob(msg)
        if any(self.distortion):  # depth must not be mixed between pixels
            size = (raw.shape[1], raw.shape[0])
            maps = cv2.initUndistortRectifyMap(self.K, np.array(self.distortion), None, self.K, size, cv2.CV_32FC1)
            raw = cv2.remap(raw, maps[0], maps[1], cv2.INTER_NEAREST)
        return raw.astype(np.float32) * np.float32(self.depth_unit_m)

    def _rectified(self, picture: Array) -> Array:
        return cv2.undistort(picture, self.K, np.array(self.distortion)) if any(self.distortion) else picture

    def camera(self, height_px: int, width_px: int) -> Camera:
        """Of a picture of this size."""
        K = self.K
        return Camera(width_px, height_px, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))


def _read(path: Path, how: int) -> Array:
    picture = cv2.imread(str(path), how) if path.is_file() else None
    if picture is None:
        msg = f"photo {path}: expected a readable picture, got {'another file' if path.is_file() else 'no such file'}"
        raise BadJob(msg)
    return picture


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceSet:
    """An object by its photos, all in one frame, metres.

    Attributes:
        name: For messages.
        photos: Of it.
        low_m: (3,) corner of its box.
        high_m: (3,) opposite corner.
        up: (3,) unit vector that is up in most photos.
        surface_m: (N, 3) points about its surface: of the hull that its masks leave, or of its box.
        left_out: File name -> why a photo was not taken.
        box_from: Where the box is from, in words.
    """

    name: str
    photos: tuple[Photo, ...]
    low_m: Array
    high_m: Array
    up: Array
    surface_m: Array
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    box_from: str = ""

    def __post_init__(self) -> None:
        for name in ("low_m", "high_m", "up"):
            object.__setattr__(self, name, checked_finite(name, getattr(self, name), (3,)))
        object.__setattr__(self, "surface_m", checked("surface_m", self.surface_m, (None, 3), np.float32))

    @property
    def center_m(self) -> Array:
        """(3,) float64, the middle of its box."""
        return (self.low_m + self.high_m) / 2

    @property
    def diameter_m(self) -> float:
        """Of its box, corner to corner."""
        return float(np.linalg.norm(self.high_m - self.low_m))

    def positions_m(self) -> Array:
        """(N, 3) of the cameras, from the object's centre."""
        return positions_of(self.photos) - self.center_m


def positions_of(photos: tuple[Photo, ...]) -> Array:
    """(N, 3) of the cameras in the object's frame, metres."""
    return np.stack([photo.cam_from_obj.inverse().translation_m for photo in photos])


def up_of(photos: tuple[Photo, ...]) -> Array:
    """(3,) what is up in most photos, in the object's frame; z where they are turned every way."""
    mean = -np.mean([photo.cam_from_obj.rotation[1] for photo in photos], axis=0)
    length = float(np.linalg.norm(mean))
    return mean / length if length > _LEAST_UP else np.array([0, 0, 1.0])


_LEAST_UP = 0.1


def number_list(value: Any, count: int, what: str) -> Array:  # noqa: ANN401 - whatever JSON held
    """(count,) float64 of a list in a file.

    Raises:
        BadJob: Something else.
    """
    try:
        numbers = np.array(value, np.float64).reshape(-1)
    except (TypeError, ValueError):
        numbers = np.zeros(0)
    if len(numbers) != count or not np.isfinite(numbers).all():
        msg = f"{what}: expected {count} finite numbers, got {value!r}"
        raise BadJob(msg)
    return numbers
