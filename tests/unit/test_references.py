"""Posed photos: every layout gives the same object, and each way they can be wrong is named."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from estimators.references import load_references
from estimators.references.checks import coverage_of
from estimators.references.hull import outline
from estimators.references.layout import references_of
from schemas import BadJob, JobObject
from tests.unit.gen6d_world import BOX_M, CAMERA, around, drawn, looking_from, photos

HALF = np.array(BOX_M) / 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(photos(), tmp_path / "photos"))


def rows_of(folder: Path) -> Any:
    return json.loads((folder / "poses.json").read_text())


def changed(folder: Path, change: Callable[[Any], object]) -> Path:
    content = rows_of(folder)
    change(content)
    (folder / "poses.json").write_text(json.dumps(content))
    return folder


def as_bop(folder: Path, to: Path, *, step_mm: float = 1000.0) -> Path:
    (to / "rgb").mkdir(parents=True)
    (to / "mask_visib").mkdir()
    cameras, truth = {}, {}
    for k, row in enumerate(rows_of(folder)["photos"]):
        shutil.copy(folder / row["file"], to / "rgb" / f"{k:06d}.png")
        shutil.copy(folder / row["mask"], to / "mask_visib" / f"{k:06d}_000000.png")
        pose = np.array(row["cam_from_obj"])
        cameras[k] = {"cam_K": CAMERA.K.ravel().tolist()}
        truth[k] = [
            {"obj_id": 3, "cam_R_m2c": pose[:, :3].ravel().tolist(), "cam_t_m2c": (pose[:, 3] * step_mm).tolist()}
        ]
    for name, content in (("scene_camera.json", cameras), ("scene_gt.json", truth)):
        (to / name).write_text(json.dumps(content))
    return to


def quaternion(R: Any) -> Any:
    w = np.sqrt(max(0.0, 1 + np.trace(R))) / 2
    if w > 1e-3:
        return np.array([w, *(np.array([R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1]]) / (4 * w))])
    axis = cv2.Rodrigues(R)[0][:, 0]
    return np.array([0, *(axis / np.linalg.norm(axis))])


def as_colmap(folder: Path, to: Path, *, binary: bool, unit_m: float = 1.0, model: str = "SIMPLE_RADIAL") -> Path:
    (to / "images").mkdir(parents=True)
    (to / "masks").mkdir()
    place = to / "sparse" / "0"
    place.mkdir(parents=True)
    values = [150.0, 80.5, 60.5, 0.0]  # its pixels count from the corner
    lines, packed = ["# images"], []
    for k, row in enumerate(rows_of(folder)["photos"]):
        shutil.copy(folder / row["file"], to / "images" / row["file"])
        shutil.copy(folder / row["mask"], to / "masks" / f"{row['file']}.png")
        pose = np.array(row["cam_from_obj"])
        numbers = [*quaternion(pose[:, :3]), *(pose[:, 3] / unit_m)]
        lines += [f"{k + 1} {' '.join(f'{x:.12f}' for x in numbers)} 1 {row['file']}", "1.0 2.0 -1"]
        packed.append(
            struct.pack("<i7di", k + 1, *numbers, 1)
            + row["file"].encode()
            + b"\0"
            + struct.pack("<Q2dq", 1, 1.0, 2.0, -1)
        )
    if binary:
        (place / "cameras.bin").write_bytes(struct.pack("<QiiQQ4d", 1, 1, 2, 160, 120, *values))
        (place / "images.bin").write_bytes(struct.pack("<Q", len(packed)) + b"".join(packed))
    else:
        (place / "cameras.txt").write_text(f"# cameras\n1 {model} 160 120 {' '.join(map(str, values))}\n")
        (place / "images.txt").write_text("\n".join(lines) + "\n")
    return to


def check_box(made: Any) -> None:
    assert len(made.photos) == 12
    assert made.center_m == pytest.approx([0, 0, 0], abs=0.004)
    # outlines from twelve sides leave more than the box; never less
    assert (made.high_m > HALF - 0.002).all()
    assert (made.high_m < HALF + 0.012).all()
    poses = np.stack([photo.cam_from_obj.matrix()[:3] for photo in made.photos])
    assert poses == pytest.approx(np.stack(around(12)), abs=1e-6)
    assert pytest.approx(CAMERA.K) == made.photos[0].K


def test_a_poses_file_gives_photos_box_and_up(folder: Path) -> None:
    made = load_references(str(folder))
    check_box(made)
    assert made.up[2] > 0.95
    assert made.positions_m() == pytest.approx(
        np.stack([-view[:, :3].T @ view[:, 3] for view in around(12)]), abs=0.005
    )
    assert load_references(f"file://{folder}") is made


def test_the_same_in_bop_layout_is_in_millimetres(folder: Path, tmp_path: Path) -> None:
    bop = as_bop(folder, tmp_path / "bop")
    check_box(load_references(str(bop)))
    check_box(load_references(f"{bop}?object=3"))
    with pytest.raises(BadJob, match=r"expected one of the objects 3; got 4"):
        load_references(f"{bop}?object=4")


@pytest.mark.parametrize("binary", [True, False])
def test_the_same_from_a_colmap_model_in_its_own_unit(folder: Path, tmp_path: Path, binary: bool) -> None:
    made = load_references(str(as_colmap(folder, tmp_path / "colmap", binary=binary, unit_m=0.25)), 0.25)
    check_box(made)


def test_a_lens_that_bends_too_much_is_refused(folder: Path, tmp_path: Path) -> None:
    made = as_colmap(folder, tmp_path / "colmap", binary=False, model="FULL_OPENCV")
    with pytest.raises(BadJob, match=r"expected a camera of model SIMPLE_PINHOLE.*got FULL_OPENCV; undistort"):
        load_references(str(made))


def test_a_known_box_and_up_are_taken(folder: Path) -> None:
    (folder / "object.json").write_text(json.dumps({"box": [(-HALF).tolist(), HALF.tolist()], "up": [0, 1, 0]}))
    made = load_references(str(folder))
    assert made.high_m == pytest.approx(HALF)
    assert made.up == pytest.approx([0, 1, 0])
    assert (np.abs(made.surface_m) <= HALF + 1e-6).all()
    changed(folder, lambda content: [row.pop("mask") for row in content["photos"]])
    shutil.rmtree(folder / "masks")
    assert load_references(str(folder)).diameter_m == pytest.approx(np.linalg.norm(BOX_M))


def test_the_hull_is_seen_where_the_masks_are(folder: Path) -> None:
    made = load_references(str(folder))
    view = looking_from(np.array([0.28, -0.25, 0.2]))
    shown = outline(made.surface_m, view, CAMERA.K, (CAMERA.height, CAMERA.width))
    _, mask = drawn(view)
    assert (shown & mask).sum() > 0.97 * mask.sum()
    assert (shown & ~mask).sum() < 0.35 * mask.sum()


WRONG: list[tuple[Callable[[Any], object], str]] = [
    (lambda content: content.update(photos=content["photos"][:2]), "a pose for each picture; without a pose: 02.png"),
    (lambda content: content["photos"][3].update(file="99.png"), "missing: 99.png"),
    (lambda content: content["photos"][3].update(cam_from_obj=[1, 2]), "cam_from_obj: expected 12 finite numbers"),
    (lambda content: content["photos"][3]["cam_from_obj"][0].__setitem__(0, 9), "expected a rotation in cam_from_obj"),
    (lambda content: content.pop("K"), "K: expected 9 finite numbers, got None"),
    (lambda content: content.pop("photos"), 'expected {"photos"'),
]


@pytest.mark.parametrize(("change", "told"), WRONG)
def test_poses_that_do_not_fit_the_photos_are_named(folder: Path, change: Any, told: str) -> None:
    with pytest.raises(BadJob) as caught:
        load_references(str(changed(folder, change)))
    assert told in str(caught.value)


def test_two_photos_are_too_few(folder: Path) -> None:
    for k in range(2, 12):
        (folder / f"{k:02d}.png").unlink()
    changed(folder, lambda content: content.update(photos=content["photos"][:2]))
    with pytest.raises(BadJob, match=r"expected 8 usable photos or more, from all sides, got 2; take more"):
        load_references(str(folder))


def test_photos_from_one_side_only_are_refused(tmp_path: Path) -> None:
    rows = []
    for k in range(9):
        view = looking_from(np.array([0.4, 0.02 * k - 0.1, 0.15]))
        picture, mask = drawn(view)
        cv2.imwrite(str(tmp_path / f"{k}.png"), picture)
        cv2.imwrite(str(tmp_path / f"{k}_mask.png"), mask * np.uint8(255))
        rows.append({"file": f"{k}.png", "mask": f"{k}_mask.png", "cam_from_obj": view.tolist()})
    (tmp_path / "poses.json").write_text(json.dumps({"K": CAMERA.K.tolist(), "photos": rows}))
    (tmp_path / "object.json").write_text(json.dumps({"box": [(-HALF).tolist(), HALF.tolist()]}))
    with pytest.raises(BadJob, match=r"expected photos from several sides, got all within \d+ degrees; walk round"):
        load_references(str(tmp_path))


@pytest.mark.parametrize(
    ("step_mm", "told"), [(1.0, r"set the unit \(ID=DIR@1000"), (1e6, r"set the unit \(ID=DIR@0.001")]
)
def test_a_wrong_scale_says_what_unit_would_do(folder: Path, tmp_path: Path, step_mm: float, told: str) -> None:
    with pytest.raises(BadJob, match=told):
        load_references(str(as_bop(folder, tmp_path / "bop", step_mm=step_mm)))


def test_black_and_blurred_photos_are_left_out_and_said(folder: Path) -> None:
    cv2.imwrite(str(folder / "02.png"), np.zeros((120, 160, 3), np.uint8))
    picture = cv2.imread(str(folder / "05.png"))
    cv2.imwrite(str(folder / "05.png"), cv2.GaussianBlur(picture, (0, 0), 6))
    made = load_references(str(folder))
    assert len(made.photos) == 10
    assert made.left_out["02.png"] == "black, or one colour all over"
    assert made.left_out["05.png"].startswith("blurred: ")
    for k in (0, 1, 3, 4):
        cv2.imwrite(str(folder / f"{k:02d}.png"), np.zeros((120, 160, 3), np.uint8))
    with pytest.raises(BadJob, match=r"got 6; take more .*black, or one colour"):
        load_references(str(folder))


def test_without_masks_and_box_nobody_knows_how_large_it_is(folder: Path) -> None:
    shutil.rmtree(folder / "masks")
    changed(folder, lambda content: [row.pop("mask") for row in content["photos"]])
    with pytest.raises(BadJob, match=r"how large the object is, by masks in 5 photos or more \(got 0\) or by its box"):
        load_references(str(folder))


def test_pictures_and_poses_of_unequal_number_in_bop_layout(folder: Path, tmp_path: Path) -> None:
    bop = as_bop(folder, tmp_path / "bop")
    (bop / "rgb" / "000004.png").unlink()
    with pytest.raises(BadJob, match=r"as many pictures as entries of scene_gt.json, got 11 and 12; .*rgb/: 4"):
        load_references(str(bop))


def test_places_that_hold_no_photos_are_refused_with_the_object(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "mesh.obj").write_text("")
    (tmp_path / "empty").mkdir()
    for uri, told in (
        (tmp_path / "none", "expected a folder with posed photos, got none"),
        (tmp_path / "mesh.obj", "got a file; an estimator that needs a mesh"),
        (tmp_path / "empty", "expected scene_gt.json and scene_camera.json"),
        (f"{folder}?object=x", "expected a number for object"),
        ("https://example.org/photos", "expected a folder"),
    ):
        with pytest.raises(BadJob, match=f"object mug: references .*{told}|object mug: references: {told}"):
            references_of(JobObject("mug", str(uri)))


def test_what_is_covered_is_measured_and_what_is_missing_named() -> None:
    above = np.array([[np.cos(a), np.sin(a), 0.7] for a in np.linspace(0, 2 * np.pi, 12, endpoint=False)])
    covered = coverage_of(above)
    assert covered.missing == ("+x", "+y", "+z", "-x", "-y", "-z")  # 35 degrees above the sides, 55 below the top
    everywhere = coverage_of(np.concatenate([np.eye(3), -np.eye(3), above, -above]))
    assert everywhere.missing == ()
    assert everywhere.share > covered.share
    assert everywhere.widest_deg == pytest.approx(180)
    assert coverage_of(np.array([[1.0, 0, 0]])).share == pytest.approx((1 - np.cos(np.radians(30))) / 2, abs=0.005)
