"""Directions to look at an object from, and what is seen from there."""

from dataclasses import dataclass

import numpy as np

from estimators.mesh import Mesh
from estimators.rendering import Renderer, Rendering
from schemas import Symmetries
from schemas.arrays import Array

IN_PLANE = 6
_PICTURE_PX = 96
DISTANCE_DIAMETERS = 5.0  # far enough that half of the object is seen
FOCAL_PX = 0.95 * _PICTURE_PX * DISTANCE_DIAMETERS
_BACK_COSINE = 0.1  # normals are smooth: less is a face's edge at the outline
_GOLDEN = (1 + 5**0.5) / 2


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """What an object shows to each of 42 directions; points are about its centre, metres.

    Attributes:
        points: (42, P, 3) float64, spread over what is seen.
        normals: (42, P, 3) float64.
        depth_m: (42,) median z of the seen points in the view's camera, about the centre: below 0.
        rotations: (B, 3, 3) float64 cam_from_obj, the hypotheses: views times in-plane turns, those that
            a symmetry makes equal to an earlier one left out.
        view: (B,) int64, the view of each hypothesis.
        rgb: (42, S, S, 3) uint8, the pictures.
        mask: (42, S, S) bool, where the object is in them.
        back_share: The largest share of a picture in which faces are seen from behind.
    """

    points: Array
    normals: Array
    depth_m: Array
    rotations: Array
    view: Array
    rgb: Array
    mask: Array
    back_share: float


def directions() -> Array:
    """(42, 3) unit vectors: an icosahedron's vertices and the middles of its edges."""
    corners = [(a, b * _GOLDEN, 0.0) for a in (-1, 1) for b in (-1, 1)]
    vertices = np.array([np.roll(corner, shift) for shift in range(3) for corner in corners], np.float64)
    i, j = np.triu_indices(12, 1)
    middles = (vertices[i] + vertices[j])[np.linalg.norm(vertices[i] - vertices[j], axis=1) < 2.1] / 2
    every = np.concatenate([vertices, middles])
    return every / np.linalg.norm(every, axis=1, keepdims=True)


def looking_from(direction: Array) -> Array:
    """(3, 3) cam_from_obj rotation of a camera out along ``direction``, looking back at the object."""
    z = -direction
    helper = np.array([0.0, 0.0, 1.0]) if abs(direction[2]) < 0.9 else np.array([0.0, 1.0, 0.0])
    x = np.cross(helper, z)
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(z, x), z])


def about_z(angle_rad: float) -> Array:
    """(3, 3) rotation about the camera's axis."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def make_views(mesh: Mesh, symmetries: Symmetries, renderer: Renderer, count: int) -> Views:
    """Draw a mesh from 42 sides and pick ``count`` points of each picture.

    Args:
        mesh: The object.
        symmetries: Declared symmetries: hypotheses that they make equal are kept once.
        renderer: What draws.
        count: Points a view.
    """
    bases = np.stack([looking_from(direction) for direction in directions()])
    distance_m = DISTANCE_DIAMETERS * mesh.diameter_m
    focal = FOCAL_PX
    middle = (_PICTURE_PX - 1) / 2
    K = np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1]])
    poses = np.tile(np.eye(4), (len(bases), 1, 1))
    poses[:, :3, :3] = bases
    poses[:, :3, 3] = np.array([0, 0, distance_m]) - bases @ mesh.center_m
    drawn = renderer.render(mesh, poses, K, (_PICTURE_PX, _PICTURE_PX))
    points, normals, depth_m = [], [], []
    for base, depth, normal in zip(bases, drawn.depth_m, drawn.normal, strict=True):
        seen, facing, middle_m = _spread(depth, normal, K, count, distance_m)
        points.append((seen - [0, 0, distance_m]) @ base)
        normals.append(facing @ base)
        depth_m.append(middle_m - distance_m)
    rotations = np.stack([about_z(2 * np.pi * k / IN_PLANE) @ base for base in bases for k in range(IN_PLANE)])
    view = np.repeat(np.arange(len(bases)), IN_PLANE)
    kept = different(rotations, symmetries)
    return Views(
        np.stack(points),
        np.stack(normals),
        np.array(depth_m),
        rotations[kept],
        view[kept],
        drawn.rgb,
        drawn.depth_m > 0,
        _back_share(drawn, K),
    )


def _back_share(drawn: Rendering, K: Array) -> float:
    """The largest share of a picture's object whose normals point away from the camera."""
    v, u = np.indices(drawn.depth_m.shape[1:])
    rays = np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(u.shape)], axis=-1)
    along = (drawn.normal * rays).sum(axis=-1) / np.linalg.norm(rays, axis=-1)
    mask = drawn.depth_m > 0
    return float(((mask & (along > _BACK_COSINE)).sum(axis=(1, 2)) / np.maximum(1, mask.sum(axis=(1, 2)))).max())


def _spread(depth: Array, normal: Array, K: Array, count: int, distance_m: float) -> tuple[Array, Array, float]:
    """``count`` points and normals evenly over a picture's object, in its camera's frame, and the median depth."""
    v, u = np.nonzero((depth > 0) & (normal[..., 2] < -0.15))  # grazing surfaces are measured badly
    if not len(v):
        v, u = np.nonzero(depth > 0)
    if not len(v):  # thinner than a pixel from this side
        return np.tile([0.0, 0.0, distance_m], (count, 1)), np.tile([0.0, 0.0, -1.0], (count, 1)), distance_m
    chosen = np.linspace(0, len(v) - 1, count).astype(np.int64)
    v, u = v[chosen], u[chosen]
    z = depth[v, u].astype(np.float64)
    seen = np.stack([(u - K[0, 2]) / K[0, 0] * z, (v - K[1, 2]) / K[1, 1] * z, z], axis=1)
    return seen, normal[v, u].astype(np.float64), float(np.median(depth[depth > 0]))


def different(rotations: Array, symmetries: Symmetries) -> Array:
    """(K,) indices of rotations that no symmetry takes to within 20 degrees of an earlier kept one."""
    turns = symmetry_rotations(symmetries)
    if len(turns) == 1:
        return np.arange(len(rotations))
    kept: list[int] = []
    limit = 1 + 2 * np.cos(np.radians(20.0))
    for k, rotation in enumerate(rotations):
        equal = rotation @ turns
        traces = np.einsum("bij,sij->bs", rotations[kept], equal) if kept else np.zeros((0, 1))
        if not (traces > limit).any():
            kept.append(k)
    return np.array(kept)


def symmetry_rotations(symmetries: Symmetries) -> Array:
    """(S, 3, 3) obj_from_obj rotations, the identity first; continuous ones in steps of 15 degrees.

    Products of two different symmetries are not formed.
    """
    turns = [np.eye(3)] + [matrix[:3, :3] for matrix in symmetries.discrete]
    for axis in symmetries.continuous:
        unit = axis.axis / np.linalg.norm(axis.axis)
        cross = np.array([[0, -unit[2], unit[1]], [unit[2], 0, -unit[0]], [-unit[1], unit[0], 0]])
        angles = np.radians(np.arange(15, 360, 15))
        turns += [np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross for a in angles]
    return np.stack(turns)
