"""Crops of a frame about an object, and local contrast that does not depend on light."""

from copy import copy
from dataclasses import dataclass

import cv2
import numpy as np

from estimators.geometric.contrast import normalise
from estimators.geometric.holes import filled
from estimators.geometric.known import NOTHING_KNOWN, Known
from schemas import Frame
from schemas.arrays import Array, checked

CROP_PX, COARSE_CROP_PX = 136, 88
_CROP_DIAMETERS = 1.45
_ROOM_PX = 8.0
_NEAREST_M = 0.05
_ROWS = 32


class FrameImages:
    """What all objects of one frame share: clean depth and the colour image at halved sizes.

    Attributes:
        K: (3, 3) float64 intrinsics of the frame.
        cam: (4,) float64 fx, fy, cx, cy.
        depth_m: (H, W) float32, 0 where unknown; see ``holes.filled``.
        sees_depth: Whether any depth is known; where not, the colour image alone must do.
        known: What earlier frames told of the object that is looked at; used where there is no depth.
    """

    def __init__(self, frame: Frame) -> None:
        camera, depth_m = frame.camera, frame.depth_m
        self.K = camera.K
        self.cam = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
        self.known = NOTHING_KNOWN
        if depth_m is None:
            depth_m = np.zeros((camera.height, camera.width), np.float32)
        if not np.isfinite(depth_m.sum()):
            depth_m = np.nan_to_num(depth_m, nan=0.0, posinf=0.0, neginf=0.0)
        # read-only: one type for the kernels
        known = checked("depth_m", depth_m, depth_m.shape, np.float32)
        self.depth_m = checked("depth_m", filled(known), known.shape, np.float32)
        # nearly always a few rows tell
        self.sees_depth = bool((self.depth_m[::_ROWS] > 0).any()) or bool(self.depth_m.max() > 0)
        self._levels = {0: frame.rgb}

    def seen_as(self, depth_m: Array) -> "FrameImages":
        """The same frame with another depth image (H, W) float32."""
        other = copy(self)
        other.depth_m = checked("depth_m", depth_m, depth_m.shape, np.float32)
        return other

    def knowing(self, known: Known) -> "FrameImages":
        """The same images beside what earlier frames told of one object."""
        images = copy(self)
        images.known = known
        return images

    def used(self, *, depth: bool) -> "FrameImages":
        """The same images for one object, without depth where it is not to be used."""
        images = copy(self)
        if not depth and self.sees_depth:
            images.depth_m = checked("depth_m", np.zeros_like(self.depth_m), self.depth_m.shape, np.float32)
            images.sees_depth = False
        return images

    def level(self, halvings: int) -> Array:
        """The colour image, halved so often (at most three times) by averaging."""
        wanted = min(halvings, 3)
        if wanted not in self._levels:  # two threads may both make it: the same picture
            larger = self.level(wanted - 1)
            height, width = larger.shape[:2]
            size = (max(1, width // 2), max(1, height // 2))
            self._levels[wanted] = cv2.resize(larger, size, interpolation=cv2.INTER_AREA)
        return self._levels[wanted]


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A square window of a frame about an object.

    Attributes:
        K: (3, 3) float64 intrinsics with the window folded in.
        rgb: (S, S, 3) uint8; black outside the frame.
        zoom: Pixels of the crop for one of the frame.
        crop_from_frame: (2, 3) float64, the window as an affine map of pixels.
    """

    K: Array
    rgb: Array
    zoom: float
    crop_from_frame: Array

    @property
    def cam(self) -> Array:
        """(4,) float64 fx, fy, cx, cy of ``K``."""
        return np.array([self.K[0, 0], self.K[1, 1], self.K[0, 2], self.K[1, 2]])

    def in_frame(self, shape: tuple[int, ...]) -> Array:
        """(S, S) bool, pixels that show some of a frame of a height and a width."""
        pixels = np.arange(self.rgb.shape[0])
        (zoom, _, left), (_, _, top) = self.crop_from_frame
        columns, rows = (pixels - left) / zoom, (pixels - top) / zoom
        return ((rows >= 0) & (rows <= shape[0] - 1))[:, None] & ((columns >= 0) & (columns <= shape[1] - 1))[None]


def crop_about(images: FrameImages, center_m: Array, diameter_m: float, size_px: int) -> Crop:
    """The window about a point in the camera's frame, 1.45 diameters wide at its depth, drawn ``size_px`` wide."""
    return crop_about_width(images, center_m, _CROP_DIAMETERS * diameter_m, size_px)


def crop_about_width(images: FrameImages, center_m: Array, width_m: float, size_px: int) -> Crop:
    """The window about a point (3,) in the camera's frame, ``width_m`` wide at its depth, drawn ``size_px`` wide."""
    K = images.K
    z = max(float(center_m[2]), _NEAREST_M)
    u, v = K[0, 0] * center_m[0] / z + K[0, 2], K[1, 1] * center_m[1] / z + K[1, 2]
    return crop_at(images, u, v, width_m * float(np.sqrt(K[0, 0] * K[1, 1])) / z, size_px)


def crop_around(images: FrameImages, points_m: Array, size_px: int, margin: float) -> Crop:
    """The window about points (N, 3) in the camera's frame, ``margin`` times as wide, drawn ``size_px`` wide."""
    z = np.maximum(points_m[:, 2:], _NEAREST_M)
    at = points_m[:, :2] / z * images.cam[:2] + images.cam[2:]
    low, high = at.min(axis=0), at.max(axis=0)
    u, v = (low + high) / 2
    return crop_at(images, float(u), float(v), margin * float((high - low).max()) + _ROOM_PX, size_px)


def crop_at(images: FrameImages, u: float, v: float, width_px: float, size_px: int) -> Crop:
    """The square window of a width about a pixel of the frame."""
    K, zoom = images.K, size_px / max(width_px, 8.0)
    middle = (size_px - 1) / 2
    crop_from_frame = np.array([[zoom, 0.0, middle - zoom * u], [0.0, zoom, middle - zoom * v], [0.0, 0.0, 1.0]])
    halvings = max(0, int(np.floor(np.log2(1.25 / zoom)))) if zoom < 1.25 else 0
    image = images.level(halvings)
    factor = 2.0 ** min(halvings, 3)
    # the centre of a pixel that averages f x f pixels lies at f u + (f - 1) / 2
    frame_from_level = np.array([[factor, 0.0, (factor - 1) / 2], [0.0, factor, (factor - 1) / 2], [0.0, 0.0, 1.0]])
    crop_from_level = (crop_from_frame @ frame_from_level)[:2]
    rgb = cv2.warpAffine(image, crop_from_level, (size_px, size_px), flags=cv2.INTER_LINEAR)
    return Crop(crop_from_frame @ K, rgb, zoom, crop_from_frame[:2])


def local_contrast(rgb: Array, mix: Array, mask: Array) -> Array:
    """Brightness minus its local mean, over its local spread: the same in light and shadow.

    Args:
        rgb: (S, S, 3) uint8.
        mix: (1, 3) float32, how red, green and blue are mixed to brightness.
        mask: (S, S) bool: only these pixels count, the others become 128.

    Returns:
        (S, S) uint8, 128 at the local mean, 40 a standard deviation.
    """
    out = np.full(mask.shape, 128, np.uint8)
    normalise(rgb, mix, mask, out)
    return out


def best_mix(rgb: Array, mask: Array) -> Array:
    """(1, 3) float32: the mix of red, green and blue in which pictures of an object have most local contrast.

    The first principal component of what is left after local means; its absolute values sum to 1.

    Args:
        rgb: (N, S, S, 3) uint8 renders.
        mask: (N, S, S) bool.
    """
    rest: list[Array] = []
    for picture, inside in zip(rgb, mask, strict=True):
        share = np.maximum(cv2.boxFilter(inside.astype(np.float32), -1, (9, 9)), np.float32(1e-3))[..., None]
        colour = picture.astype(np.float32)
        rest.append((colour - cv2.boxFilter(colour * inside[..., None], -1, (9, 9)) / share)[inside])
    spread = np.concatenate(rest)
    _, vectors = np.linalg.eigh(spread.T @ spread / max(1, len(spread)))
    mix = vectors[:, -1] * np.sign(vectors[:, -1].sum() + 1e-9)
    return (mix / np.abs(mix).sum())[None].astype(np.float32)
