"""Photos with a COLMAP model beside them: ``cameras`` and ``images`` as text or binary files."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from estimators.references.photos import Photo
from schemas import BadJob, Pose
from schemas.arrays import Array

_PLACES = (".", "sparse/0", "sparse", "colmap/sparse/0")
_MODELS = ("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV")
"""COLMAP's camera models 0 to 4, in its order; those beyond them are for lenses that bend too much."""
_NUMBERS = (3, 4, 4, 5, 8)


@dataclass(frozen=True, slots=True, eq=False)
class ColmapCamera:
    """K (3, 3) in pixels with pixel centres at integers, and k1, k2, p1, p2 of OpenCV's distortion."""

    K: Array
    distortion: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class ColmapImage:
    """A picture's name, its camera's number, and camera from world in the model's unit."""

    name: str
    camera: int
    rotation: Array
    translation: Array


def model_in(folder: Path) -> Path | None:
    """Where a COLMAP model lies in or below a folder; None where there is none."""
    for place in _PLACES:
        for suffix in (".bin", ".txt"):
            if all((folder / place / f"{name}{suffix}").is_file() for name in ("cameras", "images")):
                return folder / place
    return None


def colmap_photos(folder: Path, unit_m: float) -> list[Photo]:
    """The photos that COLMAP placed.

    Args:
        folder: With the model and the pictures, in it or in ``images/``; masks in ``masks/NAME.png``, where there are.
        unit_m: Metres in one unit of the model, which knows of no metres itself.

    Raises:
        BadJob: Unreadable, a camera model with strong distortion, or pictures that are missing.
    """
    place = model_in(folder)
    if place is None:
        msg = f"{folder}: expected a COLMAP model (cameras and images, .txt or .bin), got none"
        raise BadJob(msg)
    try:
        cameras, images = _binary(place) if (place / "cameras.bin").is_file() else _text(place)
    except (OSError, ValueError, IndexError, struct.error) as error:
        msg = f"{place}: expected a COLMAP model, got {type(error).__name__}: {error}"
        raise BadJob(msg) from error
    photos: list[Photo] = []
    for image in images:
        path = next((at for at in (folder / "images" / image.name, folder / image.name) if at.is_file()), None)
        if path is None or image.camera not in cameras:
            what = f"the picture {image.name}" if path is None else f"camera {image.camera} of {image.name}"
            msg = f"{folder}: expected {what} that the COLMAP model names, found none"
            raise BadJob(msg)
        camera, mask = cameras[image.camera], folder / "masks" / f"{image.name}.png"
        pose = Pose(image.rotation, image.translation * unit_m)
        photos.append(Photo(path, camera.K, pose, mask if mask.is_file() else None, camera.distortion))
    return sorted(photos, key=lambda photo: photo.path.name)


def _text(place: Path) -> tuple[dict[int, ColmapCamera], list[ColmapImage]]:
    cameras: dict[int, ColmapCamera] = {}
    for line in _lines(place / "cameras.txt"):
        number, model, _, _, *values = line.split()
        if model not in _MODELS:
            _refuse(place, model)
        cameras[int(number)] = _camera(_MODELS.index(model), [float(value) for value in values])
    images: list[ColmapImage] = []
    for line in list(_lines(place / "images.txt", keep_empty=True))[::2]:  # every second line lists points
        _, *numbers, camera, name = line.split(maxsplit=9)
        images.append(_image(name.strip(), int(camera), [float(number) for number in numbers]))
    return cameras, images


def _lines(path: Path, *, keep_empty: bool = False) -> Iterator[str]:
    for line in path.read_text().splitlines():
        if not line.startswith("#") and (keep_empty or line.strip()):
            yield line


def _binary(place: Path) -> tuple[dict[int, ColmapCamera], list[ColmapImage]]:
    data, at = (place / "cameras.bin").read_bytes(), 8
    cameras: dict[int, ColmapCamera] = {}
    for _ in range(struct.unpack_from("<Q", data)[0]):
        number, model = struct.unpack_from("<ii", data, at)
        if not 0 <= model < len(_MODELS):
            _refuse(place, f"number {model}")
        values = struct.unpack_from(f"<{_NUMBERS[model]}d", data, at + 24)
        cameras[number] = _camera(model, list(values))
        at += 24 + 8 * len(values)
    data, at = (place / "images.bin").read_bytes(), 8
    images: list[ColmapImage] = []
    for _ in range(struct.unpack_from("<Q", data)[0]):
        numbers = struct.unpack_from("<7d", data, at + 4)
        (camera,) = struct.unpack_from("<i", data, at + 60)
        end = data.index(0, at + 64)
        images.append(_image(data[at + 64 : end].decode(), camera, list(numbers)))
        (points,) = struct.unpack_from("<Q", data, end + 1)
        at = end + 9 + 24 * points
    return cameras, images


def _camera(model: int, values: list[float]) -> ColmapCamera:
    """COLMAP counts pixels from the corner of the first one; we from its centre."""
    fx, fy, rest = (values[0], values[1], values[2:]) if model in (1, 4) else (values[0], values[0], values[1:])
    cx, cy, *bent = rest
    k1, k2, p1, p2 = [*bent, 0.0, 0.0, 0.0, 0.0][:4]
    return ColmapCamera(np.array([[fx, 0, cx - 0.5], [0, fy, cy - 0.5], [0, 0, 1]]), (k1, k2, p1, p2))


def _image(name: str, camera: int, numbers: list[float]) -> ColmapImage:
    w, x, y, z = np.array(numbers[:4]) / np.linalg.norm(numbers[:4])
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return ColmapImage(name, camera, rotation, np.array(numbers[4:7]))


def _refuse(place: Path, model: str) -> None:
    msg = f"{place}: expected a camera of model {', '.join(_MODELS)}, got {model}; undistort the pictures with COLMAP"
    raise BadJob(msg)
