"""The last trusted picture of an object: where its corners are found again, whatever light makes of the mesh's colours."""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from estimators.geometric.pictures import local_contrast
from schemas.arrays import Array

if TYPE_CHECKING:
    from estimators.geometric.fit import Look, Placement
    from estimators.geometric.model import ObjectModel
    from estimators.rendering import Renderer

_SIDE_PX = 96
_HEADER = struct.Struct("<16d")
KEYFRAME_BYTES = _HEADER.size + _SIDE_PX * _SIDE_PX
_CORNERS = 70
_WINDOW = (13, 13)
_RETURN_PX = 0.7
_BORDER = np.ones((5, 5), np.uint8)
_STOP = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 20, 0.02)
_TURNED_COSINE, _SIZED = np.cos(np.radians(8.0)), 0.12
_CONTRAST = 20  # of local contrast, half a standard deviation
_FACING = 0.25  # cosine, below which a surface is seen too flat


@dataclass(frozen=True, slots=True, eq=False)
class Keyframe:
    """A picture and where the object was in it.

    Attributes:
        picture: (96, 96) uint8 local contrast of a crop.
        R: (3, 3) float64 rotation of cam_from_centre.
        t: (3,) float64 metres.
        cam: (4,) float64 fx, fy, cx, cy of the crop.
    """

    picture: Array
    R: Array
    t: Array
    cam: Array

    def pack(self) -> bytes:
        """9344 bytes."""
        return _HEADER.pack(*self.R.reshape(-1), *self.t, *self.cam) + self.picture.tobytes()

    @staticmethod
    def unpack(data: bytes) -> "Keyframe | None":
        """The keyframe of these bytes; None where there are none."""
        if len(data) != KEYFRAME_BYTES:
            return None
        numbers = np.array(_HEADER.unpack(data[: _HEADER.size]))
        if not np.isfinite(numbers).all():
            return None
        picture = np.frombuffer(data, np.uint8, offset=_HEADER.size).reshape(_SIDE_PX, _SIDE_PX)
        return Keyframe(picture, numbers[:9].reshape(3, 3), numbers[9:12], numbers[12:])


def keyframe_after(before: Keyframe | None, look: "Look", placement: "Placement") -> Keyframe:
    """The keyframe after a frame with a trusted pose: the same one until the object has turned or come nearer."""
    if before is not None:
        cosine = (np.einsum("ij,ij", before.R, placement.R) - 1) / 2
        if cosine > _TURNED_COSINE and abs(placement.t[2] / before.t[2] - 1) < _SIZED:
            return before
    K = look.crop.K
    picture, cam = _sized(look.observed, np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]]), _SIDE_PX)
    return Keyframe(picture, placement.R, placement.t, cam)


def _sized(picture: Array, cam: Array, side_px: int) -> tuple[Array, Array]:
    """A square picture and its (4,) fx, fy, cx, cy at another size."""
    scale = side_px / picture.shape[0]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cam = np.array([cam[0] * scale, cam[1] * scale, (cam[2] + 0.5) * scale - 0.5, (cam[3] + 0.5) * scale - 0.5])
    return cv2.resize(picture, (side_px, side_px), interpolation=way), cam


def find_again(
    key: Keyframe, model: "ObjectModel", look: "Look", placement: "Placement", renderer: "Renderer"
) -> tuple[Array, Array]:
    """(M, 3) points about the centre and (M, 2) pixels of a look's crop where the keyframe's corners are found.

    Args:
        key: The keyframe.
        model: The object.
        look: The crop of the frame, drawn at ``placement``.
        placement: Where the object may be now.
        renderer: Draws the depth of the keyframe's corners.
    """
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = key.R, key.t - key.R @ model.center_m
    picture, (fx, fy, cx, cy) = _sized(key.picture, key.cam, look.observed.shape[0])
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    drawn = renderer.render(model.mesh, pose[None], K, picture.shape)
    depth, facing = drawn.depth_m[0], drawn.normal[0, ..., 2] < -_FACING
    inner = cv2.erode(((depth > 0) & facing).astype(np.uint8), _BORDER, borderValue=0)
    inner &= _drawn(drawn.rgb[0], model.mix, depth > 0)
    corners: Any = cv2.goodFeaturesToTrack(picture, _CORNERS, 0.05, 4, mask=inner, blockSize=5)
    if corners is None or len(corners) < 4:
        return np.zeros((0, 3)), np.zeros((0, 2))
    at = corners[:, 0].astype(np.int64)
    z = depth[at[:, 1], at[:, 0]].astype(np.float64)
    seen = np.column_stack([(at - [cx, cy]) / [fx, fy] * z[:, None], z])
    points = (seen - key.t) @ key.R
    now = points @ placement.R.T + placement.t
    guess = now[:, :2] / now[:, 2:] * [look.crop.K[0, 0], look.crop.K[1, 1]] + look.crop.K[:2, 2]
    found, kept = _flow(picture, look.observed, corners, guess.astype(np.float32)[:, None])
    return np.ascontiguousarray(points[kept]), found[kept].astype(np.float64)


def _drawn(rgb: Array, mix: Array, mask: Array) -> Array:
    """(S, S) uint8, 1 where the mesh itself has contrast: corners of highlights and shadows do not move with it."""
    off = cv2.absdiff(local_contrast(rgb, mix, mask), np.full(mask.shape, 128, np.uint8))
    return cv2.dilate((off > _CONTRAST).astype(np.uint8), _BORDER)


def _flow(before: Array, now: Array, corners: Array, guess: Array) -> tuple[Array, Array]:
    """(N, 2) places of corners (N, 1, 2) and (N,) bool where Lucas-Kanade finds the way there and back."""
    flags = cv2.OPTFLOW_USE_INITIAL_FLOW
    options: dict[str, Any] = {"winSize": _WINDOW, "maxLevel": 1, "criteria": _STOP, "flags": flags}
    there, ok, _ = cv2.calcOpticalFlowPyrLK(before, now, corners, guess.copy(), **options)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(now, before, there, corners.copy(), **options)
    close = np.linalg.norm((back - corners)[:, 0], axis=1) < _RETURN_PX
    return there[:, 0], close & (ok[:, 0] == 1) & (ok_back[:, 0] == 1)
