"""What depth cameras make of a true depth picture: structured light, stereo, time of flight.

Figures are those of cameras of 640 pixels across; at other sizes lengths in pixels scale along.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from schemas.arrays import Array

_FULL_WIDTH_PX = 640


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """What a depth camera looks at.

    Attributes:
        depth_m: (H, W) float32, true, 0 where nothing is.
        facing: (H, W) float32, cosine between normal and ray, 1 where the surface faces the camera.
        brightness: (H, W) float32 from 0 to 1, how much light the surface throws back.
        focal_px: Of this picture.
    """

    depth_m: Array
    facing: Array
    brightness: Array
    focal_px: float


def structured_light(shot: Shot, rng: np.random.Generator) -> Array:
    """A projector's pattern seen by one camera, as in the first Kinect.

    Noise along the ray: 1.2 mm + 1.9 mm (z / m - 0.4)^2, more on slanted surfaces; across it .8 px (Nguyen, Izadi and
    Lovell 2012). Steps of 2.8 mm (z / m)^2 (Khoshelham and Elberink 2012: 7 cm at 5 m). No depth where the projector,
    7.5 cm aside, does not shine, on dark and on steep surfaces.

    Args:
        shot: What is seen.
        rng: Of the noise.

    Returns:
        (H, W) float32 metres, 0 where unknown.
    """
    z = jittered(shot.depth_m, 0.8 * _scale(shot), rng)
    slant = np.arccos(np.clip(shot.facing, 0.02, 1.0))
    sigma = 0.0012 + 0.0019 * (z - 0.4) ** 2
    sigma += 0.0001 / np.sqrt(np.maximum(z, 0.1)) * slant**2 / (np.pi / 2 - slant + 0.02) ** 2
    step = np.maximum(0.0028 * z * z, 1e-4)
    noisy = z + np.minimum(sigma, 0.02) * correlated(z.shape, 1.0, rng)
    noisy = np.round(noisy / step) * step
    dark = shot.brightness + 0.08 * correlated(z.shape, 2.0, rng) < 0.06
    lost = (
        parallax_shadow(shot.focal_px * 0.075, shot.depth_m) | (shot.facing < 0.12) | dark | patches(z.shape, 0.01, rng)
    )
    return _known(noisy, z, lost)


def stereo(shot: Shot, rng: np.random.Generator) -> Array:
    """Two cameras 5 cm apart, with a pattern thrown on, as in Intel's D400 series.

    Disparity errs by .08 px, alike within the matched window, and comes in steps of 1/32 px (Intel, "Best known methods
    for tuning D400 cameras": z^2 subpixel / (focal baseline)). Outlines are fattened and frayed, one side has a shadow.

    Args:
        shot: What is seen.
        rng: Of the noise.

    Returns:
        (H, W) float32 metres, 0 where unknown.
    """
    scale = _scale(shot)
    reach_px = shot.focal_px * 0.05 / scale  # focal length times baseline, in the sensor's own pixels
    z = jittered(_fattened(shot.depth_m, scale), 1.0 * scale, rng)
    disparity = np.divide(reach_px, z, out=np.zeros_like(z), where=z > 0)
    disparity += 0.08 * correlated(z.shape, max(0.6, 1.5 * scale), rng)
    disparity = np.round(disparity * 32) / 32
    noisy = reach_px / np.maximum(disparity, 0.5)
    edge = outlines(disparity, 1.5)
    frayed = edge & (rng.random(z.shape, dtype=np.float32) < 0.4)
    lost = frayed | parallax_shadow(shot.focal_px * 0.05, shot.depth_m) | patches(z.shape, rng.uniform(0, 0.03), rng)
    return _known(noisy, z, lost | (shot.facing < 0.06))


def time_of_flight(shot: Shot, rng: np.random.Generator) -> Array:
    """Modulated light, as in the second Kinect and Azure Kinect.

    Noise is one over the light that comes back, 1 mm for a grey surface that faces the camera at 1 m, and grows with z
    squared (Lindner, Schiller, Kolb and Koch 2010: sigma goes with one over amplitude). Pixels on outlines see both
    surfaces and answer with a place between them: flying pixels. Depth errs by up to 1.5 mm by brightness and wiggles
    by as much over the distance (the same). No depth where little comes back.

    Args:
        shot: What is seen.
        rng: Of the noise.

    Returns:
        (H, W) float32 metres, 0 where unknown.
    """
    z = shot.depth_m
    amplitude = (0.1 + shot.brightness) * np.clip(shot.facing, 0.05, 1) / np.maximum(z, 0.15) ** 2
    sigma = np.clip(0.0006 / np.maximum(amplitude, 1e-3), 0.0004, 0.03)
    flying = _between_surfaces(z, max(1.0, 1.5 * _scale(shot)))
    bias = 0.0015 * np.sin(2 * np.pi * z / rng.uniform(0.7, 1.9) + rng.uniform(0, 2 * np.pi))
    bias += 0.003 * rng.uniform(-1, 1) * (shot.brightness - 0.5)
    noisy = np.round((flying + bias + sigma * rng.standard_normal(z.shape, dtype=np.float32)) * 1000) / 1000
    lost = (amplitude < 0.012) | patches(z.shape, 0.004, rng)
    edge = outlines(z, 0.02)
    return _known(noisy, flying, lost | (edge & (rng.random(z.shape, dtype=np.float32) < 0.3)))


def perfect(shot: Shot, rng: np.random.Generator) -> Array:  # noqa: ARG001 - as the others
    """The true depth, in millimetres: what renders and laser scanners give."""
    return (np.round(shot.depth_m * 1000) / 1000).astype(np.float32)


SENSORS: dict[str, tuple[float, Callable[[Shot, np.random.Generator], Array]]] = {
    "structured light": (0.3, structured_light), "stereo": (0.35, stereo), "time of flight": (0.27, time_of_flight),
    "perfect": (0.08, perfect),
}  # fmt: skip
"""How often each is taken, and what it makes of a shot."""


def correlated(shape: tuple[int, ...], sigma_px: float, rng: np.random.Generator) -> Array:
    """(H, W) float32 Gaussian noise of standard deviation 1, smooth over ``sigma_px`` (at least .6)."""
    white = rng.standard_normal(shape, dtype=np.float32)
    smooth = cv2.GaussianBlur(white, (0, 0), sigma_px)
    kernel = cv2.getGaussianKernel(2 * int(np.ceil(4 * sigma_px)) + 1, sigma_px)
    return smooth / np.float32((kernel**2).sum())


def jittered(depth_m: Array, sigma_px: float, rng: np.random.Generator) -> Array:
    """Depth whose outlines wander: every pixel is read from a place that is off by a smooth random shift."""
    height, width = depth_m.shape
    v, u = np.mgrid[:height, :width].astype(np.float32)
    u += np.float32(sigma_px) * correlated(depth_m.shape, 1.5, rng)
    v += np.float32(sigma_px) * correlated(depth_m.shape, 1.5, rng)
    return cv2.remap(depth_m, u, v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def patches(shape: tuple[int, ...], share: float, rng: np.random.Generator) -> Array:
    """(H, W) bool: blobs that cover about such a share of the picture."""
    height, width = shape
    coarse = correlated((height // 4 + 1, width // 4 + 1), 1.2, rng)
    return cv2.resize(coarse, (width, height)) > np.quantile(coarse, 1 - share)


def outlines(values: Array, step: float) -> Array:
    """(H, W) bool: pixels whose neighbours differ by more than ``step``."""
    return cv2.morphologyEx(values.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > step


@njit(nogil=True, cache=True)
def parallax_shadow(reach_px_m: float, depth_m: Array) -> Array:
    """Pixels that something nearer hides from a second eye on the right.

    Args:
        reach_px_m: Focal length in pixels times the distance between the eyes in metres.
        depth_m: (H, W) float32.

    Returns:
        (H, W) bool.
    """
    height, width = depth_m.shape
    out = np.zeros((height, width), np.bool_)
    for v in range(height):
        leftmost = np.float32(width)
        for u in range(width - 1, -1, -1):
            if depth_m[v, u] <= 0:
                continue
            place = np.float32(u - reach_px_m / depth_m[v, u])
            out[v, u] = place > leftmost + np.float32(0.5)
            leftmost = min(leftmost, place)
    return out


def _scale(shot: Shot) -> float:
    """Pixels of this picture for one of the sensor's own."""
    return shot.depth_m.shape[1] / _FULL_WIDTH_PX


def _fattened(depth_m: Array, scale: float) -> Array:
    """What is near grows over what is behind it by the matched window's half."""
    reach = max(1, round(2 * scale))
    far = np.where(depth_m > 0, depth_m, np.float32(99))
    near = cv2.erode(far, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return np.where(depth_m > 0, np.where(near < depth_m - 0.02, near, depth_m), 0).astype(np.float32)


def _between_surfaces(depth_m: Array, sigma_px: float) -> Array:
    """Depth that is mixed on outlines and true elsewhere."""
    known = (depth_m > 0).astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), 0.5 * sigma_px)
    mixed = cv2.GaussianBlur(depth_m, (0, 0), 0.5 * sigma_px) / np.maximum(weight, 1e-3)
    return np.where(outlines(depth_m, 0.02) & (depth_m > 0), mixed, depth_m)


def _known(noisy: Array, seen: Array, lost: Array) -> Array:
    good = (seen > 0) & ~lost & (noisy > 0.05) & (noisy < 20)
    return np.where(good, noisy, 0).astype(np.float32)
