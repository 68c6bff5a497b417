"""Rotations to start a registration from: 42 views times 6 turns in the image, less those that a symmetry repeats."""

import numpy as np

from schemas.arrays import Array

IN_PLANE = 6
SAME_RAD = np.radians(30.0)
_GOLDEN = (1 + 5**0.5) / 2


def view_points() -> Array:
    """(42, 3) float64 unit vectors: an icosahedron's corners, then the middles of its edges, in a fixed order."""
    face = [(a, b * _GOLDEN, 0.0) for b in (1, -1) for a in (-1, 1)]
    corners = np.array([np.roll(corner, shift) for shift in range(3) for corner in face], np.float64)
    j, i = np.tril_indices(len(corners), -1)
    joined = np.linalg.norm(corners[i] - corners[j], axis=1) < 2 + 1e-9
    every = np.concatenate([corners, (corners[i] + corners[j])[joined]])
    return every / np.linalg.norm(every, axis=1, keepdims=True)


def obj_from_view() -> Array:
    """(42, 4, 4) float64 poses of cameras at the view points, looking at the centre, x level with the object."""
    out = np.tile(np.eye(4), (42, 1, 1))
    for pose, place in zip(out, view_points(), strict=True):
        z = -place
        x = np.cross([0.0, 0.0, 1.0], z)
        x = np.array([1.0, 0.0, 0.0]) if np.linalg.norm(x) < 1e-9 else x / np.linalg.norm(x)
        pose[:3, :3] = np.stack([x, np.cross(z, x), z], axis=1)
        pose[:3, 3] = place
    return out


def view_grid() -> Array:
    """(252, 4, 4) float64 cam_from_obj, one unit away; each view with its six turns in the image in a row."""
    angles = np.arange(IN_PLANE) * (2 * np.pi / IN_PLANE)
    turn = np.tile(np.eye(4), (IN_PLANE, 1, 1))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(angles)
    turn[:, 1, 0] = np.sin(angles)
    turn[:, 0, 1] = -turn[:, 1, 0]
    return np.linalg.inv(obj_from_view()[:, None] @ turn).reshape(-1, 4, 4)


def distinct(cam_from_obj: Array, symmetries: Array) -> Array:
    """Which poses to keep so that none shows, up to a symmetry, what an earlier kept one shows.

    Args:
        cam_from_obj: (N, 4, 4); only the rotations count.
        symmetries: (S, 4, 4) obj_from_obj, the identity among them.

    Returns:
        (M,) int64 ascending indices of poses at least 30 degrees apart.
    """
    rotations = cam_from_obj[:, :3, :3].astype(np.float32)
    turns = symmetries[:, :3, :3].astype(np.float32)
    least = np.float32(1 + 2 * np.cos(SAME_RAD))  # of a trace
    kept: list[int] = []
    for k, rotation in enumerate(rotations):
        traces = np.einsum("sij,kij->sk", rotation @ turns, rotations[kept])
        if not (traces > least).any():
            kept.append(k)
    return np.array(kept, np.int64)


def start_rotations(symmetries: Array) -> Array:
    """(M, 3, 3) float64 rotations of cam_from_obj to start from, for an object of these (S, 4, 4) symmetries."""
    grid = view_grid()
    return grid[distinct(grid, symmetries)][:, :3, :3]
