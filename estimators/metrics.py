"""How far a pose is from the truth, and whether the estimate knew: ADD, ADD-S, their areas, score and covariance."""

from dataclasses import dataclass

import cv2
import numpy as np
from numba import njit

from estimators.mesh import Mesh
from schemas import Pose
from schemas.arrays import Array

AUC_LIMIT_M = 0.1
"""The customary end of the accuracy curve on YCB-Video."""
LOST_M = 0.03
"""Above this ADD-S a track counts as lost."""
INSIDE_LIMIT = 12.592
"""The 95 % quantile of chi-squared with six degrees of freedom: the size of the ellipsoid."""
_POINTS, _QUERIES = 4000, 1000


@dataclass(frozen=True, slots=True)
class PoseErrors:
    """One estimated pose against the truth.

    Attributes:
        add_m: Mean distance between equal points of the model, metres.
        add_s_m: Mean distance to the nearest point of the model, metres; forgives symmetries.
        rotation_rad: Angle between the rotations, 0 to pi.
        translation_m: Distance between the origins.
    """

    add_m: float
    add_s_m: float
    rotation_rad: float
    translation_m: float


def model_points(mesh: Mesh) -> Array:
    """(N, 3) float64 metres: at most 4000 different vertices of a mesh, always the same ones."""
    different = np.unique(mesh.vertices_m, axis=0).astype(np.float64)
    chosen = np.random.default_rng(0).permutation(len(different))[:_POINTS]
    return np.ascontiguousarray(different[chosen])


def pose_errors(points_m: Array, estimated: Pose, truth: Pose) -> PoseErrors:
    """Errors of a pose over a model's points.

    ADD and ADD-S as in Hinterstoisser et al. 2012 and Xiang et al. 2018 (PoseCNN): for ADD-S the nearest
    estimated point of each true one. Averaged over the first 1000 points; the nearest is looked for among all.

    Args:
        points_m: (N, 3) points in the object's frame.
        estimated: cam_from_obj.
        truth: cam_from_obj.
    """
    angle, distance = estimated.distance(truth)
    at_truth = np.ascontiguousarray(truth.apply(points_m[:_QUERIES]), dtype=np.float64)
    add, add_s = _distances(np.ascontiguousarray(estimated.apply(points_m), dtype=np.float64), at_truth)
    return PoseErrors(add, add_s, angle, distance)


def auc(errors_m: Array, limit_m: float = AUC_LIMIT_M) -> float:
    """Area under the accuracy curve from 0 to ``limit_m``, 0 to 1: the mean of 1 - min(e, limit) / limit.

    Args:
        errors_m: (N,) errors; infinite where there is no pose.
        limit_m: End of the curve.

    Raises:
        ValueError: No errors at all, or a NaN among them.
    """
    errors = np.asarray(errors_m, np.float64)
    if not errors.size or np.isnan(errors).any():
        msg = (
            f"errors: expected at least one number and no NaN, got {errors.size} of which {np.isnan(errors).sum()} NaN"
        )
        raise ValueError(msg)
    return float(np.mean(1.0 - np.minimum(errors, limit_m) / limit_m))


def stepped_auc(errors_m: Array, limit_m: float = AUC_LIMIT_M, steps: int = 100) -> float:
    """``auc`` by the trapezoids of 101 thresholds, as published tables of YCB-Video have it; at most 0.005 apart.

    Args:
        errors_m: (N,) errors; infinite where there is no pose.
        limit_m: End of the curve.
        steps: Between thresholds; an error equal to a threshold is within it.
    """
    recall = (np.asarray(errors_m, np.float64)[None] <= np.linspace(0, limit_m, steps + 1)[:, None]).mean(axis=1)
    return float(np.trapezoid(recall) / steps)


def separation(scores: Array, lost: Array) -> float:
    """Area under the ROC curve: how often a good frame has a higher score than a lost one, 0 to 1; 0.5 is chance.

    Args:
        scores: (N,) scores.
        lost: (N,) bool.

    Returns:
        NaN where all frames are lost or none is.
    """
    good, bad = np.asarray(scores)[~lost], np.sort(np.asarray(scores)[lost])
    if not len(good) or not len(bad):
        return float("nan")
    below, not_above = np.searchsorted(bad, good, "left"), np.searchsorted(bad, good, "right")
    return float((below + not_above).mean() / (2 * len(bad)))


def is_inside(estimated: Pose, covariance: Array, truth: Pose) -> bool:
    """Whether the true pose lies in the 95 % ellipsoid of an estimate.

    Args:
        estimated: cam_from_obj.
        covariance: (6, 6) of turn (radians) and shift (metres) in the object's frame, as ``Estimate.covariance``.
        truth: cam_from_obj.
    """
    rest = estimated.inverse() @ truth
    turn = cv2.Rodrigues(rest.rotation)[0].ravel()
    error = np.concatenate([turn, rest.translation_m])
    return bool(error @ np.linalg.solve(covariance, error) <= INSIDE_LIMIT)


@njit(nogil=True, cache=True)
def _distances(estimated: Array, truth: Array) -> tuple[float, float]:
    """Mean distance of ``truth`` (M, 3) to the same and to the nearest row of ``estimated`` (N, 3), N >= M."""
    same, nearest = 0.0, 0.0
    for i in range(truth.shape[0]):
        x, y, z = truth[i, 0], truth[i, 1], truth[i, 2]
        best, own = np.inf, 0.0
        for j in range(estimated.shape[0]):
            dx, dy, dz = estimated[j, 0] - x, estimated[j, 1] - y, estimated[j, 2] - z
            gap = dx * dx + dy * dy + dz * dz
            best = min(best, gap)
            if i == j:
                own = gap
        same += np.sqrt(own)
        nearest += np.sqrt(best)
    return same / truth.shape[0], nearest / truth.shape[0]
