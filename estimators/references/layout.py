"""Reading an object's photos from a folder, in whichever layout it is."""

import logging
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from estimators.references.bop import bop_box, bop_photos, is_bop
from estimators.references.checks import check_size, check_view, usable_photos
from estimators.references.colmap import colmap_photos, model_in
from estimators.references.hull import LEAST_MASKS, box_surface, hull_of
from estimators.references.photos import Photo, ReferenceSet, number_list, up_of
from estimators.references.poses_file import NAME, box_in, read_json, read_poses_file
from schemas import BadJob, JobObject
from schemas.arrays import Array

_LOG = logging.getLogger("posestream.estimators")
_SAYS = "object.json"
"""Beside any layout: the object's box and up, where somebody knows better."""


def references_of(item: JobObject) -> ReferenceSet:
    """The photos of a job's object: its ``model_uri`` is a folder, ``DIR`` or ``DIR?object=N``.

    Raises:
        BadJob: See ``load_references``; the object is named.
    """
    try:
        return load_references(item.model_uri, item.model_unit_m)
    except BadJob as error:
        msg = f"object {item.object_id}: {error}"
        raise BadJob(msg) from error


def load_references(uri: str, unit_m: float = 1.0) -> ReferenceSet:
    """An object by its photos, checked; from memory where no file of the folder changed.

    Args:
        uri: A folder, as a path or ``file:`` address, in BOP layout, with a COLMAP model, or with ``poses.json``;
            ``?object=N`` names the object of a BOP recording that has several.
        unit_m: Metres in one unit of its translations; of BOP layout, what its millimetres are to be taken by.

    Raises:
        BadJob: It is none of these, something is missing in it, or the photos will not do; what to do is said.
    """
    folder, number = _named(uri)
    return _loaded(folder.resolve(), number, unit_m, _state_of(folder))


def posed_photos(uri: str, unit_m: float = 1.0) -> tuple[Photo, ...]:
    """The usable photos of an object, wherever they were taken from; see ``load_references``.

    Raises:
        BadJob: No such folder, something is missing in it, or too few are usable.
    """
    folder, number = _named(uri)
    photos, left_out, _ = _read(folder, number, unit_m)
    return usable_photos(f"references {folder}", photos, left_out)[0]


def told_box(uri: str, unit_m: float = 1.0) -> tuple[Array, Array] | None:
    """The corners (3,) of an object's box, metres, as ``object.json`` or ``models_info.json`` has them; None without.

    Raises:
        BadJob: As ``posed_photos``.
    """
    folder, number = _named(uri)
    return box_in(_said(folder), str(folder / _SAYS), unit_m) or _read(folder, number, unit_m)[2]


def _said(folder: Path) -> dict[str, Any]:
    """What ``object.json`` says; nothing where there is none."""
    return read_json(folder / _SAYS) if (folder / _SAYS).is_file() else {}


def _named(uri: str) -> tuple[Path, int | None]:
    """The folder and the object's number that an address names."""
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file") and len(parts.scheme) > 1:
        msg = f"references: expected a folder, got {uri}"
        raise BadJob(msg)
    folder = Path(unquote(parts.path) if parts.scheme == "file" else uri.partition("?")[0])
    if not folder.is_dir():
        what = "a file; an estimator that needs a mesh takes that" if folder.is_file() else "none"
        msg = f"references {folder}: expected a folder with posed photos, got {what}"
        raise BadJob(msg)
    number = parse_qs(parts.query).get("object", [""])[0]
    if number and not number.isdecimal():
        msg = f"references {uri}: expected a number for object, got {number!r}"
        raise BadJob(msg)
    return folder, int(number) if number else None


def _state_of(folder: Path) -> tuple[int, int]:
    """What changes when a file of a folder does."""
    stats = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return len(stats), max((stat.st_mtime_ns for stat in stats), default=0)


@lru_cache(maxsize=32)
def _loaded(folder: Path, number: int | None, unit_m: float, _state: tuple[int, int]) -> ReferenceSet:
    name = f"references {folder}"
    photos, left_out, box = _read(folder, number, unit_m)
    kept, left_out = usable_photos(name, photos, left_out)
    says = _said(folder)
    box = box_in(says, str(folder / _SAYS), unit_m) or box
    up = number_list(says["up"], 3, f"{folder / _SAYS}: up") if "up" in says else up_of(kept)
    masked = sum(photo.mask is not None for photo in kept)
    if masked >= LEAST_MASKS or box is None:
        low, high, surface = hull_of(name, kept)
        told = "its masks"
        if box is not None:
            (low, high), told = box, "object.json or models_info.json"
            surface = surface.clip(*box).astype(surface.dtype)
    else:
        (low, high), told = box, "object.json or models_info.json"
        surface = box_surface(low, high)
    made = ReferenceSet(name, kept, low, high, up, surface, left_out, told)
    check_size(name, made.diameter_m, unit_m)
    covered = check_view(made)
    _LOG.info("%s: %d photos, %.0f %% of all directions", name, len(kept), 100 * covered.share)
    return made


def _read(
    folder: Path, number: int | None, unit_m: float
) -> tuple[list[Photo], dict[str, str], tuple[Array, Array] | None]:
    """Photos, those left out with the reason, and the box where the layout knows it."""
    if is_bop(folder):
        photos, left_out = bop_photos(folder, number, unit_m)
        return photos, left_out, bop_box(folder, number, unit_m)
    if (folder / NAME).is_file():
        return read_poses_file(folder, unit_m), {}, box_in(read_json(folder / NAME), str(folder / NAME), unit_m)
    if model_in(folder) is not None:
        return colmap_photos(folder, unit_m), {}, None
    msg = (
        f"references {folder}: expected scene_gt.json and scene_camera.json (BOP), a COLMAP model, or poses.json, got "
        "none of them; photos with a printed board get one by posestream objects add"
    )
    raise BadJob(msg)
