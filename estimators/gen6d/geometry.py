"""Poses as Gen6D writes them: arrays (3, 4) cam_from_obj = [R | t], OpenCV axes, in whatever unit the object has."""

import numpy as np

from schemas.arrays import Array


def compose(first: Array, second: Array) -> Array:
    """The pose (..., 3, 4) that applies ``first`` and then ``second``."""
    rotation = second[..., :3] @ first[..., :3]
    return np.concatenate([rotation, second[..., :3] @ first[..., 3:] + second[..., 3:]], axis=-1)


def inverse(pose: Array) -> Array:
    """The pose (..., 3, 4) that undoes another."""
    back = np.swapaxes(pose[..., :3], -1, -2)
    return np.concatenate([back, -back @ pose[..., 3:]], axis=-1)


def applied(pose: Array, points: Array) -> Array:
    """Points (N, 3) moved by a pose (3, 4)."""
    return points @ pose[:, :3].T + pose[:, 3]


def projected(points: Array, pose: Array, K: Array) -> tuple[Array, Array]:
    """Pixels (N, 2) and depths (N,) of points (N, 3) of the object; pixel centres are at integers."""
    seen = applied(pose, points) @ K.T
    return seen[:, :2] / seen[:, 2:], seen[:, 2]


def camera_position(pose: Array) -> Array:
    """(..., 3) where the camera of a pose (..., 3, 4) is, in the object's frame."""
    return inverse(pose)[..., 3]


def focal(K: Array) -> float:
    """The one focal length that Gen6D takes a camera (3, 3) to have, pixels: the mean of both."""
    return float(K[0, 0] + K[1, 1]) / 2


def normalisation(center: Array, diameter: float) -> tuple[float, Array]:
    """Scale and offset (3,) that bring an object's centre to the origin and its diameter to 2."""
    scale = 2 / diameter
    return scale, -scale * center


def normalised_pose(pose: Array, scale: float, offset: Array) -> Array:
    """A pose (..., 3, 4) of the object after ``normalisation``, float32."""
    rotation = pose[..., :3]
    shifted = scale * pose[..., 3:] - rotation @ offset[:, None]
    return np.concatenate([rotation, shifted], axis=-1).astype(np.float32)


def denormalised_pose(pose: Array, scale: float, offset: Array) -> Array:
    """The pose (..., 3, 4) before ``normalisation``."""
    rotation = pose[..., :3]
    return np.concatenate([rotation, (pose[..., 3:] + rotation @ offset[:, None]) / scale], axis=-1)


def turn_z(angle_rad: float) -> Array:
    """(3, 3) float32 turn from x (right) to y (down) in the picture."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]], np.float32)


def object_axes(up: Array, forward: Array) -> Array:
    """(3, 3) rotation of an object whose given up becomes z, its given forward the x-z plane."""
    y = np.cross(up, forward)
    axes = np.stack([np.cross(y, up), y, up])
    return axes / np.linalg.norm(axes, axis=1, keepdims=True)
