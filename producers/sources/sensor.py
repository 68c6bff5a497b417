"""A model of an RGB-D camera: what it makes of perfect pictures.

Depth follows a stereo camera: noise of 0.08 px in disparity, correlated over some pixels, steps of 1/32 px, then
whole millimetres; half of the pixels along an outline drop out, and 1.5 % anywhere. Colour gets noise of 3 grey
levels. Noise comes from a few fields made once and shifted at random per picture: new noise each time costs more
than all the rest.
"""

import cv2
import numpy as np

from schemas.arrays import Array

_BASELINE_M = 0.055
_DISPARITY_NOISE_PX = 0.08
_DISPARITY_STEPS = 32.0
_COLOUR_NOISE = 3.0
_HOLES = 0.015
_FIELDS = 4
UNIT_M = 0.001


class Sensor:
    """Noise of one camera; equal (seed, number) gives equal noise.

    Args:
        size: Height and width of its pictures.
        focal_px: Focal length.
        seed: Of its noise.
    """

    def __init__(self, size: tuple[int, int], focal_px: float, seed: int) -> None:
        rng = np.random.default_rng((seed, 1))
        self._seed = seed
        self._scale = np.float32(focal_px * _BASELINE_M)
        self._colour = [rng.normal(0, _COLOUR_NOISE, (*size, 3)).astype(np.int16) for _ in range(_FIELDS)]
        self._disparity = [_correlated(rng, size) for _ in range(_FIELDS)]
        self._drop = [rng.random(size, np.float32) for _ in range(_FIELDS)]

    def picture(self, rgb: Array, depth_m: Array, outline: Array, number: int) -> tuple[Array, Array]:
        """Noisy colour and depth.

        Args:
            rgb: (H, W, 3) uint8.
            depth_m: (H, W) float32, above 0 everywhere.
            outline: (H, W) bool, where depth jumps.
            number: Of the picture; decides the noise.

        Returns:
            (H, W, 3) uint8 and (H, W) uint16 in millimetres, 0 where unknown.
        """
        rng = np.random.default_rng((self._seed, 2, number))
        field = int(rng.integers(_FIELDS))
        shift = (int(rng.integers(rgb.shape[0])), int(rng.integers(rgb.shape[1])))
        noisy = cv2.add(rgb, np.roll(self._colour[field], shift, (0, 1)), dtype=cv2.CV_8U)
        disparity = self._scale / depth_m + np.roll(self._disparity[field], shift, (0, 1))
        disparity = np.round(disparity * np.float32(_DISPARITY_STEPS))
        raw = np.round(self._scale * np.float32(1000 * _DISPARITY_STEPS) / np.maximum(disparity, 1)).astype(np.uint16)
        drop = np.roll(self._drop[field], shift, (0, 1))
        raw[(drop < np.float32(_HOLES)) | (outline & (drop < np.float32(0.5)))] = 0
        return noisy, raw


def _correlated(rng: np.random.Generator, size: tuple[int, int]) -> Array:
    rough = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), 1.2)
    return (rough * np.float32(_DISPARITY_NOISE_PX / rough.std())).astype(np.float32)
