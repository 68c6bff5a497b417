"""Meshes as the page gets them: layout, units, simplification, refusals."""

import struct
from pathlib import Path

import numpy as np
import pytest
import trimesh

from schemas import BadJob
from sink.notifier.meshes import MAX_FACES, Meshes, encode, simplify
from sink.queries import ObjectView


def decoded(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """What the page's JavaScript reads, done with another reader of bytes than the writer's."""
    vertices, faces = struct.unpack_from("<II", data)
    positions = struct.unpack_from(f"<{vertices * 3}f", data, 8)
    indices = struct.unpack_from(f"<{faces * 3}I", data, 8 + vertices * 12)
    assert len(data) == 8 + vertices * 12 + faces * 12
    return np.array(positions).reshape(-1, 3), np.array(indices).reshape(-1, 3)


def test_a_mesh_is_counts_then_positions_then_faces() -> None:
    vertices_m = np.array([[0.0, 0, 0], [0.5, 0, 0], [0, 0.25, -1]])
    positions, faces = decoded(encode(vertices_m, np.array([[0, 1, 2]])).data)
    np.testing.assert_array_equal(positions, vertices_m)
    np.testing.assert_array_equal(faces, [[0, 1, 2]])


def test_the_unit_of_the_file_makes_metres(tmp_path: Path) -> None:
    path = tmp_path / "box.ply"
    trimesh.creation.box((100.0, 60.0, 40.0)).export(path)
    positions, _ = decoded(Meshes().encoded(ObjectView("box", path.as_uri(), 0.001)).data)
    np.testing.assert_allclose(np.ptp(positions, axis=0), [0.1, 0.06, 0.04], rtol=1e-6)


def test_a_large_mesh_gets_few_faces_and_keeps_its_shape() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=6, radius=0.1)
    assert len(sphere.faces) > 4 * MAX_FACES
    vertices_m, faces = simplify(np.asarray(sphere.vertices), np.asarray(sphere.faces))
    assert MAX_FACES / 8 < len(faces) <= MAX_FACES
    radii_m = np.linalg.norm(vertices_m[np.unique(faces)], axis=1)
    # a cell is at most extent / 80 here, and a mean of points of a cell lies within its diagonal
    assert np.abs(radii_m - 0.1).max() < 0.2 / 80 * np.sqrt(3)
    assert faces.max() < len(vertices_m)


def test_a_small_mesh_is_left_as_it_is() -> None:
    box = trimesh.creation.box((1, 1, 1))
    vertices_m, faces = simplify(np.asarray(box.vertices), np.asarray(box.faces))
    assert vertices_m is box.vertices or np.array_equal(vertices_m, box.vertices)
    assert len(faces) == 12


def test_the_tag_changes_when_the_file_does(tmp_path: Path) -> None:
    path = tmp_path / "box.ply"
    meshes = Meshes()
    item = ObjectView("box", str(path), 1.0)
    trimesh.creation.box((0.1, 0.1, 0.1)).export(path)
    first = meshes.encoded(item)
    assert meshes.encoded(item) is first
    trimesh.creation.icosphere(subdivisions=1, radius=0.1).export(path)
    assert meshes.encoded(item).etag != first.etag


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("secret.txt", b"root:x:0:0", "expected one of .ply"),
        ("broken.ply", b"not a mesh at all", "expected a mesh"),
        ("points.obj", b"v 0 0 0\nv 1 0 0\n", "expected"),
    ],
)
def test_what_is_no_mesh_is_refused_with_the_reason(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadJob, match=reason):
        Meshes().encoded(ObjectView("thing", str(path), 1.0))


def test_a_missing_model_is_named() -> None:
    with pytest.raises(BadJob, match=r"object cup: expected a model at cup\.ply"):
        Meshes().encoded(ObjectView("cup", "/nowhere/cup.ply", 1.0))


def test_a_model_on_the_network_is_not_fetched() -> None:
    with pytest.raises(BadJob, match="got http:"):
        Meshes().encoded(ObjectView("cup", "http://169.254.169.254/cup.ply", 1.0))
