"""Recordings in BOP layout: ``bop:DIR[?objects=1,2&every=N&loop=N&rate=HZ]``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from producers.sources.base import Shot, SourceError
from producers.sources.files import pictures_in, read_depth, read_json, read_mask, read_rgb, size_of
from producers.sources.options import Address
from schemas import Camera, ContinuousSymmetry, JobObject, Pose, Symmetries

_MM = 1e-3
DEFAULT_RATE_HZ = 30.0  # the layout holds no times


class BopSource:
    """A recording; see ``producers.sources.base.Source``.

    Masks come with the first picture only, as a person would give them. With ``loop=N`` the recording is
    played N times, forwards and backwards in turn, so that nothing jumps.

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
        self._gt: dict[int, list[dict[str, Any]]] = _by_number(self._folder / "scene_gt.json")
        self._cameras = _by_number(self._folder / "scene_camera.json")
        self._rgb = {int(path.stem): path for path in pictures_in(self._folder / "rgb")}
        self._ids = _played(sorted(self._rgb), address.whole("every", 1, 1), address.whole("loop", 1, 1))
        self._wanted = self._chosen(address)
        self.objects = tuple(self._object(number) for number in self._wanted)
        self.depth_unit_m = float(self._cameras[self._ids[0]].get("depth_scale", 1.0)) * _MM
        self.camera = self._camera(self._ids[0], size_of(self._rgb[self._ids[0]]))
        self.frame_count = len(self._ids)

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``."""
        for seq in range(start, self.frame_count):
            number = self._ids[seq]
            camera = self._camera(number, (self.camera.width, self.camera.height))
            if camera != self.camera:
                msg = f"{self.name}: expected one camera, picture {number} has {camera}, the first {self.camera}"
                raise SourceError(msg)
            depth = self._folder / "depth" / f"{number:06d}.png"
            depth_m = read_depth(depth, camera, self.depth_unit_m) if depth.exists() else None
            masks = self._masks(number) if seq == 0 else None
            yield Shot(seq / self.rate_hz, read_rgb(self._rgb[number], camera), depth_m, masks)

    def truth(self, seq: int) -> Mapping[str, Pose]:
        """See ``Source.truth``."""
        rows = self._gt.get(self._ids[seq], [])
        return {object_name(row["obj_id"]): _pose(row) for row in rows if row["obj_id"] in self._wanted}

    def image_id(self, seq: int) -> int:
        """See ``Source.image_id``."""
        return self._ids[seq]

    def _chosen(self, address: Address) -> list[int]:
        there = sorted({row["obj_id"] for number in self._ids for row in self._gt.get(number, [])})
        named = address.text_of("objects")
        if named is None:
            return there
        wanted = [int(part) for part in named.split(",") if part.isdigit()]
        if not wanted or any(number not in there for number in wanted) or len(wanted) != len(named.split(",")):
            msg = f"{self.name}: expected objects among {','.join(map(str, there))}, got {named!r}"
            raise SourceError(msg)
        return wanted

    def _camera(self, number: int, size: tuple[int, int]) -> Camera:
        K = np.array(self._cameras[number]["cam_K"], float).reshape(3, 3)
        try:
            return Camera(*size, float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2]))
        except ValueError as error:
            msg = f"{self._folder}/scene_camera.json, picture {number}: {error}"
            raise SourceError(msg) from error

    def _masks(self, number: int) -> Mapping[str, Any] | None:
        masks: dict[str, Any] = {}
        for index, row in enumerate(self._gt.get(number, [])):
            path = self._folder / "mask_visib" / f"{number:06d}_{index:06d}.png"
            if row["obj_id"] in self._wanted and path.exists():
                masks[object_name(row["obj_id"])] = read_mask(path, self.camera)
        return masks or None

    def _object(self, number: int) -> JobObject:
        info_path = self._folder / "models" / "models_info.json"
        info = read_json(info_path).get(str(number), {}) if info_path.exists() else {}
        in_metres = sorted(self._folder.glob(f"mesh/obj_{number:06d}*/mesh.obj"))
        in_mm = self._folder / "models" / f"obj_{number:06d}.ply"
        if not in_metres and not in_mm.exists():
            msg = f"{self.name}: expected mesh/obj_{number:06d}_NAME/mesh.obj or models/{in_mm.name}, found neither"
            raise SourceError(msg)
        path, unit_m = (in_metres[0], 1.0) if in_metres else (in_mm, _MM)
        return JobObject(object_name(number), str(path.resolve()), unit_m, symmetries_from(info))


def object_name(number: int) -> str:
    """The object_id of a BOP object number."""
    return f"obj_{number:06d}"


def symmetries_from(info: Mapping[str, Any]) -> Symmetries:
    """Symmetries of one object in BOP's models_info.json (millimetres) in metres."""
    discrete: list[Any] = []
    for row in info.get("symmetries_discrete", []):
        matrix = np.array(row, float).reshape(4, 4)
        matrix[:3, 3] *= _MM
        discrete.append(matrix)
    axes = [
        ContinuousSymmetry(np.array(row["axis"], float), np.array(row["offset"], float) * _MM)
        for row in info.get("symmetries_continuous", [])
    ]
    return Symmetries(tuple(discrete), tuple(axes))


def _played(numbers: list[int], every: int, loop: int) -> list[int]:
    kept = numbers[::every]
    return [number for turn in range(loop) for number in (kept if turn % 2 == 0 else kept[::-1])]


def _pose(row: Mapping[str, Any]) -> Pose:
    rotation = np.array(row["cam_R_m2c"], float).reshape(3, 3)
    u, _, vt = np.linalg.svd(rotation)  # the files round to a few digits
    return Pose(u @ vt, np.array(row["cam_t_m2c"], float) * _MM)


def _by_number(path: Path) -> dict[int, Any]:
    return {int(number): row for number, row in read_json(path).items()}
