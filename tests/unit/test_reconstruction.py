"""Meshes from drawn photos of a box whose size is known, and each way the photos can be wrong."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from estimators.mesh import load_mesh
from estimators.reconstruction import Reconstruction, View, reconstruct, surface_of
from estimators.reconstruction.clean import Surface
from estimators.reconstruction.cutting import cut_out
from estimators.reconstruction.files import write_mesh
from estimators.reconstruction.nets import surface_net
from estimators.rendering import CpuRenderer
from posestream.objects_commands import app
from schemas import BadJob, Camera
from schemas.arrays import Array
from tests.unit.estimators_scene import write_box
from tests.unit.gen6d_world import looking_from

BOX_M = (0.06, 0.1, 0.14)
CAMERA = Camera(240, 180, 260.0, 260.0, 120.0, 90.0)


def photo(folder: Path, position_m: Array, *, depth: bool = False) -> View:
    pose = np.eye(4)
    pose[:3] = looking_from(position_m)
    box = load_mesh(
        write_box(folder / "box.obj", BOX_M, 2) if not (folder / "box.obj").exists() else folder / "box.obj"
    )
    drawn = CpuRenderer().render(box, pose[None].astype(np.float32), CAMERA.K, (CAMERA.height, CAMERA.width))
    mask = drawn.depth_m[0] > 0
    behind = np.where(mask, drawn.depth_m[0], np.float32(1.5))
    return View("p", drawn.rgb[0], CAMERA.K, pose, behind if depth else None, mask)


def ring(
    folder: Path, *, elevations_deg: tuple[float, ...] = (20, 50), depth: bool = False, count: int = 10
) -> list[View]:
    """Photos from round about and above, as of a thing that stands on a table."""
    angles = 2 * np.pi * (np.arange(count) + 0.3) / count
    rises = np.radians(elevations_deg)
    return [
        photo(folder, 0.45 * np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)]), depth=depth)
        for e in rises
        for a in angles + e
    ]


def made(views: list[View], cells: int = 64) -> Reconstruction:
    return reconstruct("box", views, lambda _step, _done, _total: None, cells)


def from_box_m(points_m: Array) -> Array:
    """(N,) distances from the true box's surface."""
    beyond = np.abs(points_m) - np.array(BOX_M) / 2
    outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
    return np.abs(outside + np.minimum(beyond.max(axis=1), 0))


def middles(result: Reconstruction) -> Array:
    return result.mesh.vertices_m[result.mesh.faces].mean(axis=1).astype(np.float64)


def before_a_floor(view: View) -> View:
    """The same with a speckled grey behind it; the drawn one is black there."""
    assert view.mask is not None
    floor = np.random.default_rng(3).integers(90, 130, view.rgb.shape).astype(np.uint8)
    return replace(view, rgb=np.where(view.mask[..., None], view.rgb, floor), mask=None)


@pytest.mark.parametrize("depth", [False, True])
def test_a_mask_is_cut_out_of_the_box(tmp_path: Path, *, depth: bool) -> None:
    for view in ring(tmp_path, count=3, depth=depth):
        half = np.array(BOX_M) / 2
        found = cut_out(before_a_floor(view), -half, half).mask
        assert found is not None
        assert view.mask is not None
        assert (found & view.mask).sum() / (found | view.mask).sum() > 0.9


def test_no_mask_is_cut_out_where_the_box_is_not_in_the_picture(tmp_path: Path) -> None:
    view = before_a_floor(ring(tmp_path, count=1)[0])
    assert cut_out(view, np.array([3.0, 3, 3]), np.array([3.1, 3.1, 3.1])).mask is None
    behind = np.linalg.inv(view.cam_from_obj)[:3, 3] * 2
    assert cut_out(view, behind - 0.01, behind + 0.01).mask is None


def test_a_surface_net_of_a_ball_is_closed_looks_outwards_and_has_its_volume() -> None:
    at = np.stack(np.meshgrid(*[np.arange(24.0)] * 3, indexing="ij"), axis=-1) - 11.6
    points, faces = surface_net((np.linalg.norm(at, axis=-1) - 8).astype(np.float32), np.ones((24,) * 3, np.bool_))
    a, b, c = (points[faces[:, k]] for k in range(3))
    volume = float((a * np.cross(b, c)).sum() / 6)
    assert volume == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.03)
    edges = faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    assert len(np.unique(edges, axis=0)) == len(edges)  # each directed edge once
    assert {tuple(e) for e in edges} == {tuple(e) for e in edges[:, ::-1]}  # and once the other way
    assert np.abs(np.linalg.norm(points - 11.6, axis=1) - 8).max() < 0.3


@pytest.fixture(scope="module")
def outlined(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[View], Reconstruction]:
    """Twenty photos without depth, and the mesh from them."""
    views = ring(tmp_path_factory.mktemp("outlined"))
    return views, made(views)


def test_outlines_give_a_closed_box_that_ends_where_it_stood(outlined: tuple[list[View], Reconstruction]) -> None:
    _, result = outlined
    assert result.mesh.closed
    assert from_box_m(middles(result)).mean() < 0.0015
    assert result.mesh.vertices_m[:, 2].min() > -BOX_M[2] / 2 - 0.006  # without the cone below it, 20 mm deep
    assert result.quality.depth_error_mm is None
    assert result.quality.overlap > 0.95


