"""What a colour camera makes of light: blur, exposure, white balance, noise, compression."""

import cv2
import numpy as np

from schemas.arrays import Array


def photographed(light: Array, rng: np.random.Generator) -> Array:
    """A photo of a lit scene by a random camera.

    Args:
        light: (H, W, 3) float32, 255 is white.
        rng: Whatever is random.

    Returns:
        (H, W, 3) uint8.
    """
    image = _blurred(light, rng)
    image = _exposed(image, rng)
    image = _with_noise(image, rng)
    out = np.clip(image + np.float32(0.5), 0, 255).astype(np.uint8)
    return _compressed(out, int(rng.integers(35, 98))) if rng.random() < 0.7 else out


def motion_kernel(length_px: float, angle_rad: float) -> Array:
    """(N, N) float32 of sum 1: the trace of a point that moves evenly by so many pixels."""
    reach = int(np.ceil(length_px / 2)) + 1
    out = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    steps = np.linspace(-0.5, 0.5, 4 * reach + 1) * length_px
    x, y = reach + steps * np.cos(angle_rad), reach + steps * np.sin(angle_rad)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    ax, ay = x - left, y - top
    for dx, wx in ((0, 1 - ax), (1, ax)):
        for dy, wy in ((0, 1 - ay), (1, ay)):
            np.add.at(out, (np.minimum(top + dy, 2 * reach), np.minimum(left + dx, 2 * reach)), wx * wy)
    return out / out.sum()


def _blurred(light: Array, rng: np.random.Generator) -> Array:
    """Movement of the camera, then the lens."""
    if rng.random() < 0.35:
        light = cv2.filter2D(light, -1, motion_kernel(rng.uniform(1, 7), rng.uniform(0, np.pi)))
    if rng.random() < 0.8:
        light = cv2.GaussianBlur(light, (0, 0), rng.uniform(0.3, 1.1))
    return light


def _exposed(image: Array, rng: np.random.Generator) -> Array:
    """Brought to a mean grey that differs from photo to photo, then white balance, contrast and saturation."""
    gain = np.clip(rng.uniform(65, 160) / (float(image.mean()) + 1.0), 0.5, 2.5) * (1 + rng.normal(size=3) * 0.05)
    image = np.clip(image * (gain / 255).astype(np.float32), 0, 1.6)
    image = cv2.pow(image, float(rng.uniform(0.8, 1.25)))
    contrast, strength = rng.uniform(0.8, 1.15) * 255, rng.uniform(0.6, 1.25)
    turn = np.eye(3) * strength + np.full((3, 3), (1 - strength) / 3)  # from grey, the mean of the channels
    shift = np.full((3, 1), 110 - 110 * contrast / 255)
    return cv2.transform(image, np.concatenate([turn * contrast, shift], axis=1))


def _with_noise(image: Array, rng: np.random.Generator) -> Array:
    """Noise of the sensor: even in the dark and growing with the root of brightness, in part coarse in colour."""
    strength = rng.choice([1.5, 3.5, 7.0], p=[0.5, 0.35, 0.15])
    sigma = np.float32(strength) * np.sqrt(0.35 + np.clip(image, 0, 255) / np.float32(255))
    out = image + sigma * rng.standard_normal(image.shape, dtype=np.float32)
    if rng.random() < 0.4:
        height, width = image.shape[:2]
        coarse = rng.standard_normal((height // 4 + 1, width // 4 + 1, 3), dtype=np.float32)
        out += np.float32(0.6 * strength) * cv2.resize(coarse, (width, height))
    return out


def _compressed(rgb: Array, quality: int) -> Array:
    """As JPEG gives it back."""
    data = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return cv2.cvtColor(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)), cv2.COLOR_BGR2RGB)
