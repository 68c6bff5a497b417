"""What the networks see of the image: windows of its colour and of its depth as points."""

import torch
from torch import Tensor

from estimators.foundationpose.config import INPUT_PX
from estimators.foundationpose.depth import NEAREST_M
from estimators.foundationpose.scene import Scene
from estimators.foundationpose.window import inverse, sampling

REFINER_NEAREST_M, SCORER_NEAREST_M = 0.001, 0.1
"""What is nearer to the camera is no measurement to them."""
_SIZE = (INPUT_PX, INPUT_PX)


def observed_by_refiner(scene: Scene, crop: Tensor) -> Tensor:
    """Windows as the refiner sees them: colour bilinear, points nearest, 0 outside the image.

    Args:
        scene: The frame.
        crop: (N, 3, 3) float32 of ``window.crop_from_image``.

    Returns:
        (N, 6, 160, 160) float32: red, green, blue from 0 to 1, then x, y, z in metres.
    """
    columns, rows = sampling(crop, scene.size, _SIZE).nearest(scene.size)
    points = _points(_depth_at(scene, columns, rows), columns, rows, scene.K)
    return torch.cat([_colour(scene, crop), points], dim=1)


def observed_by_scorer(scene: Scene, crop: Tensor) -> Tensor:
    """Windows as the scorer sees them; see ``observed_by_refiner`` for shapes.

    Its training data were stored as depth of the window. To have points again, that was taken back into the image,
    and the window taken out of it: each step with the nearest pixel. So a pixel of the window has the ray of the pixel
    of the image that it is nearest to, and the depth of the pixel that this one's nearest in the window is nearest to.
    """
    into = sampling(crop, scene.size, _SIZE)
    back = sampling(inverse(crop), _SIZE, scene.size)
    columns, rows = into.nearest(scene.size)
    back_columns, back_rows = back.nearest(_SIZE)
    depth = _depth_at(scene, _twice(columns, back_columns), _twice(rows, back_rows))
    points = _points(depth, columns, rows, scene.K)
    return torch.cat([_colour(scene, crop), points], dim=1)


def normalised(pictures: Tensor, centers_m: Tensor, diameters_m: Tensor, nearest_m: float) -> Tensor:
    """Pictures (N, 6, h, w) with their points taken about the pose's centre, in halves of the diameter.

    Where z is below ``nearest_m`` a point is 0; each of its numbers is 0 by itself where it is 2 or more away.

    Args:
        pictures: Colour and points in metres.
        centers_m: (N, 3) translations of the poses.
        diameters_m: () or (N,).
        nearest_m: ``REFINER_NEAREST_M`` or ``SCORER_NEAREST_M``.
    """
    points = pictures[:, 3:]
    radius = (diameters_m.to(points.dtype) / 2).reshape(-1, 1, 1, 1)
    scaled = (points - centers_m[:, :, None, None]) / radius
    kept = (points[:, 2:] >= nearest_m) & (scaled.abs() < 2)
    return torch.cat([pictures[:, :3], scaled * kept], dim=1)


def _colour(scene: Scene, crop: Tensor) -> Tensor:
    count = len(crop)
    grid = sampling(crop, scene.size, _SIZE).grid().reshape(1, count * INPUT_PX, INPUT_PX, 2)
    picked = torch.nn.functional.grid_sample(scene.rgb[None], grid, mode="bilinear", align_corners=False)
    return picked.reshape(3, count, INPUT_PX, INPUT_PX).transpose(0, 1) / 255


def _depth_at(scene: Scene, columns: Tensor, rows: Tensor) -> Tensor:
    """(N, h, w) depth of the named pixels, 0 where a column (N, w) or row (N, h) is -1."""
    depth = scene.depth_m[rows.clamp(min=0)[:, :, None], columns.clamp(min=0)[:, None, :]]
    return depth * ((rows >= 0)[:, :, None] & (columns >= 0)[:, None, :])


def _points(depth_m: Tensor, columns: Tensor, rows: Tensor, K: Tensor) -> Tensor:
    """(N, 3, h, w) points of depth (N, h, w) along the rays of the named pixels; 0 below 1 mm."""
    z = torch.where(depth_m < NEAREST_M, 0.0, depth_m)
    camera = K.float()
    x = (columns.float() - camera[0, 2])[:, None, :] * z / camera[0, 0]
    y = (rows.float() - camera[1, 2])[:, :, None] * z / camera[1, 1]
    return torch.stack([x, y, z], dim=1)


def _twice(near: Tensor, back: Tensor) -> Tensor:
    """From the window into the image, back and in again: (N, 160) indices, -1 where one of the steps leaves it."""
    first = torch.where(near >= 0, back.gather(1, near.clamp(min=0)), -1)
    return torch.where(first >= 0, near.gather(1, first.clamp(min=0)), -1)