def test_depth_gives_the_sides_that_were_seen_and_leaves_the_rest_open(tmp_path: Path) -> None:
    result = made(ring(tmp_path, elevations_deg=(30,), depth=True, count=6))
    assert not result.mesh.closed
    assert from_box_m(middles(result)).mean() < 0.0015
    normals, areas = Surface(result.mesh.vertices_m.astype(np.float64), result.mesh.faces).face_normals()
    assert areas[normals[:, 2] < -0.8].sum() < 0.1 * BOX_M[0] * BOX_M[1]  # nothing made up below
    assert areas[normals[:, 2] > 0.9].sum() > 0.7 * BOX_M[0] * BOX_M[1]  # seen from outside, thus wound outwards
    assert result.quality.depth_error_mm == pytest.approx(0, abs=1)


def test_the_texture_is_that_of_the_photos_and_survives_the_file(
    outlined: tuple[list[View], Reconstruction], tmp_path: Path
) -> None:
    views, result = outlined
    mesh = load_mesh(write_mesh(result.mesh, tmp_path / "out"))
    for view in (views[2], views[13]):
        drawn = CpuRenderer().render(mesh, view.cam_from_obj[None].astype(np.float32), view.K, view.size_px)
        both = (drawn.depth_m[0] > 0) & (view.mask if view.mask is not None else False)
        alike = np.corrcoef(drawn.rgb[0][both].ravel(), view.rgb[both].ravel())[0, 1]
        assert alike > 0.85  # the true box drawn 3 px aside: below 0.7


def test_one_wrong_mask_of_many_does_no_harm(tmp_path: Path) -> None:
    views = ring(tmp_path, elevations_deg=(15, 40, 60), count=11)
    assert views[4].mask is not None
    wrong = np.zeros_like(views[4].mask)
    wrong[80:100, 110:130] = True
    views[4] = replace(views[4], mask=wrong)
    _, _, surface = surface_of("box", views, lambda _step, _done, _total: None, 64)
    assert from_box_m(surface.points_m[surface.faces].mean(axis=1)).mean() < 0.002


def kept_in(folder: Path, views: list[View]) -> Path:
    rows: list[dict[str, object]] = []
    folder.mkdir()
    for k, view in enumerate(views):
        assert view.mask is not None
        assert view.depth_m is not None
        names = {"file": f"{k}.png", "mask": f"{k}_mask.png", "depth": f"{k}_depth.png"}
        pictures = (view.rgb[..., ::-1], view.mask * np.uint8(255), np.rint(view.depth_m * 5000).astype(np.uint16))
        for name, picture in zip(names.values(), pictures, strict=True):
            cv2.imwrite(str(folder / name), picture)
        rows.append({**names, "depth_unit_m": 0.0002, "cam_from_obj": view.cam_from_obj[:3].tolist()})
    (folder / "poses.json").write_text(json.dumps({"K": CAMERA.K.tolist(), "photos": rows}))
    return folder


def test_the_command_makes_a_mesh_of_an_object_that_was_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = kept_in(tmp_path / "photos", ring(tmp_path, depth=True, count=5))
    for words in (["add", "box", "--references", str(folder)], ["mesh", "box", "--cells", "48"]):
        answer = CliRunner().invoke(app, words)
        assert answer.exit_code == 0, answer.output
    place = tmp_path / "data" / "posestream" / "objects" / "box" / "mesh"
    assert json.loads((place / "quality.json").read_text())["means"] == "depth"
    assert from_box_m(load_mesh(place / "mesh.obj").vertices_m.astype(np.float64)).mean() < 0.002


def test_a_folder_that_was_not_added_needs_a_place_for_its_mesh(tmp_path: Path) -> None:
    answer = CliRunner().invoke(app, ["mesh", str(tmp_path)])
    assert answer.exit_code == 2
    assert "--out" in answer.output


def test_two_photos_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=r"got 2 with a mask and 0 of them with depth.*take more photos"):
        made(ring(tmp_path)[:2])


def test_photos_from_one_side_are_refused_without_depth(tmp_path: Path) -> None:
    one = [photo(tmp_path, 0.45 * np.array([np.cos(a), np.sin(a), 0.3])) for a in np.linspace(0, 0.5, 14)]
    with pytest.raises(BadJob, match=r"got all within 2. degrees.*walk round it"):
        made(one)


def test_black_photos_and_missing_masks_are_counted(tmp_path: Path) -> None:
    views = ring(tmp_path)
    dark = [replace(view, rgb=np.zeros_like(view.rgb)) for view in views[:6]]
    bare = [replace(view, mask=None) for view in views[6:12]]
    with pytest.raises(BadJob, match="6 of 20 are black; 6 of 20 are without a mask"):
        made(dark + bare + views[12:])


def test_poses_in_millimetres_beside_another_unit_or_of_other_photos_are_told(tmp_path: Path) -> None:
    views = ring(tmp_path)
    mixed = [replace(view, cam_from_obj=views[(k * 7 + 5) % 20].cam_from_obj) for k, view in enumerate(views)]
    with pytest.raises(BadJob, match="check"):
        made([replace(view, mask=np.roll(view.mask, 60 * (-1) ** k, axis=1)) for k, view in enumerate(mixed)])
