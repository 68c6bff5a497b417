"""What the network looks at: the geometric estimator's small crop, as drawn at a pose and as the frame shows it."""

from collections.abc import Sequence

import cv2
import numpy as np

from estimators.geometric.pictures import Crop, FrameImages, crop_about
from estimators.geometric.placement import Placement
from estimators.lite.network import CHANNELS, SIZE_PX
from estimators.mesh import Mesh
from estimators.rendering import Renderer
from schemas.arrays import Array

_MOST_RADII = 1.5  # what is farther from the centre's depth is another thing


def pictures(mesh: Mesh, placements: Sequence[Placement], images: FrameImages, renderer: Renderer) -> Array:
    """Drawn beside observed, 1.45 diameters wide.

    Args:
        mesh: The object.
        placements: N poses of its centre, each more than 1 cm before the camera.
        images: The frame, with depth.
        renderer: What draws.

    Returns:
        (N, 14, 64, 64) float32: drawn colour from 0 to 1 without light, drawn depth, where it is drawn, drawn normals;
        the frame's colour, its depth, where it is known; and its depth less the drawn one where both are known. Depths
        are taken from that of the centre, in halves of the diameter, cut at 1.5.
    """
    radius_m = mesh.diameter_m / 2
    crops = [crop_about(images, one.t, mesh.diameter_m, SIZE_PX) for one in placements]
    poses = np.stack([one.pose(mesh.center_m).matrix() for one in placements])
    drawn = renderer.render(mesh, poses, np.stack([crop.K for crop in crops]), (SIZE_PX, SIZE_PX))
    depth_m = np.stack([_measured(images, crop) for crop in crops])
    at_m = np.array([one.t[2] for one in placements], np.float32)[:, None, None]
    inside, known = drawn.depth_m > 0, depth_m > 0
    out = np.zeros((len(placements), CHANNELS, SIZE_PX, SIZE_PX), np.float32)
    out[:, 0:3] = drawn.rgb.transpose(0, 3, 1, 2) / np.float32(255)
    out[:, 3] = _in_radii(drawn.depth_m - at_m, radius_m, inside)
    out[:, 4] = inside
    out[:, 5:8] = drawn.normal.transpose(0, 3, 1, 2)
    out[:, 8:11] = np.stack([crop.rgb for crop in crops]).transpose(0, 3, 1, 2) / np.float32(255)
    out[:, 11] = _in_radii(depth_m - at_m, radius_m, known)
    out[:, 12] = known
    out[:, 13] = _in_radii(depth_m - drawn.depth_m, radius_m, inside & known)
    return out


def _measured(images: FrameImages, crop: Crop) -> Array:
    """(64, 64) float32 depth of the frame in a crop, nearest pixels, 0 outside."""
    return cv2.warpAffine(images.depth_m, crop.crop_from_frame, (SIZE_PX, SIZE_PX), flags=cv2.INTER_NEAREST)


def _in_radii(distance_m: Array, radius_m: float, there: Array) -> Array:
    return np.clip(distance_m / np.float32(radius_m), -_MOST_RADII, _MOST_RADII) * there
