"""How well depth and colour agree with a placement."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Look, Placement
    from estimators.geometric.memory import Memory
    from estimators.geometric.pictures import FrameImages

_HIDDEN_M = 0.03
_HIDDEN_WEIGHT = 0.25
_UNKNOWN_WEIGHT = 0.1
_FLAT = 0.01
_TINT = 0.03  # a variance of colour that is half worth comparing
# corners that are found say that a pose is near, however much is hidden, but a face alone fits two tilts: they do not
# make it trusted; by chance 1 is found, seldom 4
_CORNERS_ALONE, _SURE_CORNERS = 0.48, 8
_LIKENESS_FLOOR, _BLIND_FLOOR = 0.35, 0.1
_TONE_FREE, _TONE = 0.1, 0.3  # of a logarithm: what light and view may change, and what another colour does


@dataclass(frozen=True, slots=True)
class Evidence:
    """Shares and agreements over points spread over what the object should show.

    Attributes:
        inlier: Share of the points that the sensor measures where they should be.
        wrong: Share that the sensor sees through, or measures elsewhere.
        hidden: Share behind something else.
        unknown: Share without a measurement.
        chroma: Agreement of normalised colour with the mesh over the inliers, 0 to 1.
        contrast: Correlation of local contrast with the mesh over the inliers, -1 to 1.
        relief: How much contrast the mesh has there to compare, 0 to 1.
        tint: How much its colour varies there, 0 to 1.
        tone: (red, blue) mean logarithm of their ratios to green, image less mesh, over the inliers.
        blind: Whether there was no depth: colours must then tell more.
        corners: Corners of the mesh's texture that are where they should be; counted where there was no depth.
    """

    inlier: float
    wrong: float
    hidden: float
    unknown: float
    chroma: float
    contrast: float
    relief: float
    tint: float
    tone: tuple[float, float]
    blind: bool = False
    corners: int = 0

    @property
    def geometry(self) -> float:
        """Agreement with depth alone, 0 to 1."""
        total = self.inlier + self.wrong + _HIDDEN_WEIGHT * self.hidden + _UNKNOWN_WEIGHT * self.unknown
        return self.inlier / total if total > 0 else 0.0

    @property
    def likeness(self) -> float:
        """Agreement with the mesh's colours, 0 to 1; what varies little counts little."""
        total = self.tint + self.relief
        return (self.tint * max(0.0, self.chroma) + self.relief * max(0.0, self.contrast)) / total if total > 0 else 0.0

    @property
    def telling(self) -> float:
        """How much the visible part's colours can tell, 0 to 1."""
        return min(1.0, self.tint + self.relief)


def score_of(evidence: Evidence, usual: "Memory") -> float:
    """The score in [0, 1].

    The share of what should be seen that depth confirms, times how well the mesh's colours are found
    again, in proportion to the level that they had while the track was good, times how near their tone is to
    what it was then. The mesh is the only reference: nothing learned from the images can certify a drift.
    """
    floor = _BLIND_FLOOR if evidence.blind else _LIKENESS_FLOOR
    ratio = (evidence.likeness + floor) / (usual.likeness + floor)
    agreement = 1 - evidence.telling * (1 - min(1.0, ratio))
    off = np.hypot(evidence.tone[0] - usual.tone[0], evidence.tone[1] - usual.tone[1]) if usual.good else 0.0
    tone = np.exp(-0.5 * max(0.0, off - _TONE_FREE) ** 2 / _TONE**2)
    score = min(1.0, max(0.0, evidence.geometry * agreement * tone))
    return float(max(score, _CORNERS_ALONE * evidence.corners / (evidence.corners + _SURE_CORNERS)))


def weigh(look: "Look", placement: "Placement", images: "FrameImages") -> Evidence:
    """Judge a placement by the points of the picture that was rendered near it.

    A point counts as measured in place within 6 mm + 0.8 % of the squared depth, as facing the camera.
    """
    points = look.points @ placement.R.T + placement.t
    normals = look.normals @ placement.R.T
    z = points[:, 2]
    K = look.crop.K
    fx, fy, cx, cy = images.cam
    height, width = images.depth_m.shape
    column = np.rint(points[:, 0] / z * fx + cx).astype(np.int64)
    row = np.rint(points[:, 1] / z * fy + cy).astype(np.int64)
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    measured = images.depth_m[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)].astype(np.float64)
    known = inside & (measured > 0)
    gap = measured - z
    facing = np.abs(np.einsum("ij,ij->i", normals, points)) / np.linalg.norm(points, axis=1)
    inlier = known & (np.abs(gap) * facing < 0.006 + 0.008 * z * z)
    hidden = known & ~inlier & (gap < -_HIDDEN_M)
    wrong = known & ~inlier & ~hidden
    places = points[:, :2] / z[:, None] * [K[0, 0], K[1, 1]] + K[:2, 2]
    chroma, tint, tone = _chroma(look, places, inlier)
    contrast, relief = _contrast(look, places, inlier)
    return Evidence(
        inlier=float(inlier.mean()),
        wrong=float(wrong.mean()),
        hidden=float(hidden.mean()),
        unknown=float((~known).mean()),
        chroma=chroma,
        contrast=contrast,
        relief=relief,
        tint=tint,
        tone=tone,
    )


def _at(image: Array, places: Array) -> Array:
    """Bilinear values of an image at (N, 2) places."""
    grid = places.astype(np.float32)
    return cv2.remap(image, grid[None, :, 0], grid[None, :, 1], cv2.INTER_LINEAR)[0].astype(np.float64)


def _chroma(look: "Look", places: Array, chosen: Array) -> tuple[float, float, tuple[float, float]]:
    """Correlation of log-ratios of colours, how much the mesh has of them, and their mean difference.

    Neither white balance nor a loss of saturation change the correlation.
    """
    if chosen.sum() < 8:
        return 0.0, 0.0, (0.0, 0.0)
    seen, drawn = _ratios(_at(look.crop.rgb, places[chosen])), _ratios(look.rgb[chosen].astype(np.float64))
    red, blue = (seen - drawn).mean(axis=0)
    seen, drawn = seen - seen.mean(axis=0), drawn - drawn.mean(axis=0)
    # a flat colour has nothing to correlate: its noise must not decide
    power = float(np.sqrt(((seen**2).sum() + len(seen) * _FLAT) * ((drawn**2).sum() + len(seen) * _FLAT)))
    variance = float((drawn**2).sum()) / len(seen)
    return float((seen * drawn).sum()) / power, variance / (variance + _TINT), (float(red), float(blue))


def _ratios(rgb: Array) -> Array:
    """(N, 2) logarithms of red and blue over green."""
    logs = np.log(rgb + 16.0)
    return np.stack([logs[:, 0] - logs[:, 1], logs[:, 2] - logs[:, 1]], axis=1)


def _contrast(look: "Look", places: Array, chosen: Array) -> tuple[float, float]:
    """Correlation of local contrast, and how much of it there is in the mesh."""
    if chosen.sum() < 8:
        return 0.0, 0.0
    seen = _at(look.observed, places[chosen]) - 128.0
    drawn = look.contrast[chosen].astype(np.float64) - 128.0
    seen, drawn = seen - seen.mean(), drawn - drawn.mean()
    power = float(np.sqrt((seen**2).sum() * (drawn**2).sum()))
    relief = float(min(1.0, drawn.std() / 30.0))
    return (float((seen * drawn).sum()) / power if power > 0 else 0.0), relief
