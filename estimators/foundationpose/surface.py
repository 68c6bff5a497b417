"""A mesh as FoundationPose's renders want it: about its centre, smooth normals, a colour for every point of it."""

from dataclasses import dataclass, field

import numpy as np

from estimators.mesh import Mesh, checked_mesh
from schemas.arrays import Array, checked

GREY = 102
"""Of a mesh without any colour, 0 to 255: the grey that the reference's mesh reader supplies."""
_PAIRS_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """A mesh about the middle of its bounding box.

    Attributes:
        vertices_m: (V, 3) float32 about the centre, metres.
        faces: (F, 3) int32.
        normals: (V, 3) float32, unit length.
        diameter_m: Largest distance between two vertices.
        center_m: (3,) float64, what was subtracted: cam_from_obj = cam_from_centred @ shift by -center_m.
        uv: (V, 2) float32, v upwards; None without a texture.
        texture: (Ht, Wt, 3) uint8, its first row on top; None without one.
        colors: (V, 3) uint8; None without any.
    """

    vertices_m: Array
    faces: Array
    normals: Array
    diameter_m: float
    center_m: Array = field(default_factory=lambda: np.zeros(3))
    uv: Array | None = None
    texture: Array | None = None
    colors: Array | None = None

    def __post_init__(self) -> None:
        for name, array in checked_mesh("surface", self).items():
            object.__setattr__(self, name, array)

    def painted(self) -> Array:
        """(V, 3) uint8 read-only colours of the vertices; grey where the mesh has none."""
        count = len(self.vertices_m)
        colors = np.full((count, 3), GREY, np.uint8) if self.colors is None else self.colors
        return checked("colors", colors, (count, 3), np.uint8)

    @staticmethod
    def of(mesh: Mesh) -> "Surface":
        """The surface of a loaded mesh; vertices that were doubled along its creases are one again."""
        same = [mesh.vertices_m.astype(np.float64)]
        same += [part.astype(np.float64) for part in (mesh.uv, mesh.colors) if part is not None]
        _, first, home = np.unique(np.concatenate(same, axis=1), axis=0, return_index=True, return_inverse=True)
        faces = home.reshape(-1)[mesh.faces].astype(np.int32)
        points = mesh.vertices_m[first].astype(np.float64)
        center = (points.min(axis=0) + points.max(axis=0)) / 2
        points -= center
        return Surface(
            points.astype(np.float32),
            faces,
            smooth_normals(points, faces).astype(np.float32),
            diameter(points),
            center,
            uv=None if mesh.uv is None else mesh.uv[first],
            texture=mesh.texture,
            colors=None if mesh.colors is None else mesh.colors[first],
        )


def smooth_normals(points: Array, faces: Array) -> Array:
    """(V, 3) float64 unit normals of vertices: those of their faces, weighted by the face's angle there.

    Thürmer and Wüthrich 1998. A vertex of no face, or of faces that cancel out, looks along z.

    Args:
        points: (V, 3) float64.
        faces: (F, 3).
    """
    corners = points[faces]
    total = np.zeros_like(points)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    for k in range(3):
        one = corners[:, (k + 1) % 3] - corners[:, k]
        other = corners[:, (k + 2) % 3] - corners[:, k]
        angle = np.arctan2(np.linalg.norm(np.cross(one, other), axis=1), np.einsum("ij,ij->i", one, other))
        np.add.at(total, faces[:, k], normal * angle[:, None])
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.where(length > 1e-12, total / np.maximum(length, 1e-12), [0.0, 0.0, 1.0])


def diameter(points: Array) -> float:
    """Exactly the largest distance between two of (V, 3) points.

    Only points that can be an end of it are compared: those farther from the middle than the longest distance found
    so far less the farthest point.
    """
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    far = np.linalg.norm(points - middle, axis=1)
    start = points[np.argmax(far)]
    found = float(np.linalg.norm(points - start, axis=1).max())
    ends = points[far >= found - far.max() - 1e-12]
    step = max(1, _PAIRS_AT_ONCE // max(1, len(ends)))
    for k in range(0, len(ends), step):
        gaps = np.linalg.norm(ends[k : k + step, None] - ends[None, k:], axis=-1)
        found = max(found, float(gaps.max()))
    return found
