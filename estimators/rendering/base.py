"""What a renderer gives, whatever it runs on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from estimators.mesh import Mesh
from schemas.arrays import Array


@dataclass(frozen=True, slots=True, eq=False)
class Rendering:
    """N pictures of one mesh.

    Attributes:
        depth_m: (N, H, W) float32, the z of the surface in the camera's frame, 0 where nothing is seen.
        rgb: (N, H, W, 3) uint8, the surface's own colour without any light, 0 where nothing is seen.
        normal: (N, H, W, 3) float32 unit normals in the camera's frame, 0 where nothing is seen.
    """

    depth_m: Array
    rgb: Array
    normal: Array


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One picture of several meshes that hide each other.

    Attributes:
        depth_m: (H, W) float32, 0 where nothing is seen.
        rgb: (H, W, 3) uint8, without light.
        normal: (H, W, 3) float32 in the camera's frame.
        index: (H, W) int16, which mesh is seen; -1 where none is.
    """

    depth_m: Array
    rgb: Array
    normal: Array
    index: Array


class Renderer(Protocol):
    """Draws meshes: OpenCV camera axes, metres, pixel centres at integers.

    A face with a vertex nearer than 1 cm to the camera's plane is left out. Faces that look away are
    left out where the mesh is closed. Equal input gives equal bits on one kind of machine.
    """

    def render(self, mesh: Mesh, cam_from_obj: Array, K: Array, size: tuple[int, int]) -> Rendering:
        """Draw one mesh at N poses.

        Args:
            mesh: What to draw.
            cam_from_obj: (N, 4, 4) poses.
            K: (3, 3) or (N, 3, 3) intrinsics in pixels of the picture, a crop's window folded in.
            size: Height and width of the pictures in pixels.

        Raises:
            ValueError: Arrays of other shapes.
        """
        ...

    def scene(self, meshes: Sequence[Mesh], cam_from_obj: Sequence[Array], K: Array, size: tuple[int, int]) -> Scene:
        """Draw several meshes, each at its (4, 4) pose, into one picture; the nearest surface is seen.

        Raises:
            ValueError: Arrays of other shapes, or not one pose a mesh.
        """
        ...
