"""A hull moved inwards to where the photos agree: hollows that no outline shows (after Furukawa and Ponce 2006)."""

from collections.abc import Callable

import cv2
import numpy as np
from numba import njit

from estimators.reconstruction.clean import Surface, edges_of, neighbour_mean, smoothed
from estimators.reconstruction.visible import Sights
from schemas.arrays import Array

_DEPTHS, _STEP = 17, 1 / 400  # of the object's size: to a hollow of 4 %
_PATCH, _SPACING = 5, 1 / 128
_PHOTOS = 5
_LEAST_COSINE = 0.5
_LEAST_AGREEMENT, _LEAST_GAIN = 0.6, 0.15
_LEAST_CONTRAST = 4.0  # grey levels: a plain patch agrees anywhere
_SPREAD_ROUNDS, _EVEN_ROUNDS = 8, 12


def moved_to_agreement(surface: Surface, sights: Sights, on_photo: Callable[[int, int], None]) -> Surface:
    """The surface with each vertex moved inwards along its normal to where photos look most alike.

    Patches in the tangent plane are compared by normalised correlation in the five photos that see them best. A vertex
    stays where nothing is gained, or where its surroundings are plain.

    Args:
        surface: Closed, outside of the object or on it.
        sights: Of that surface.
        on_photo: Called with photos compared and photos in all.
    """
    size_m = float(np.linalg.norm(np.ptp(surface.points_m, axis=0)))
    a, b, _ = edges_of(surface)
    scores = _agreement(surface, sights, size_m, on_photo)
    for _ in range(_SPREAD_ROUNDS):
        scores = neighbour_mean(scores, a, b) * 0.5 + scores * 0.5
    best = scores.argmax(axis=1)
    top = scores[np.arange(len(best)), best]
    sure = (top > _LEAST_AGREEMENT) & (top - scores[:, 0] > _LEAST_GAIN)
    inwards = np.where(sure, best, 0).astype(np.float64)[:, None] * (_STEP * size_m)
    for _ in range(_EVEN_ROUNDS):
        inwards = neighbour_mean(inwards, a, b) * 0.5 + inwards * 0.5
    return smoothed(Surface(surface.points_m - inwards * surface.normals(), surface.faces), 2)


def _agreement(surface: Surface, sights: Sights, size_m: float, on_photo: Callable[[int, int], None]) -> Array:
    """(V, depths) float64 mean correlation of the other photos' patches with the best photo's; 0 where none is."""
    points, normals = surface.points_m, surface.normals()
    cosines = np.stack([sights.cosines(k, points, normals)[0] for k in range(len(sights.views))], axis=1)
    order = np.argsort(-cosines, axis=1)[:, :_PHOTOS]
    good = np.take_along_axis(cosines, order, axis=1) > _LEAST_COSINE
    across = np.cross(normals, np.eye(3)[np.abs(normals).argmin(axis=1)])
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    frame = np.stack([across, np.cross(normals, across), normals], axis=1)
    side = (np.arange(_PATCH) - _PATCH // 2) * (_SPACING * size_m)
    patches = np.zeros((len(points), min(_PHOTOS, len(sights.views)), _DEPTHS, _PATCH * _PATCH), np.float32)
    for k, view in enumerate(sights.views):
        grey = cv2.GaussianBlur(cv2.cvtColor(view.rgb, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 0.8)
        chosen = np.argwhere((order == k) & good)
        _read(patches, chosen, points, frame, grey, view.K @ view.cam_from_obj[:3], side, _STEP * size_m)
        on_photo(k + 1, len(sights.views))
    return _correlated(patches, good)


def _correlated(patches: Array, good: Array) -> Array:
    values = patches - patches.mean(axis=3, keepdims=True)
    strength = np.sqrt((values**2).mean(axis=3))
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.where(strength[..., None] > _LEAST_CONTRAST, values / strength[..., None], 0)
    alike = (unit[:, :1] * unit[:, 1:]).mean(axis=3) * good[:, 1:, None]
    return alike.sum(axis=1, dtype=np.float64) / np.maximum(good[:, 1:].sum(axis=1), 1)[:, None]


@njit(cache=True, nogil=True)
def _read(  # pragma: no cover - compiled
    patches: Array, chosen: Array, points: Array, frame: Array, grey: Array, P: Array, side: Array, step_m: float
) -> None:
    height, width = grey.shape
    for n in range(len(chosen)):
        vertex, place = chosen[n, 0], chosen[n, 1]
        for d in range(patches.shape[2]):
            for i in range(len(side)):
                for j in range(len(side)):
                    p = points[vertex] + side[i] * frame[vertex, 0] + side[j] * frame[vertex, 1]
                    p = p - d * step_m * frame[vertex, 2]
                    w = P[2, 0] * p[0] + P[2, 1] * p[1] + P[2, 2] * p[2] + P[2, 3]
                    u = (P[0, 0] * p[0] + P[0, 1] * p[1] + P[0, 2] * p[2] + P[0, 3]) / w
                    v = (P[1, 0] * p[0] + P[1, 1] * p[1] + P[1, 2] * p[2] + P[1, 3]) / w
                    u, v = min(max(u, 0.0), width - 1.001), min(max(v, 0.0), height - 1.001)
                    c, r = int(u), int(v)
                    a, b = u - c, v - r
                    top = grey[r, c] * (1 - a) + grey[r, c + 1] * a
                    low = grey[r + 1, c] * (1 - a) + grey[r + 1, c + 1] * a
                    patches[vertex, place, d, i * len(side) + j] = top * (1 - b) + low * b
