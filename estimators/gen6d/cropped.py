"""References as Gen6D takes them, from an object's photos; of each picture only what is about the object is kept."""

import numpy as np

from estimators.gen6d.geometry import camera_position, focal, projected
from estimators.gen6d.references import References
from estimators.references import Photo, ReferenceSet
from schemas.arrays import Array

_REACH = 1.8
"""Half of what is kept over the radius of the object's circle: a crop's corner is at 1.49 of it, seen at a slant a
little further."""


def references_from(made: ReferenceSet) -> References:
    """Pictures, cameras and poses of an object's photos, metres."""
    parts = [_about(photo, made) for photo in made.photos]
    poses = np.stack([photo.cam_from_obj.matrix()[:3] for photo in made.photos]).astype(np.float32)
    pictures = tuple(picture for picture, _ in parts)
    return References(pictures, np.stack([K for _, K in parts]), poses, made.center_m, made.up, made.diameter_m)


def _about(photo: Photo, made: ReferenceSet) -> tuple[Array, Array]:
    """The part of a photo about the object, and K (3, 3) float32 of it."""
    picture, pose = photo.picture(), photo.cam_from_obj.matrix()[:3]
    (middle,), _ = projected(made.center_m[None], pose, photo.K)
    distance = float(np.linalg.norm(camera_position(pose) - made.center_m))
    slant = float(np.hypot(1, np.linalg.norm((middle - photo.K[:2, 2]) / focal(photo.K))))
    half = _REACH * slant**2 * focal(photo.K) * made.diameter_m / 2 / distance
    size = np.array(picture.shape[1::-1])
    low = np.clip(np.floor(middle - half), 0, size - 1).astype(int)
    high = np.clip(np.ceil(middle + half), low + 1, size).astype(int)
    K = photo.K.copy()
    K[:2, 2] -= low
    return np.ascontiguousarray(picture[low[1] : high[1], low[0] : high[0]]), K.astype(np.float32)
