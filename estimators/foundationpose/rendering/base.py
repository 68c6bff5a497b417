"""What draws the pictures that the networks compare with the image, whatever it runs on."""

from typing import Any, Protocol

from torch import Tensor, device

from estimators.foundationpose.surface import Surface

NEAR_M, FAR_M = 0.001, 100.0
"""A face with a corner outside of these is not drawn."""
AMBIENT, DIFFUSE = 0.8, 0.5
"""Of a lamp at the camera; a surface that faces it is brighter than its own colour."""
SUBPIXELS = 16
"""Corners are moved onto a grid of so many steps a pixel before it is decided what a face covers."""


class CropRenderer(Protocol):
    """Draws colour and place of one mesh at many poses; its conventions are those of the reference's renderer.

    Pixel (i, j) of a picture looks along u = left + (i + 0.5) / width (right - left), likewise v. Corners are moved to
    the nearest 1/16 pixel for coverage only; a pixel belongs to a face that its centre lies in, and to the right or
    upper of two that share an edge through it. Both sides of a face are drawn; the nearest wins. Colour is the
    texture's (bilinear, wrapped) or that of the corners, lit by ``AMBIENT`` and, by each corner's normal, ``DIFFUSE``.

    Attributes:
        device: Where its pictures are.
    """

    device: device

    def upload(self, surface: Surface) -> Any:  # noqa: ANN401 - each renderer keeps its own
        """A mesh in the form that ``render`` takes."""
        ...

    def render(self, mesh: Any, cam_from_obj: Tensor, K: Tensor, window: Tensor, size: tuple[int, int]) -> Tensor:  # noqa: ANN401
        """Draw a mesh at N poses.

        Args:
            mesh: Of ``upload``.
            cam_from_obj: (N, 4, 4) float32, of the mesh about its centre, metres.
            K: (N, 3, 3) float32 intrinsics of the whole image, pixels.
            window: (N, 4) float32 left, top, right, bottom: the image's part that a picture's outer edges enclose.
            size: Height and width of the pictures.

        Returns:
            (N, 6, height, width) float32: red, green, blue from 0 to 1, then x, y, z in the camera's frame, metres;
            0 where nothing is seen.
        """
        ...
