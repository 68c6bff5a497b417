"""The texture of a surface from the photos that see each part of it best."""

from collections.abc import Callable

import cv2
import numpy as np

from estimators.reconstruction.atlas import Atlas
from estimators.reconstruction.visible import Sights
from schemas.arrays import Array

_SHARP = 6.0
"""Power of a photo's weight: high enough that the best one rules, low enough that it has no hard seam to the next."""
_LEAST_COSINE = 0.2
_ODD_LEVELS = 30.0  # grey levels from what the photos agree on: a highlight, or something before the object
_RIM_PX = 2


def texture_of(atlas: Atlas, sights: Sights, on_view: Callable[[int, int], None]) -> tuple[Array, float]:
    """The colours of an atlas, and what share of it some photo shows.

    Photos are weighed by cos^2 / z^2, how many pixels they spend on the surface, to a high power; then once more with
    those left out of count that differ from the first mean.

    Returns:
        (S, S, 3) uint8 RGB, parts without a photo filled from about them; 0 to 1.
    """
    texels, points, normals = atlas.places(atlas.surface.normals())
    side, count = len(atlas.face), len(sights.views)
    mean, total = _blend(sights, points, normals, None, lambda done: on_view(done, 2 * count))
    mean, total = _blend(sights, points, normals, mean, lambda done: on_view(count + done, 2 * count))
    shown = total > 0
    picture, known = np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.float32)
    picture[tuple(texels[shown].T)] = mean[shown]
    known[tuple(texels[shown].T)] = 1
    return np.rint(_filled(picture, known)).astype(np.uint8), float(shown.mean()) if len(shown) else 0.0


def _blend(
    sights: Sights, points_m: Array, normals: Array, agreed: Array | None, on_view: Callable[[int], None]
) -> tuple[Array, Array]:
    """(N, 3) float32 mean colours and (N,) float64 total weights."""
    total, colours = np.zeros(len(points_m)), np.zeros((len(points_m), 3))
    for k, view in enumerate(sights.views):
        cosine, pixels = sights.cosines(k, points_m, normals)
        use = np.flatnonzero(cosine > _LEAST_COSINE)
        if view.mask is not None and len(use):
            column, row = np.rint(pixels[use]).astype(int).T
            inner = cv2.erode(view.mask.astype(np.uint8), np.ones((2 * _RIM_PX + 1,) * 2, np.uint8))
            use = use[inner[row, column] > 0]
        if len(use):
            seen = _sampled(view.rgb, pixels[use])
            far = np.linalg.norm(points_m[use] - view.position_m, axis=1)
            weight = (float(view.K[0, 0]) * 1e-3 * cosine[use] / far) ** _SHARP
            if agreed is not None:
                weight /= 1 + (np.abs(seen - agreed[use]).max(axis=1) / _ODD_LEVELS) ** 4
            total[use] += weight
            colours[use] += weight[:, None] * seen
        on_view(k + 1)
    return (colours / np.maximum(total, 1e-30)[:, None]).astype(np.float32), total


def _sampled(rgb: Array, pixels: Array) -> Array:
    """(N, 3) float32 bilinear colours at pixels (N, 2)."""
    limit, found = 30_000, list[Array]()  # what one call of remap takes in a row
    for start in range(0, len(pixels), limit):
        part = pixels[start : start + limit].astype(np.float32)
        found.append(
            cv2.remap(rgb, part[:, 0], part[:, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(-1, 3)
        )
    return np.concatenate(found).astype(np.float32)


def _filled(picture: Array, known: Array) -> Array:
    """(S, S, 3) float32, what is not known taken from coarser and coarser means about it."""
    if len(known) <= 1 or known.min() > 0:
        return picture
    half = (max(1, known.shape[1] // 2), max(1, known.shape[0] // 2))
    share = cv2.resize(known, half, interpolation=cv2.INTER_AREA)
    below = cv2.resize(picture * known[..., None], half, interpolation=cv2.INTER_AREA)
    below = _filled(below / np.maximum(share, 1e-6)[..., None], (share > 0).astype(np.float32))
    rest = cv2.resize(below, known.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.where(known[..., None] > 0, picture, rest)
