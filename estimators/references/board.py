"""A printed board of tags that says where each photo was taken from, and how large everything is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from estimators.references.photos import Photo
from schemas import BadJob, Pose
from schemas.arrays import Array

PAPERS_MM = {"a4": (210.0, 297.0), "a3": (297.0, 420.0), "letter": (215.9, 279.4)}
TAG_CELLS = 8
"""A side of an AprilTag 36h11: six of data, and a black one on either side."""
_TAG_SHARE = 0.15  # of the shorter side of the paper
_MARGIN_MM = 12.0
_GAP_SHARE = 0.4  # of a tag's side, at least
_LEAST_TAGS = 3
_LARGEST_RMS_PX = 2.0
_LEAST_PHOTOS = 5
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

    def cells(self, tag: int) -> Array:
        """(8, 8) bool of a tag, True where it is black, its first row on top."""
        return cv2.aruco.generateImageMarker(_DICTIONARY, tag, TAG_CELLS) == 0


def _spaced(room_mm: float, tag_mm: float) -> list[float]:
    count = int(room_mm // (tag_mm * (1 + _GAP_SHARE))) + 1
    return [float(at) for at in np.linspace(-room_mm / 2, room_mm / 2, count)]


def solved(
    paths: list[Path], board: Board, scale: float = 1.0, K: Array | None = None
) -> tuple[list[Photo], dict[str, str]]:
    """Photos of an object on a board with their poses in the board's frame, and why some have none.

    Args:
        paths: Pictures of one camera at one zoom.
        board: That was printed.
        scale: See ``Board.corners_m``.
        K: (3, 3) of the camera, pixels; None to calibrate it from the photos, with its distortion (Zhang 2000).

    Raises:
        BadJob: Pictures that cannot be read or differ in size, the board in too few, or a print that does not fit.
    """
    seen, left_out, size = dict[Path, tuple[Array, Array]](), dict[str, str](), None
    corners = board.corners_m(scale)
    for path in paths:
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            msg = f"photo {path}: expected a readable picture"
            raise BadJob(msg)
        size = size or grey.shape
        if grey.shape != size:
            came = f"{grey.shape[1]} x {grey.shape[0]}"
            msg = f"photo {path}: expected {size[1]} x {size[0]} px as the others, got {came}"
            raise BadJob(msg)
        found = _detected(grey, corners)
        if found is None:
            left_out[path.name] = f"the board is not seen: fewer than {_LEAST_TAGS} of its {len(corners)} tags"
        else:
            seen[path] = found
    if size is None or len(seen) < _LEAST_PHOTOS:
        told = "".join(f"; {name}: {why}" for name, why in list(left_out.items())[:5])
        msg = f"board: expected it in {_LEAST_PHOTOS} photos or more, got it in {len(seen)} of {len(paths)}{told}"
        raise BadJob(msg)
    return _posed(seen, size, K), left_out


def _detected(grey: Array, corners: Array) -> tuple[Array, Array] | None:
    """Points (N, 3) of the board and pixels (N, 2) where they are seen; None where too few tags are."""
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detected: Any = cv2.aruco.ArucoDetector(_DICTIONARY, settings).detectMarkers(grey)
    pixels, ids, _ = detected
    known = [] if ids is None else [(int(tag), at) for tag, at in zip(ids.ravel(), pixels, strict=True)]
    known = [(tag, at) for tag, at in known if tag < len(corners)]
    if len(known) < _LEAST_TAGS:
        return None
    points = np.concatenate([corners[tag] for tag, _ in known])
    return points, np.concatenate([at.reshape(4, 2) for _, at in known]).astype(np.float32)


def _posed(seen: dict[Path, tuple[Array, Array]], size: tuple[int, ...], given: Array | None) -> list[Photo]:
    points, pixels = [one for one, _ in seen.values()], [other for _, other in seen.values()]
    rms, K, bent, turns, places = _calibrated(points, pixels, size) if given is None else _placed(points, pixels, given)
    if rms > _LARGEST_RMS_PX:
        msg = (
            f"board: expected its tags where the print has them, got them {rms:.1f} px off; is it flat, of this paper, "
            "and all photos of one camera at one zoom?"
        )
        raise BadJob(msg)
    distortion = (float(bent[0]), float(bent[1]), float(bent[2]), float(bent[3]))
    return [
        Photo(path, np.asarray(K, np.float64), Pose(cv2.Rodrigues(turn)[0], np.ravel(place)), None, distortion)
        for path, turn, place in zip(seen, turns, places, strict=True)
    ]


def _calibrated(
    points: list[Array], pixels: list[Array], size: tuple[int, ...]
) -> tuple[float, Array, Array, Any, Any]:
    """How far off, K, distortion (4,), turns and places; square pixels, since photos of one tilt say little of them."""
    calibrate: Any = cv2.calibrateCamera  # its stub does not know all that it takes
    height, width = size
    guess = np.array([[width, 0, (width - 1) / 2], [0, width, (height - 1) / 2], [0, 0, 1.0]])
    fixed = cv2.CALIB_USE_INTRINSIC_GUESS | cv2.CALIB_FIX_ASPECT_RATIO | cv2.CALIB_ZERO_TANGENT_DIST
    fixed |= cv2.CALIB_FIX_K2 | cv2.CALIB_FIX_K3 | cv2.CALIB_FIX_PRINCIPAL_POINT
    rms, K, bent, turns, places = calibrate(points, pixels, (width, height), guess, None, flags=fixed)
    return float(rms), K, np.ravel(bent)[:4], turns, places


def _placed(points: list[Array], pixels: list[Array], K: Array) -> tuple[float, Array, Array, Any, Any]:
    """The same with a camera that is known, without distortion."""
    straight = np.zeros(4)
    solutions = [cv2.solvePnP(one, other, K, straight) for one, other in zip(points, pixels, strict=True)]
    turns, places = [turn for _, turn, _ in solutions], [place for _, _, place in solutions]
    every = zip(points, turns, places, strict=True)
    shown = [cv2.projectPoints(one, turn, place, K, straight)[0][:, 0] for one, turn, place in every]
    off = np.concatenate([one - other for one, other in zip(shown, pixels, strict=True)])
    return float(np.sqrt((off**2).sum(axis=1).mean())), K, straight, turns, places
