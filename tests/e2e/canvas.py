"""What the page's canvas shows: its pixels, and the silhouette that an outline on it encloses."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import Camera, Pose

Rgb = NDArray[np.float64]
Mask = NDArray[np.uint8]

COLOURS = {"tracked": (0.27, 0.87, 0.56), "registered": (0.36, 0.66, 1.0)}  # as view.js draws them

_NAME_PX = 9  # half of how high a name is, in pixels of the frame

# one call, so that picture and number belong together
_SHOWN = """() => {
  const view = document.getElementById("view");
  const pixels = view.getContext("2d").getImageData(0, 0, view.width, view.height);
  let text = "";
  for (let i = 0; i < pixels.data.length; i += 4) text += String.fromCharCode(...pixels.data.subarray(i, i + 3));
  return { seq: Number(view.dataset.seq), width: view.width, height: view.height, rgb: btoa(text) };
}"""


@dataclass(frozen=True)
class Shown:
    """A frame as it is on the page.

    Attributes:
        seq: Its number.
        rgb: (H, W, 3), 0 to 255, in the canvas's own pixels: a whole multiple of the frame's.
    """

    seq: int
    rgb: Rgb

    def outline(self, state: str) -> Mask:
        """(H, W), 1 where a pixel has the colour of outlines of a state; single pixels are the picture's own."""
        near = np.abs(self.rgb - np.array(COLOURS[state]) * 255).max(axis=2) < 12
        return cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)).astype(np.uint8)

    def enclosed(self, camera: Camera) -> Mask:
        """(H, W), 1 within the outline.

        The outline is thickened until it is closed where the object's name lies across it, filled, and thinned by as
        much and by its own width, which is drawn outside of the silhouette.
        """
        scale = self.rgb.shape[1] // camera.width
        both = np.maximum(self.outline("tracked"), self.outline("registered"))
        thick = cv2.dilate(both, _disc(_NAME_PX * scale))
        contours, _ = cv2.findContours(thick, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        filled = np.zeros_like(both)
        if contours:
            cv2.drawContours(filled, [max(contours, key=cv2.contourArea)], -1, 1, cv2.FILLED)
        line_px = round(max(2, 1.5 * scale))
        return cv2.erode(filled, _disc(_NAME_PX * scale + line_px)).astype(np.uint8)


def _disc(radius_px: int) -> Mask:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1,) * 2).astype(np.uint8)


def shown_on(page: Page) -> Shown:
    """What is on the page now."""
    found = page.evaluate(_SHOWN)
    size = (found["height"], found["width"], 3)
    return Shown(found["seq"], np.frombuffer(base64.b64decode(found["rgb"]), np.uint8).reshape(size).astype(float))


def silhouette(mesh: Mesh, cam_from_obj: Pose, camera: Camera, size: tuple[int, ...]) -> Mask:
    """(H, W) of ``size``, 1 where a mesh would be seen if nothing stood before it."""
    pose = cam_from_obj.matrix()[None]
    mask = CpuRenderer().render(mesh, pose, camera.K, (camera.height, camera.width)).depth_m[0] > 0
    scaled = cv2.resize(mask.astype(np.uint8), (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    return scaled.astype(np.uint8)


def iou(one: Mask, other: Mask) -> float:
    """Intersection over union; 0 where both are empty."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0


def frame_corner(page: Page, camera: Camera) -> tuple[float, float, float]:
    """Where the frame's upper left corner is on the page, and how large its pixels are."""
    box = page.locator("#view").bounding_box()
    assert box is not None
    scale = min(box["width"] / camera.width, box["height"] / camera.height)
    left, top = (box["width"] - camera.width * scale) / 2, (box["height"] - camera.height * scale) / 2
    return box["x"] + left, box["y"] + top, scale
