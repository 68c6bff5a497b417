"""Meshes of very many faces."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from PIL import Image

from estimators.mesh import file, load_mesh
from estimators.mesh.prepared import MOST_FACES, RawMesh, thinned


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSESTREAM_CACHE", str(tmp_path / "cache"))
    file.read_unchanged.cache_clear()


def ball(path: Path, subdivisions: int) -> Any:
    """A ball of 10 cm, its colour from red at the bottom to blue at the top, written to a file."""
    whole: Any = trimesh.creation.icosphere(subdivisions, 0.05)
    share = (whole.vertices[:, 2:] + 0.05) / 0.1
    colors = np.concatenate([255 * (1 - share), 0 * share, 255 * share, 0 * share + 255], axis=1).astype(np.uint8)
    whole.visual.vertex_colors = colors
    whole.export(path)
    return whole


def test_two_million_faces_become_few_and_keep_shape_and_colour(tmp_path: Path) -> None:
    ball(tmp_path / "ball.ply", 8)
    mesh = load_mesh(tmp_path / "ball.ply")
    assert len(mesh.faces) <= 1.05 * MOST_FACES
    assert mesh.closed
    radii = np.linalg.norm(mesh.vertices_m, axis=1)
    assert np.abs(radii - 0.05).max() < 0.0003
    assert mesh.colors is not None
    blue = (mesh.vertices_m[:, 2] + 0.05) / 0.1 * 255
    assert np.abs(mesh.colors[:, 2] - blue).max() < 6


def test_the_second_start_does_not_read_the_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ball(tmp_path / "ball.ply", 7)
    first = load_mesh(tmp_path / "ball.ply")
    file.read_unchanged.cache_clear()

    def refuse(path: Path) -> RawMesh:
        pytest.fail(f"{path} was read again")

    monkeypatch.setattr(file, "_load", refuse)
    again = load_mesh(tmp_path / "ball.ply")
    assert (again.vertices_m == first.vertices_m).all()
    assert (again.faces == first.faces).all()


def test_another_content_under_the_same_name_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ball.ply"
    whole = ball(path, 7)
    first = load_mesh(path)
    whole.apply_scale(1.5)
    whole.export(path)
    file.read_unchanged.cache_clear()
    assert load_mesh(path).diameter_m == pytest.approx(1.5 * first.diameter_m, rel=0.01)


def test_a_broken_cache_is_passed_over_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ball(tmp_path / "ball.ply", 7)
    load_mesh(tmp_path / "ball.ply")
    (kept,) = (tmp_path / "cache" / "meshes").iterdir()
    kept.write_bytes(b"PK nonsense")
    file.read_unchanged.cache_clear()
    assert load_mesh(tmp_path / "ball.ply").closed
    assert str(kept) in caplog.text


def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    ball(tmp_path / "ball.ply", 7)
    assert load_mesh(tmp_path / "ball.ply").closed
    assert "cannot be kept" in caplog.text


def test_texture_coordinates_stay_with_their_places() -> None:
    line = np.linspace(0.0, 1.0, 181)
    x, y = np.meshgrid(line, line)
    index = np.arange(181 * 181).reshape(181, 181)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    points = np.stack([x.ravel(), y.ravel(), 0.05 * np.sin(5 * x.ravel())], axis=1)
    uv = points[:, :2].astype(np.float32)
    few = thinned(RawMesh(points, faces, uv, None, None))
    assert len(few.faces) <= 1.05 * MOST_FACES
    assert few.uv is not None
    assert np.abs(few.uv - few.vertices[:, :2]).max() < 0.02


def test_a_small_mesh_is_left_as_it_is() -> None:
    box: Any = trimesh.creation.box()
    raw = RawMesh(np.asarray(box.vertices), np.asarray(box.faces), None, None, None)
    assert thinned(raw) is raw


def printed(folder: Path, subdivisions: int = 4) -> Path:
    """A textured plate with enough faces to be kept."""
    plate: Any = trimesh.creation.box((0.1, 0.08, 0.02))
    for _ in range(subdivisions):
        plate = plate.subdivide()
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    uv = np.clip(plate.vertices[:, :2] / [0.1, 0.08] + 0.5, 0, 1)
    plate.visual = trimesh.visual.TextureVisuals(uv, image=image)
    plate.export(folder / "plate.obj")
    return folder / "plate.obj"


def test_a_mesh_comes_back_from_the_cache_as_it_went_in_and_its_texture_belongs_to_its_content(tmp_path: Path) -> None:
    path = printed(tmp_path)
    first = load_mesh(path)
    file.read_unchanged.cache_clear()
    again = load_mesh(path)
    assert again is not first
    assert (again.name, again.closed, again.diameter_m) == (first.name, first.closed, first.diameter_m)
    for name in ("vertices_m", "faces", "normals", "uv", "texture"):
        assert (getattr(again, name) == getattr(first, name)).all()
    (picture,) = tmp_path.glob("*.png")
    Image.fromarray(np.zeros((64, 64, 3), np.uint8)).save(picture)
    file.read_unchanged.cache_clear()
    black = load_mesh(path)
    assert black.texture is not None
    assert not black.texture.any()


def test_the_unit_belongs_to_what_is_kept(tmp_path: Path) -> None:
    path = printed(tmp_path)
    assert load_mesh(path).diameter_m == pytest.approx(2 * load_mesh(path, 0.5).diameter_m)
    assert len(list((tmp_path / "cache" / "meshes").iterdir())) == 2


def test_a_missing_texture_is_said_at_every_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = printed(tmp_path)
    for picture in tmp_path.glob("*.png"):
        picture.unlink()
    for _ in range(2):
        caplog.clear()
        load_mesh(path)
        file.read_unchanged.cache_clear()
        assert "is missing" in caplog.text
