"""What pictures alone do not tell: intrinsics, depth, the object and its first mask."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from producers.sources.base import SourceError
from producers.sources.files import read_depth, read_json, read_mask
from producers.sources.options import Address
from schemas import Camera, JobObject
from schemas.arrays import Array
from schemas.depth import check_unit

OPTIONS = ("intrinsics", "depth", "mesh", "unit", "object", "mask")


class Extras:
    """The options that ``video:`` and ``images:`` share.

    Args:
        address: With ``intrinsics=FILE`` (JSON with fx, fy, cx, cy in pixels, or K as 3x3 or 9 numbers; optional
            width, height and depth_unit_m, 0.001 by default), ``depth=DIR`` of 16-bit PNG files, ``mesh=FILE``
            with ``unit=`` metres in one of its units, ``object=`` its id, ``mask=FILE`` of the first picture.
        size: Width and height of the pictures.

    Raises:
        SourceError: No intrinsics, or a file that is missing or wrong.
    """

    def __init__(self, address: Address, size: tuple[int, int]) -> None:
        named = address.text_of("intrinsics")
        if named is None:
            msg = f"{address.text}: expected intrinsics=FILE, a JSON file with fx, fy, cx and cy in pixels"
            raise SourceError(msg)
        path = Path(named)
        content = read_json(path)
        self.camera = _camera(path, content, size)
        self.depth_unit_m = _unit_m(path, content)
        depth = address.text_of("depth")
        self._depth = None if depth is None else Path(depth)
        if self._depth is not None and not self._depth.is_dir():
            msg = f"{address.text}: expected depth to be a folder, found none at {self._depth}"
            raise SourceError(msg)
        self.objects = _objects(address)
        self._mask = address.text_of("mask")

    def expect_depth(self, stems: Sequence[str]) -> None:
        """Raise SourceError where there is a depth folder and not one of these pictures has its file in it."""
        if self._depth is not None and not any((self._depth / f"{stem}.png").exists() for stem in stems):
            msg = f"{self._depth}: expected depth images with the pictures' names, such as {stems[0]}.png, found none"
            raise SourceError(msg)

    def depth_m(self, stem: str) -> Array | None:
        """The depth of the picture ``stem`` in metres; None without a depth folder or its file."""
        path = None if self._depth is None else self._depth / f"{stem}.png"
        return read_depth(path, self.camera, self.depth_unit_m) if path is not None and path.exists() else None

    def masks(self, seq: int) -> Mapping[str, Array] | None:
        """The mask of the first picture, where one was given."""
        if seq > 0 or self._mask is None or not self.objects:
            return None
        return {self.objects[0].object_id: read_mask(Path(self._mask), self.camera)}


def _camera(path: Path, content: Mapping[str, object], size: tuple[int, int]) -> Camera:
    wanted = (content.get("width", size[0]), content.get("height", size[1]))
    if wanted != size:
        msg = f"{path}: says {wanted[0]}x{wanted[1]}, the pictures are {size[0]}x{size[1]}"
        raise SourceError(msg)
    try:
        if "K" in content:
            K = [float(str(value)) for value in _flat(content["K"])]
            if len(K) != 9:
                msg = f"{path}: expected 9 numbers in K, got {len(K)}"
                raise SourceError(msg)
            return Camera(*size, K[0], K[4], K[2], K[5])
        return Camera(*size, *(float(str(content[name])) for name in ("fx", "fy", "cx", "cy")))
    except (KeyError, ValueError, TypeError, IndexError) as error:
        msg = f"{path}: expected fx, fy, cx and cy in pixels, or K as 3x3: {error}"
        raise SourceError(msg) from error


def _unit_m(path: Path, content: Mapping[str, object]) -> float:
    try:
        unit_m = float(str(content.get("depth_unit_m", 0.001)))
        check_unit(unit_m)
    except ValueError as error:
        msg = f"{path}: depth_unit_m: {error}"
        raise SourceError(msg) from error
    return unit_m


def _flat(value: object) -> list[object]:
    rows: list[object] = list(value) if isinstance(value, list) else [value]
    return [number for row in rows for number in (list(row) if isinstance(row, list) else [row])]


def _objects(address: Address) -> tuple[JobObject, ...]:
    mesh = address.text_of("mesh")
    if mesh is None:
        return ()
    if not Path(mesh).is_file():
        msg = f"{address.text}: expected mesh to be a file, found none at {mesh}"
        raise SourceError(msg)
    name = address.text_of("object") or Path(mesh).stem
    try:
        return (JobObject(name, str(Path(mesh).resolve()), address.number("unit", 1.0)),)
    except ValueError as error:
        msg = f"{address.text}: {error}; name it with object=ID"
        raise SourceError(msg) from error
