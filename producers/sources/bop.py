"""Recordings in BOP layout: ``bop:DIR[?objects=1,2&every=N&loop=N&rate=HZ]``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from producers.sources.base import Shot, SourceError
from producers.sources.bop_models import model_of, models_in, object_name
from producers.sources.files import pictures_in, read_depth, read_json, read_mask, read_rgb, size_of
from producers.sources.options import Address
from schemas import Camera, Pose
from schemas.arrays import Array

_MM = 1e-3
DEFAULT_RATE_HZ = 30.0  # the layout holds no times


class BopSource:
    """A recording; see ``producers.sources.base.Source``.

    Masks come with the first picture only, as a person would give them. With ``loop=N`` the recording is
    played N times, forwards and backwards in turn, so that nothing jumps. Truth is that of the first instance
    of an object in a picture; without ``scene_gt.json`` there is none, and the objects are those with a model.

    Args:
        address: ``bop:DIR`` with its options.

    Raises:
        SourceError: Not such a recording, or an object that is not in it.
    """

    def __init__(self, address: Address) -> None:
        address.only("objects", "every", "loop", "rate")
        self.name = address.text
        self.rate_hz = address.number("rate", DEFAULT_RATE_HZ)
        self._folder = Path(address.place)
        if not self._folder.is_dir():
            msg = f"{self.name}: expected a folder with rgb/ and scene_camera.json, found none"
            raise SourceError(msg)
        truth_path = self._folder / "scene_gt.json"
        self._gt: dict[int, Any] = _by_number(truth_path) if truth_path.exists() else {}
        self._cameras = _by_number(self._folder / "scene_camera.json")
        self._rgb = {_number(path): path for path in pictures_in(self._folder / "rgb")}
        self._ids = _played(sorted(self._rgb), address.whole("every", 1, 1), address.whole("loop", 1, 1))
        self._wanted = self._chosen(address)
        self.objects = tuple(model_of(self._folder, number) for number in self._wanted)
        self.camera, self.depth_unit_m = self._view(self._ids[0], size_of(self._rgb[self._ids[0]]))
        self.frame_count = len(self._ids)

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``."""
        size = (self.camera.width, self.camera.height)
        for seq in range(start, self.frame_count):
            number = self._ids[seq]
            camera, unit_m = self._view(number, size)
            depth = self._folder / "depth" / f"{number:06d}.png"
            depth_m = read_depth(depth, camera, unit_m) if depth.exists() else None
            masks = self._masks(number) if seq == 0 else None
            yield Shot(seq / self.rate_hz, read_rgb(self._rgb[number], camera), depth_m, masks, camera)

    def truth(self, seq: int) -> Mapping[str, Pose]:
        """See ``Source.truth``."""
        found: dict[str, Pose] = {}
        for row in self._rows(self._ids[seq]):
            if row["obj_id"] in self._wanted:
                found.setdefault(object_name(row["obj_id"]), self._pose(self._ids[seq], row))
        return found

    def image_id(self, seq: int) -> int:
        """See ``Source.image_id``."""
        return self._ids[seq]

    def _rows(self, number: int) -> list[dict[str, Any]]:
        """What ``scene_gt.json`` says of a picture."""
        rows = self._gt.get(number, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "obj_id" in row for row in rows):
            msg = f"{self._folder}/scene_gt.json, picture {number}: expected a list of objects with obj_id"
            raise SourceError(msg)
        return rows

    def _chosen(self, address: Address) -> list[int]:
        there = sorted({int(row["obj_id"]) for number in self._ids for row in self._rows(number)})
        there = there or models_in(self._folder)
        named = address.text_of("objects")
        if named is None:
            return there
        wanted = [int(part) for part in named.split(",") if part.isdecimal()]
        if any(number not in there for number in wanted) or len(set(wanted)) != len(named.split(",")):
            msg = f"{self.name}: expected objects among {','.join(map(str, there))}, got {named!r}"
            raise SourceError(msg)
        return wanted

    def _view(self, number: int, size: tuple[int, int]) -> tuple[Camera, float]:
        """Camera of a picture and metres in one step of its depth."""
        try:
            row = self._cameras[number]
            K = np.array(row["cam_K"], float).reshape(3, 3)
            camera = Camera(*size, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
            return camera, float(row.get("depth_scale", 1.0)) * _MM
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{self._folder}/scene_camera.json, picture {number}: expected cam_K as 9 numbers: {error!r}"
            raise SourceError(msg) from error

    def _masks(self, number: int) -> Mapping[str, Array] | None:
        masks: dict[str, Array] = {}
        for index, row in enumerate(self._rows(number)):
            path = self._folder / "mask_visib" / f"{number:06d}_{index:06d}.png"
            if row["obj_id"] in self._wanted and path.exists():
                masks.setdefault(object_name(row["obj_id"]), read_mask(path, self.camera))
        return masks or None

    def _pose(self, number: int, row: Mapping[str, Any]) -> Pose:
        try:
            rotation = np.array(row["cam_R_m2c"], float).reshape(3, 3)
            u, _, vt = np.linalg.svd(rotation)  # the files round to a few digits
            return Pose(u @ vt, np.array(row["cam_t_m2c"], float) * _MM)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{self._folder}/scene_gt.json, picture {number}: expected cam_R_m2c and cam_t_m2c: {error!r}"
            raise SourceError(msg) from error


def _played(numbers: list[int], every: int, loop: int) -> list[int]:
    kept = numbers[::every]
    return [number for turn in range(loop) for number in (kept if turn % 2 == 0 else kept[::-1])]


def _number(path: Path) -> int:
    if not path.stem.isdecimal():
        msg = f"{path}: expected a number as the picture's name"
        raise SourceError(msg)
    return int(path.stem)


def _by_number(path: Path) -> dict[int, Any]:
    try:
        return {int(number): row for number, row in read_json(path).items()}
    except ValueError as error:
        msg = f"{path}: expected numbers of pictures as keys: {error}"
        raise SourceError(msg) from error
