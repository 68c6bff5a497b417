"""Similarities between views: from a detection to a first pose, and from the refiner's answer to the next pose."""

import numpy as np

from estimators.gen6d.geometry import camera_position, focal, projected, turn_z
from estimators.gen6d.look_at import look_rotation, looking
from schemas.arrays import Array


def first_pose(
    point_px: Array,
    scale_r2q: float,
    angle_rad: float,
    reference: tuple[Array, Array],
    K: Array,
    center: Array,
) -> Array:
    """The pose of an object that looks like a reference, moved, scaled and turned in the picture.

    Args:
        point_px: (2,) where its centre is.
        scale_r2q: Its size in the picture over that in the reference.
        angle_rad: How far it is turned from the reference, from x to y.
        reference: cam_from_obj (3, 4) and K (3, 3) of the normalised reference, whose centre is the object's.
        K: (3, 3) of the picture.
        center: (3,) of the object.

    Returns:
        (3, 4) float64.
    """
    pose, inner = reference
    ray = np.linalg.inv(np.asarray(K, np.float64)) @ np.append(point_px, 1.0)  # here alone fx and fy may differ
    far = focal(K) * float(np.linalg.norm(ray))
    distance = float(np.linalg.norm(camera_position(pose) - center)) * far / (focal(inner) * scale_r2q)
    rotation = look_rotation(ray[0], ray[1]).T @ turn_z(angle_rad) @ pose[:, :3]
    place = ray / np.linalg.norm(ray) * distance
    return np.concatenate([rotation, (place - rotation @ center)[:, None]], axis=1)


def relative_view(reference: tuple[Array, Array], query: tuple[Array, Array], center: Array) -> tuple[float, float]:
    """Scale and angle (radians, x to y) in the picture that lead from a reference to a query.

    Args:
        reference: cam_from_obj (3, 4) and K (3, 3).
        query: The same.
        center: (3,) of the object.
    """
    (towards_r, far_r, distance_r), (towards_q, far_q, distance_q) = (
        _look_of(pose, K, center) for pose, K in (reference, query)
    )
    turn = (towards_q @ query[0][:, :3]) @ (towards_r @ reference[0][:, :3]).T
    return distance_r / distance_q * far_q / far_r, float(np.arctan2(-turn[0, 1], turn[0, 0]))


def _look_of(pose: Array, K: Array, center: Array) -> tuple[Array, float, float]:
    """Turn towards the centre, focal length along its ray, and its distance."""
    (pixel,), _ = projected(center[None], pose, K)
    return *looking(K, pixel), float(np.linalg.norm(camera_position(pose) - center))


def rotation_of(quaternion: Array) -> Array:
    """(3, 3) rotation of a quaternion (4,), w first, of any length."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def similarity(quaternion: Array, offset: Array, scale_log2: float, center_cam: Array) -> Array:
    """(3, 4) float64 similarity in the camera's frame: about the object's centre, then aside in x and y.

    Args:
        quaternion: (4,), w first.
        offset: (2,) in the object's unit.
        scale_log2: Of the size.
        center_cam: (3,) of the object in the camera's frame.
    """
    linear = 2.0**scale_log2 * rotation_of(quaternion)
    aside = np.append(offset, 0.0)
    return np.concatenate([linear, (center_cam + aside - linear @ center_cam)[:, None]], axis=1)


def rigid_pose(change: Array, cam_from_obj: Array, K_in: Array, K: Array, center: Array) -> Array:
    """The pose that shows what a similarity shows: a larger object is a nearer one.

    Args:
        change: (3, 4) of ``similarity``.
        cam_from_obj: (3, 4) that it changes.
        K_in: (3, 3) of the picture in which the object has its size by ``cam_from_obj``.
        K: (3, 3) of the picture that was looked at.
        center: (3,) of the object.

    Returns:
        (3, 4) float64.
    """
    u, sizes, vt = np.linalg.svd(change[:, :3])
    center_cam = cam_from_obj[:, :3] @ center + cam_from_obj[:, 3]
    moved = change[:, :3] @ center_cam + change[:, 3]
    depth = center_cam[2] / sizes.mean() * focal(K) / focal(K_in)
    rotation = (u @ vt) @ cam_from_obj[:, :3]
    place = moved / moved[2] * depth
    return np.concatenate([rotation, (place - rotation @ center)[:, None]], axis=1)


def target_similarity(given: tuple[Array, Array], wanted: tuple[Array, Array], center: Array) -> Array:
    """What the refiner is to answer in training: the similarity (3, 4) from a given pose to the wanted one.

    Args:
        given: cam_from_obj (3, 4) and K (3, 3) of the pose that is to be changed.
        wanted: The same of the true one.
        center: (3,) of the object.
    """
    (pose_in, K_in), (pose_q, K_q) = given, wanted
    center_in, center_q = (pose[:, :3] @ center + pose[:, 3] for pose in (pose_in, pose_q))
    size = center_in[2] / center_q[2] * focal(K_q) / focal(K_in)
    linear = size * pose_q[:, :3] @ pose_in[:, :3].T
    aside = np.append((center_q - center_in)[:2], 0.0)
    return np.concatenate([linear, (size * aside + center_in - linear @ center_in)[:, None]], axis=1)
