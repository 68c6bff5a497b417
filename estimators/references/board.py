"""The board to print: tags round the border of a sheet, the object stands in the middle."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from schemas import BadJob
from schemas.arrays import Array

PAPERS_MM = {"a4": (210.0, 297.0), "a3": (297.0, 420.0), "letter": (215.9, 279.4)}
TAG_CELLS = 8
"""A side of an AprilTag 36h11: six of data, and a black one on either side."""
_TAG_SHARE = 0.15  # of the shorter side of the paper
_MARGIN_MM = 12.0
_GAP_SHARE = 0.4  # of a tag's side, at least
_DICTIONARY = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)


@dataclass(frozen=True, slots=True, eq=False)
class Board:
    """Tags round the border of a sheet; the object stands in its middle.

    Attributes:
        paper_mm: Width and height.
        tag_mm: Side of a tag.
        places_mm: (N, 2) middle of tag k in mm, from the sheet's middle, x to the right and y up.
    """

    paper_mm: tuple[float, float]
    tag_mm: float
    places_mm: Array

    @staticmethod
    def of(paper: str) -> "Board":
        """The board for a paper: a4, a3 or letter.

        Raises:
            BadJob: Another name.
        """
        if paper not in PAPERS_MM:
            msg = f"board: expected one of {', '.join(PAPERS_MM)}, got {paper!r}"
            raise BadJob(msg)
        width, height = PAPERS_MM[paper]
        tag = round(_TAG_SHARE * min(width, height))
        across, along = (_spaced(side - 2 * _MARGIN_MM - tag, tag) for side in (width, height))
        ring = [(x, y) for y in along for x in across if x in (across[0], across[-1]) or y in (along[0], along[-1])]
        return Board((width, height), float(tag), np.array(ring))

    def corners_m(self, scale: float = 1.0) -> Array:
        """(N, 4, 3) float32, each tag's corners clockwise from its upper left; z = 0 is the sheet, z up from it.

        Args:
            scale: Of the print: measured over intended side of a tag.
        """
        half = self.tag_mm / 2
        offsets = np.array([(-half, half), (half, half), (half, -half), (-half, -half)])
        flat = (self.places_mm[:, None] + offsets) * 1e-3 * scale
        return np.concatenate([flat, np.zeros((*flat.shape[:2], 1))], axis=-1).astype(np.float32)

    @property
    def dictionary(self) -> Any:  # noqa: ANN401 - OpenCV's
        """AprilTag 36h11."""
        return _DICTIONARY

    def cells(self, tag: int) -> Array:
        """(8, 8) bool of a tag, True where it is black, its first row on top."""
        return cv2.aruco.generateImageMarker(_DICTIONARY, tag, TAG_CELLS) == 0


def _spaced(room_mm: float, tag_mm: float) -> list[float]:
    count = int(room_mm // (tag_mm * (1 + _GAP_SHARE))) + 1
    return [float(at) for at in np.linspace(-room_mm / 2, room_mm / 2, count)]
