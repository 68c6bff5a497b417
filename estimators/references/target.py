"""What is looked for in photos of a board: tags at known places, or corners of a chessboard with tags."""

from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from estimators.references.board import PAPERS_MM, Board
from schemas import BadJob
from schemas.arrays import Array

LEAST_POINTS = 12
"""Three tags, or as many corners of a chessboard."""
_DEFAULTS = {"grid": "APRILTAG_36h11", "charuco": "5X5_1000"}
_FORM = (
    "a4, a3, letter, grid:COLSxROWS:TAG_MM:GAP_MM[:DICTIONARY] or charuco:COLSxROWS:SQUARE_MM:MARKER_MM[:DICTIONARY]"
)


class Target(Protocol):
    """A flat board; its frame has the origin in its middle, x to the right, y up along it, z up from it, metres."""

    def seen(self, grey: Array) -> tuple[Array, Array]:
        """Points (N, 3) float32 of it and pixels (N, 2) float32 where a picture (H, W) uint8 shows them."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """Tags at known places.

    Attributes:
        corners_m: (N, 4, 3) float32 of tag k, clockwise from its upper left.
        dictionary: Of OpenCV's.
    """

    corners_m: Array
    dictionary: Any

    def seen(self, grey: Array) -> tuple[Array, Array]:
        """See ``Target.seen``."""
        detector = cv2.aruco.ArucoDetector(self.dictionary, _settings())
        detected: Any = detector.detectMarkers(grey)
        corners, ids, _ = detected
        known = [] if ids is None else list(zip(ids.ravel().tolist(), corners, strict=True))
        known = [(tag, at.reshape(4, 2)) for tag, at in known if tag < len(self.corners_m)]
        points = [np.zeros((0, 3)), *(self.corners_m[tag] for tag, _ in known)]
        pixels = [np.zeros((0, 2)), *(at for _, at in known)]
        return np.concatenate(points).astype(np.float32), np.concatenate(pixels).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Charuco:
    """OpenCV's chessboard with tags in its white squares.

    Attributes:
        board: OpenCV's.
        size_m: (2,) of the whole.
    """

    board: Any
    size_m: Array

    def seen(self, grey: Array) -> tuple[Array, Array]:
        """See ``Target.seen``."""
        detected: Any = cv2.aruco.CharucoDetector(self.board).detectBoard(grey)
        corners, ids, _, _ = detected
        if ids is None or corners is None:
            return np.zeros((0, 3), np.float32), np.zeros((0, 2), np.float32)
        flat = np.asarray(self.board.getChessboardCorners())[np.ravel(ids)]
        return _about_middle(flat, self.size_m), np.asarray(corners, np.float32).reshape(-1, 2)


def target_of(text: str, tag_mm: float | None = None) -> Target:
    """The board that somebody names.

    Args:
        text: A paper of ``posestream objects board``; or another board, ``grid:5x7:30:6`` (OpenCV's grid of tags,
            AprilTag 36h11) or ``charuco:5x7:40:30`` (squares and markers, DICT_5X5_1000), in millimetres, and behind it
            another dictionary of OpenCV (``:4X4_50``).
        tag_mm: Side of a tag of ours as it was printed; None for as it should be.

    Raises:
        BadJob: None of these.
    """
    if text in PAPERS_MM:
        ours = Board.of(text)
        return Tags(ours.corners_m(1.0 if tag_mm is None else tag_mm / ours.tag_mm), ours.dictionary)
    kind, *parts = text.split(":")
    try:
        cells, first, second, *named = parts
        columns, rows = (int(part) for part in cells.split("x"))
        sides = float(first) * 1e-3, float(second) * 1e-3
        dictionary = _dictionary(named[0] if named else _DEFAULTS[kind])
        return _made(kind, (columns, rows), sides, dictionary)
    except (ValueError, KeyError, AttributeError, cv2.error) as error:
        msg = f"board: expected {_FORM}, got {text!r}"
        raise BadJob(msg) from error


def _made(kind: str, size: tuple[int, int], sides_m: tuple[float, float], dictionary: Any) -> Target:  # noqa: ANN401
    if kind == "charuco":
        return Charuco(cv2.aruco.CharucoBoard(size, *sides_m, dictionary), np.array(size) * sides_m[0])
    grid = cv2.aruco.GridBoard(size, *sides_m, dictionary)
    whole = np.array(size) * sides_m[0] + (np.array(size) - 1) * sides_m[1]
    return Tags(_about_middle(np.array(grid.getObjPoints()), whole), dictionary)


def _about_middle(points: Array, size_m: Array) -> Array:
    """OpenCV's points, from the upper left corner with y down, in our frame."""
    flipped = np.asarray(points, np.float64) * (1, -1, 0)
    corner = np.array([-size_m[0] / 2, size_m[1] / 2, 0])
    return (flipped + corner).astype(np.float32)


def _dictionary(name: str) -> Any:  # noqa: ANN401 - OpenCV's
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{name}"))


def _settings() -> Any:  # noqa: ANN401 - OpenCV's
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    return settings
