"""How well depth and colour agree with a placement."""

from dataclasses import dataclass

import numpy as np

from estimators.geometric.look import Look
from estimators.geometric.memory import Memory
from estimators.geometric.pictures import FrameImages
from estimators.geometric.placement import Placement
from estimators.geometric.tally import BLUE, RED, tally

_HIDDEN_WEIGHT = 0.25
_UNKNOWN_WEIGHT = 0.1
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


def score_of(evidence: Evidence, usual: Memory) -> float:
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


def weigh(look: Look, placement: Placement, images: FrameImages) -> Evidence:
    """Judge a placement by the points of the picture that was rendered near it; see ``tally.tally``."""
    crop = look.crop
    found = tally(
        look.points, look.normals, look.rgb, look.contrast, placement.R, placement.t, images.depth_m, images.cam,
        crop.cam, crop.rgb, look.observed,
    ).tolist()  # fmt: skip
    return Evidence(*found[:RED], tone=(found[RED], found[BLUE]))
