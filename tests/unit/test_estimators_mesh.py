import logging
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from estimators.mesh import Mesh, load_mesh, load_object
from schemas import BadJob, JobObject

CUBE = """v -1 -1 -1\nv 1 -1 -1\nv 1 1 -1\nv -1 1 -1\nv -1 -1 1\nv 1 -1 1\nv 1 1 1\nv -1 1 1
f 1 4 3\nf 1 3 2\nf 5 6 7\nf 5 7 8\nf 1 2 6\nf 1 6 5\nf 3 4 8\nf 3 8 7\nf 1 5 8\nf 1 8 4\nf 2 3 7\nf 2 7 6
"""


def cube_file(folder: Path, text: str = CUBE) -> Path:
    path = folder / "cube.obj"
    path.write_text(text)
    return path


def test_a_file_in_centimetres_comes_out_in_metres(tmp_path: Path) -> None:
    mesh = load_mesh(cube_file(tmp_path), 0.01)
    assert mesh.diameter_m == pytest.approx(0.02 * 3**0.5, rel=1e-6)
    assert mesh.closed
    assert mesh.center_m == pytest.approx([0, 0, 0], abs=1e-9)


def test_a_cube_keeps_one_normal_a_side_and_they_point_outwards(tmp_path: Path) -> None:
    mesh = load_mesh(cube_file(tmp_path), 0.01)
    assert len(mesh.vertices_m) == 24
    assert np.abs(mesh.normals).max(axis=1) == pytest.approx(1.0)
    assert (np.einsum("ij,ij->i", mesh.normals, mesh.vertices_m) > 0).all()


def test_an_inside_out_mesh_is_turned() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=2, radius=0.1)
    mesh = Mesh.build(sphere.vertices, sphere.faces[:, ::-1])
    assert mesh.closed
    assert (np.einsum("ij,ij->i", mesh.normals, mesh.vertices_m) > 0.099).all()


def test_a_mesh_with_a_hole_is_not_closed() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=1, radius=0.1)
    assert not Mesh.build(sphere.vertices, sphere.faces[1:]).closed


def test_smooth_normals_of_a_sphere_are_its_radii() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    mesh = Mesh.build(sphere.vertices, sphere.faces)
    cosine = np.einsum("ij,ij->i", mesh.normals, mesh.vertices_m / np.float32(0.1))
    assert cosine.min() > 0.999
    assert mesh.diameter_m == pytest.approx(0.2, rel=5e-4)


def test_millimetres_taken_for_metres_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=r"looks like millimetres: set model_unit_m=0\.001"):
        load_mesh(cube_file(tmp_path, CUBE.replace("1 ", "90 ").replace("1\n", "90\n").replace("f 90", "f 1")), 1.0)


def test_metres_taken_for_millimetres_are_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match=r"set model_unit_m=1"):
        load_mesh(cube_file(tmp_path), 0.001)


@pytest.mark.parametrize("text", ["", "v 0 0 0\n", "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n"])
def test_a_file_without_a_usable_triangle_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadJob, match=r"cube\.obj"):
        load_mesh(cube_file(tmp_path, text))


def test_a_missing_file_and_a_foreign_suffix_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadJob, match="No such file"):
        load_mesh(tmp_path / "none.ply")
    (tmp_path / "mesh.step").write_text("x")
    with pytest.raises(BadJob, match=r"\.step"):
        load_mesh(tmp_path / "mesh.step")


def test_a_garbage_ply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.ply").write_bytes(b"ply\nformat binary_little_endian 1.0\nelement vertex 9\n\x00\xff")
    with pytest.raises(BadJob, match=r"bad\.ply"):
        load_mesh(tmp_path / "bad.ply")


def textured(folder: Path, *, with_image: bool) -> Path:
    uv = "vt 0 0\nvt 1 0\nvt 1 1\n"
    faces = CUBE.split("f ", 1)
    lines = [" ".join(f"{v}/{k + 1}" for k, v in enumerate(face.split())) for face in faces[1].split("\nf ")]
    text = "mtllib m.mtl\nusemtl m\n" + faces[0] + uv + "".join(f"f {line}\n" for line in lines)
    (folder / "m.mtl").write_text("newmtl m\nKd 1 0 0\nmap_Kd t.png\n")
    if with_image:
        Image.new("RGB", (64, 64), (10, 200, 30)).save(folder / "t.png")
    return cube_file(folder, text)


def test_a_texture_is_read_with_its_coordinates(tmp_path: Path) -> None:
    mesh = load_mesh(textured(tmp_path, with_image=True), 0.01)
    assert mesh.texture is not None
    assert mesh.uv is not None
    assert tuple(mesh.texture[5, 5]) == (10, 200, 30)
    assert mesh.texel_m > 0


def test_a_missing_texture_falls_back_to_the_plain_colour_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        mesh = load_mesh(textured(tmp_path, with_image=False), 0.01)
    assert mesh.texture is None
    assert any("t.png" in record.getMessage() for record in caplog.records if record.name == "posestream.estimators")


def test_vertex_colours_and_glb_are_read(tmp_path: Path) -> None:
    box = trimesh.creation.box((0.1, 0.1, 0.1))
    box.visual.vertex_colors = np.tile([9, 8, 7, 255], (8, 1))
    for name in ("box.ply", "box.glb"):
        box.export(tmp_path / name)
        mesh = load_mesh(tmp_path / name)
        assert mesh.colors is not None
        assert tuple(mesh.colors[0]) == (9, 8, 7)


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(tmp_path: Path) -> None:
    path = cube_file(tmp_path)
    first = load_object(JobObject("cube", path.as_uri(), 0.01))
    assert load_object(JobObject("cube", str(path), 0.01)) is first
    path.write_text(CUBE + "# longer now\n")
    assert load_mesh(path, 0.01) is not first


def test_another_scheme_than_file_is_refused() -> None:
    with pytest.raises(BadJob, match="http"):
        load_object(JobObject("cube", "http://somewhere/cube.obj"))
