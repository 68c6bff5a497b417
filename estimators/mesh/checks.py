"""What every mesh must be, whichever estimator keeps it."""

from typing import Protocol

import numpy as np

from schemas.arrays import Array, checked


class MeshArrays(Protocol):
    """The arrays of a mesh, and what each has to be."""

    @property
    def vertices_m(self) -> Array:
        """(V, 3) float32, metres."""
        ...

    @property
    def faces(self) -> Array:
        """(F, 3) int32 over the vertices."""
        ...

    @property
    def normals(self) -> Array:
        """(V, 3) float32."""
        ...

    @property
    def uv(self) -> Array | None:
        """(V, 2) float32, together with a texture or neither."""
        ...

    @property
    def texture(self) -> Array | None:
        """(Ht, Wt, 3) uint8."""
        ...

    @property
    def colors(self) -> Array | None:
        """(V, 3) uint8."""
        ...


def checked_mesh(name: str, mesh: MeshArrays) -> dict[str, Array]:
    """A mesh's arrays by their names, read-only, those that it has.

    Args:
        name: How messages call it.
        mesh: Whose arrays are to be as ``MeshArrays`` says.

    Raises:
        ValueError: Another shape or type, a face over a vertex that there is not, or only one of uv and texture.
    """
    vertices_m = checked(f"{name}: vertices_m", mesh.vertices_m, (None, 3), np.float32)
    count = len(vertices_m)
    faces = checked(f"{name}: faces", mesh.faces, (None, 3), np.int32)
    if len(faces) and not 0 <= faces.min() <= faces.max() < count:
        msg = f"{name}: expected faces over its {count} vertices, got indices {faces.min()} to {faces.max()}"
        raise ValueError(msg)
    normals = checked(f"{name}: normals", mesh.normals, (count, 3), np.float32)
    out = {"vertices_m": vertices_m, "faces": faces, "normals": normals}
    if (mesh.uv is None) != (mesh.texture is None):
        msg = f"{name}: expected uv and texture together or neither"
        raise ValueError(msg)
    if mesh.uv is not None and mesh.texture is not None:
        out["uv"] = checked(f"{name}: uv", mesh.uv, (count, 2), np.float32)
        out["texture"] = checked(f"{name}: texture", mesh.texture, (None, None, 3), np.uint8)
    if mesh.colors is not None:
        out["colors"] = checked(f"{name}: colors", mesh.colors, (count, 3), np.uint8)
    return out
