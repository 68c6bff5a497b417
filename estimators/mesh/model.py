"""Triangle meshes as everything here wants them: metres, one normal a vertex, colour ready to sample."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from estimators.mesh.checks import checked_mesh
from estimators.mesh.surface import corner_normals, diameter_of, is_closed, signed_volume, texel_size
from schemas.arrays import Array, checked, checked_finite

_CREASE_COSINE = 0.77  # edges sharper than 40 degrees stay edges
_SMALLEST_TEXTURE_PX = 32


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A triangle mesh; ``Mesh.build`` makes one from bare arrays, ``load_mesh`` from a file.

    Attributes:
        name: For messages.
        vertices_m: (V, 3) float32 in the object's frame, metres; doubled along creases and texture seams.
        faces: (F, 3) int32, counter-clockwise seen from outside where ``closed``.
        normals: (V, 3) float32, unit length, outward where ``closed``.
        diameter_m: Largest distance between two vertices.
        closed: No holes and consistent winding: faces that look away can be culled.
        uv: (V, 2) float32 texture coordinates, v upwards as in OBJ files; None without a texture.
        texture: (Ht, Wt, 3) uint8 RGB; None without one.
        colors: (V, 3) uint8 RGB; None without any (drawn grey).
        texture_levels: ``texture`` and its halvings, for drawing at a distance.
        texel_m: Edge of one texel of ``texture`` on the surface, metres; 0 without a texture.
        points_t: (3, V) float32, ``vertices_m`` transposed: the layout that kernels vectorise over.
    """

    name: str
    vertices_m: Array
    faces: Array
    normals: Array
    diameter_m: float
    closed: bool
    uv: Array | None = None
    texture: Array | None = None
    colors: Array | None = None
    texture_levels: tuple[Array, ...] = field(init=False)
    texel_m: float = field(init=False)
    points_t: Array = field(init=False)

    def __post_init__(self) -> None:
        for name, array in checked_mesh(f"mesh {self.name}", self).items():
            object.__setattr__(self, name, array)
        object.__setattr__(self, "texture_levels", _levels(self.texture))
        object.__setattr__(self, "texel_m", self._texel_m())
        transposed = checked("points_t", self.vertices_m.T, (3, len(self.vertices_m)), np.float32)
        object.__setattr__(self, "points_t", transposed)

    def _texel_m(self) -> float:
        if self.uv is None or self.texture is None:
            return 0.0
        return texel_size(self.vertices_m, self.faces, self.uv, self.texture.shape[:2])

    @property
    def center_m(self) -> Array:
        """(3,) float64, the middle of the axis-aligned bounding box in the object's frame."""
        low, high = self.vertices_m.min(axis=0), self.vertices_m.max(axis=0)
        return ((low + high) / 2).astype(np.float64)

    @staticmethod
    def build(
        vertices_m: Array,
        faces: Array,
        *,
        name: str = "mesh",
        uv: Array | None = None,
        texture: Array | None = None,
        colors: Array | None = None,
    ) -> "Mesh":
        """A mesh with normals, diameter and the check of its winding worked out.

        A closed mesh that is inside out is turned. Creases sharper than 40 degrees keep one normal a side.

        Args:
            vertices_m: (V, 3) metres.
            faces: (F, 3) indices of vertices.
            name: See the attributes, as uv, texture and colors.
            uv: (V, 2).
            texture: (Ht, Wt, 3).
            colors: (V, 3).

        Raises:
            ValueError: No face, an index beyond the vertices, other shapes, or numbers that are not finite.
        """
        points = checked_finite(f"vertices of {name}", vertices_m, (None, 3))
        triangles, positions, closed = _outwards(points, _faces(name, faces, len(points)))
        corners = corner_normals(points, triangles, positions, _CREASE_COSINE)
        keep, index = _split(triangles, corners)
        source = triangles.reshape(-1)[keep]
        return Mesh(
            name,
            points[source].astype(np.float32),
            index,
            corners.reshape(-1, 3)[keep].astype(np.float32),
            diameter_of(points[np.unique(triangles)]),
            closed,
            uv=None if uv is None else checked("uv", uv, (len(points), 2), np.float32)[source],
            texture=texture,
            colors=None if colors is None else checked("colors", colors, (len(points), 3), np.uint8)[source],
        )


def _faces(name: str, faces: Array, vertices: int) -> Array:
    """(F, 3) int32 faces whose indices are known to be good."""
    triangles = checked(f"faces of {name}", faces, (None, 3), np.int32)
    if not len(triangles) or triangles.min() < 0 or triangles.max() >= vertices:
        msg = f"mesh {name}: expected faces over its {vertices} vertices, got {len(triangles)} faces"
        raise ValueError(msg)
    return triangles


def _outwards(points: Array, triangles: Array) -> tuple[Array, Array, bool]:
    """Faces without slivers, the same over merged places, and whether they are closed; then turned outwards."""
    _, merged = np.unique(points, axis=0, return_inverse=True)
    triangles, positions = _without_slivers(triangles, merged.reshape(-1)[triangles])
    closed = is_closed(positions)
    if closed and signed_volume(points, triangles) < 0:
        return triangles[:, ::-1].copy(), positions[:, ::-1].copy(), closed
    return triangles, positions, closed


def _without_slivers(triangles: Array, positions: Array) -> tuple[Array, Array]:
    """Faces that name one place twice cover nothing and would spoil the check of the winding."""
    a, b, c = positions[:, 0], positions[:, 1], positions[:, 2]
    good = (a != b) & (b != c) & (c != a)
    return (triangles[good], positions[good]) if good.any() else (triangles, positions)


def _split(triangles: Array, corners: Array) -> tuple[Array, Array]:
    """One vertex for each different (vertex, normal): the corners to keep, and (F, 3) int32 faces over them."""
    rounded = np.rint(corners.reshape(-1, 3) * 60).astype(np.int64) + 64  # one degree apart counts as equal
    normal_key = (rounded[:, 0] * 128 + rounded[:, 1]) * 128 + rounded[:, 2]
    key = triangles.reshape(-1).astype(np.int64) * 128**3 + normal_key
    _, keep, inverse = np.unique(key, return_index=True, return_inverse=True)
    return keep, inverse.reshape(-1, 3).astype(np.int32)


def _levels(texture: Array | None) -> tuple[Array, ...]:
    """A texture and its halvings by box filter."""
    if texture is None:
        return ()
    levels = [texture]
    while min(levels[-1].shape[:2]) >= 2 * _SMALLEST_TEXTURE_PX:
        height, width = levels[-1].shape[:2]
        half = cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        levels.append(checked("texture", half, (None, None, 3), np.uint8))  # read-only: one type for the kernels
    return tuple(levels)
