"""Crops that look at a point of a picture: as a camera would see it that is turned there."""

from typing import NamedTuple

import cv2
import numpy as np

from estimators.gen6d.geometry import compose, focal, turn_z
from schemas.arrays import Array


class Crop(NamedTuple):
    """A part of a picture with a camera of its own.

    Attributes:
        picture: (h, w, 3) uint8 RGB, black where the picture ends.
        K: (3, 3) float32 of the crop.
        cam_from_obj: (3, 4) of the turned camera.
        turned: (3, 4) float32, turned camera from the picture's camera: a rotation, no translation.
        homography: (3, 3) float64, crop's pixels from the picture's pixels.
    """

    picture: Array
    K: Array
    cam_from_obj: Array
    turned: Array
    homography: Array


def look_rotation(x: float, y: float) -> Array:
    """(3, 3) float64 turn of a camera towards the point (x, y, 1).

    As the reference has it: the second turn takes y as if the first had not moved the point, so that the point comes
    to lie off the centre where neither is 0.
    """
    a, b = 1 / np.sqrt(1 + x * x), 1 / np.sqrt(1 + y * y)
    about_y = np.array([[a, 0, -x * a], [0, 1, 0], [x * a, 0, a]])
    about_x = np.array([[1, 0, 0], [0, b, -y * b], [0, y * b, b]])
    return about_x @ about_y


def looking(K: Array, point_px: Array) -> tuple[Array, float]:
    """``look_rotation`` (3, 3) towards a pixel (2,), and the focal length of a picture at right angles to that ray."""
    aside = np.asarray(point_px, np.float64) - K[:2, 2]
    x, y = aside / focal(K)
    return look_rotation(x, y), float(np.sqrt(aside @ aside + focal(K) ** 2))


def look_at_camera(
    K: Array, cam_from_obj: Array, point_px: Array, angle_rad: float, scale: float, size_px: tuple[int, int]
) -> tuple[Array, Array, Array, Array]:
    """K, cam_from_obj, turned and homography of a ``Crop``; see ``look_at`` for the arguments."""
    towards, far = looking(K, point_px)
    height, width = size_px
    inner = np.array([[far * scale, 0, width / 2], [0, far * scale, height / 2], [0, 0, 1]], np.float32)
    rotation = turn_z(angle_rad) @ towards
    turned = np.concatenate([rotation, np.zeros((3, 1))], axis=1).astype(np.float32)
    return inner, compose(cam_from_obj, turned), turned, inner @ rotation @ np.linalg.inv(K)


def look_at(
    picture: Array,
    K: Array,
    cam_from_obj: Array,
    point_px: Array,
    angle_rad: float,
    scale: float,
    size_px: tuple[int, int],
) -> Crop:
    """A crop that looks at a point.

    Args:
        picture: (H, W, 3) uint8 RGB.
        K: (3, 3), pixels; float32 for the digits of the reference, here and everywhere below.
        cam_from_obj: (3, 4).
        point_px: (2,) x and y.
        angle_rad: How far the crop is turned afterwards, from x to y.
        scale: Of the crop, beside a camera of the focal length along the ray.
        size_px: Height and width of the crop.
    """
    inner, pose, turned, homography = look_at_camera(K, cam_from_obj, point_px, angle_rad, scale, size_px)
    return Crop(warped(picture, homography, size_px), inner, pose, turned, homography)


def warped(picture: Array, homography: Array, size_px: tuple[int, int]) -> Array:
    """A picture (h, w, ...) through a homography (3, 3) that leads to it, bilinear, black outside."""
    return cv2.warpPerspective(picture, homography, size_px[::-1], flags=cv2.INTER_LINEAR)


def plain_crop(picture: Array, point_px: Array, angle_rad: float, scale: float, size_px: int) -> Array:
    """(size, size, 3) uint8 about a point, turned and scaled, not rectified; see ``plain_matrix``."""
    matrix = plain_matrix(point_px, angle_rad, scale, size_px)
    return cv2.warpAffine(picture, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR)


def plain_matrix(point_px: Array, angle_rad: float, scale: float, size_px: int) -> Array:
    """(2, 3) float32, pixels of ``plain_crop`` from the picture's.

    Args:
        point_px: (2,) what comes to the middle, size / 2.
        angle_rad: From x to y.
        scale: Of what is seen: above 1 it gets larger.
        size_px: Side of the crop.
    """
    sized = np.diag(np.array([scale, scale, 1], np.float32)) @ shift(-point_px[0], -point_px[1])
    return (shift(size_px / 2, size_px / 2) @ (turn_z(angle_rad) @ sized))[:2]


def turned_about_middle(homography: Array, angle_rad: float, size_px: int) -> Array:
    """A crop's homography (3, 3) with the crop turned about its middle, from x to y."""
    half = size_px / 2
    return shift(half, half) @ (turn_z(angle_rad) @ shift(-half, -half)) @ homography


def shift(x_px: float, y_px: float) -> Array:
    """(3, 3) float32 homography that moves pixels."""
    return np.array([[1, 0, x_px], [0, 1, y_px], [0, 0, 1]], np.float32)
