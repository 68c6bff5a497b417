"""Finding objects without a prior: where they are, which reference they look like, and a pose from that."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from estimators.gen6d.alone import initial_pose, select
from estimators.gen6d.engine import Engine
from estimators.gen6d.geometry import projected
from estimators.gen6d.model import ObjectModel
from estimators.unfound import LEAST_PX, fills_frame
from schemas import Frame
from schemas.arrays import Array

Place = tuple[Array, float]
"""Pixel (2,) of an object's centre, and its size over that in a normalised reference."""


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """An object in a frame.

    Attributes:
        model: The object.
        frame: The frame.
        mask: (H, W) bool, where somebody says that it is; None to detect it.
    """

    model: ObjectModel
    frame: Frame
    mask: Array | None


def camera_matrix(frame: Frame) -> Array:
    """(3, 3) float32 K of a frame, in whose digits Gen6D computes."""
    return frame.camera.K.astype(np.float32)


def found_poses(engine: Engine, wanted: Sequence[Wanted]) -> list[Array | None]:
    """First poses (3, 4), not refined; None where a mask shows nothing to start from."""
    return [None if (place := _place(engine, one)) is None else _pose(engine, one, place) for one in wanted]


def _place(engine: Engine, wanted: Wanted) -> Place | None:
    if wanted.mask is None:
        (found,) = engine.detect(wanted.frame.rgb[None], wanted.model.known.features)
        return np.array([found.x_px, found.y_px]), found.scale_r2q
    if wanted.mask.sum() < LEAST_PX or fills_frame(wanted.mask):
        return None
    sizes = [size_in_reference(wanted.model, k) for k in range(len(wanted.model.known.database.ids))]
    middle, size = extent_of(np.argwhere(wanted.mask)[:, ::-1])
    return middle, size / float(np.median(sizes))


def _pose(engine: Engine, wanted: Wanted, place: Place) -> Array:
    known, unit = wanted.model.known, wanted.model.options.angle_unit
    selection = select(engine, known, wanted.frame.rgb, place, unit)
    if wanted.mask is not None:  # now it is known which side shows, and so how large it is
        size = extent_of(np.argwhere(wanted.mask)[:, ::-1])[1]
        place = (place[0], size / size_in_reference(wanted.model, selection.reference))
    return initial_pose(known, camera_matrix(wanted.frame), place, selection)


def size_in_reference(model: ObjectModel, reference: int) -> float:
    """How large an object is in one of its references of 128 px, see ``extent_of``."""
    database, points = model.known.database, model.made.surface_m
    pixels, _ = projected(points, database.cam_from_obj[reference], database.K[reference])
    return extent_of(pixels)[1]


def extent_of(pixels: Array) -> tuple[Array, float]:
    """Middle (2,) of the box about pixels (N, 2), and the root of their convex outline's area: no turn changes it."""
    middle = (pixels.min(axis=0) + pixels.max(axis=0)) / 2
    area = cv2.contourArea(cv2.convexHull(pixels.astype(np.float32)))
    return middle, max(float(area), 1.0) ** 0.5
