"""Meshes over REST: sent in pieces, checked, and kept where nobody else can name them."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trimesh

from posestream.stack import Addresses
from tests.integration.api_world import ApiWorld, database
from tests.picture_bombs import glb, png_that_claims

pytestmark = pytest.mark.integration

BOX = trimesh.creation.box((0.1, 0.2, 0.3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("meshes")


@pytest.fixture(scope="module")
def world(stack: Addresses, folder: Path) -> Iterator[ApiWorld]:
    with database(stack) as engine:
        yield ApiWorld(engine, meshes=folder)


def announce(world: ApiWorld, data: bytes, who: str = "ann", **fields: object) -> dict[str, object]:
    body = {"name": "box", "format": "ply", "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    answer = world.ask("POST", "/api/v1/meshes", who, json=body | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def upload(world: ApiWorld, data: bytes, **fields: object) -> tuple[int, dict[str, object], str]:
    mesh = announce(world, data, **fields)
    path = f"/api/v1/meshes/{mesh['id']}"
    assert world.ask("PUT", f"{path}/bytes?offset=0", "ann", content=data).status_code == 200
    answer = world.ask("POST", f"{path}/finish", "ann")
    return answer.status_code, answer.json(), str(mesh["id"])


@pytest.mark.parametrize("kind", ["ply", "obj", "glb"])
def test_a_mesh_is_uploaded_and_a_job_uses_it(world: ApiWorld, kind: str, folder: Path) -> None:
    data = BOX.export(file_type=kind)
    data = data.encode() if isinstance(data, str) else data
    status, mesh, mesh_id = upload(world, data, format=kind)
    assert (status, mesh["faces"], mesh["extent_m"]) == (200, 12, pytest.approx(0.3, abs=1e-6))
    objects = [{"object_id": "box", "model": f"mesh:{mesh_id}"}]
    assert world.ask("POST", "/api/v1/jobs", "ann", json={"id": f"job-{kind}", "objects": objects}).status_code == 201
    uri = Path(world.book.job(f"job-{kind}").objects[0].model_uri)
    assert (uri.parent.parent, uri.read_bytes()) == (folder, data)
    assert [path.name for path in uri.parent.iterdir()] == [f"mesh.{kind}"]  # nothing of anybody's beside it
    stolen = world.ask("POST", "/api/v1/jobs", "bob", json={"id": f"bobs-{kind}", "objects": objects})
    assert stolen.status_code == 404


def test_an_upload_that_was_cut_goes_on_where_it_was(world: ApiWorld) -> None:
    data = BOX.export(file_type="ply")
    mesh = announce(world, data)
    path = f"/api/v1/meshes/{mesh['id']}"
    first = world.ask("PUT", f"{path}/bytes?offset=0", "ann", content=data[:100])
    assert first.json()["received_bytes"] == 100
    again = world.ask("PUT", f"{path}/bytes?offset=0", "ann", content=data[:100])
    assert (again.status_code, "expected bytes from 100 on" in again.json()["detail"]) == (409, True)
    assert world.ask("POST", f"{path}/finish", "ann").status_code == 409
    assert world.ask("GET", path, "ann").json()["received_bytes"] == 100
    assert world.ask("PUT", f"{path}/bytes?offset=100", "ann", content=data[100:] + b"more").status_code == 409
    assert world.ask("PUT", f"{path}/bytes?offset=100", "ann", content=data[100:]).status_code == 200
    assert world.ask("POST", f"{path}/finish", "ann").json()["faces"] == 12
    assert world.ask("DELETE", path, "ann").status_code == 204
    assert world.ask("GET", path, "ann").status_code == 404


def test_a_mesh_is_its_owners(world: ApiWorld) -> None:
    mesh = announce(world, b"123")
    path = f"/api/v1/meshes/{mesh['id']}"
    assert world.ask("GET", path, "bob").status_code == 404
    assert world.ask("PUT", f"{path}/bytes?offset=0", "bob", content=b"1").status_code == 404
    assert world.ask("DELETE", path, "bob").status_code == 404
    assert world.ask("GET", path, "root").status_code == 200
    assert world.ask("GET", "/api/v1/meshes", "bob").json() == []
    assert world.ask("GET", "/api/v1/meshes", "vic").status_code == 403


def header_of(faces: int) -> bytes:
    """A PLY that claims more than it has."""
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {faces}"]
    lines += [f"property float {axis}" for axis in "xyz"]
    lines += [f"element face {faces}", "property list uchar int vertex_indices", "end_header", ""]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "fields", "reason"),
    [
        (b"no mesh at all", {}, "not readable as PLY"),
        (BOX.export(file_type="ply"), {"sha256": "0" * 64}, "expected sha256 000"),
        (BOX.export(file_type="ply"), {"unit_m": 1000.0}, "expected a size of 0.001 to 100 m, got 300 m"),
        (BOX.export(file_type="ply"), {"unit_m": 0.001}, "got 0.0003 m with a unit of 0.001 m; a file in millimetres"),
        (BOX.export(file_type="obj").replace("0.1", "nan").encode(), {"format": "obj"}, "mesh: "),
        (header_of(2_000_000_000), {}, "mesh: "),
        (b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 9\n", {"format": "obj"}, "mesh: "),
        (b"mtllib /etc/passwd\nv 0 0 0\n", {"format": "obj"}, "mesh: "),
    ],
    ids=["text", "digest", "large", "small", "nan", "claims", "index", "no-faces"],
)
def test_a_file_that_is_no_good_mesh_is_refused_with_the_reason_and_thrown_away(
    world: ApiWorld, folder: Path, data: bytes, fields: dict[str, object], reason: str
) -> None:
    status, problem, mesh_id = upload(world, data, **fields)
    assert status == 422, problem
    assert reason in str(problem["detail"])
    assert not list(folder.glob(f"*{mesh_id}*"))


def test_a_picture_that_claims_ten_gigabytes_costs_another_process_its_memory_and_nobody_else(world: ApiWorld) -> None:
    status, answer, _ = upload(world, glb(png_that_claims(60_000)), format="glb")
    assert status in (200, 422), answer  # the picture is left out, or the mesh is


@pytest.mark.parametrize(
    "change",
    [
        *({"size_bytes": 10 << 30}, {"size_bytes": 0}, {"sha256": "../x"}, {"format": "gltf"}, {"unit_m": -1}),
        *({"unit_m": "NaN"}, {"name": "a\r\nSet-Cookie: b"}, {"name": ""}, {"path": "/etc"}),
    ],
    ids=range(9),
)
def test_what_cannot_be_an_upload_is_refused_at_once(world: ApiWorld, change: dict[str, object]) -> None:
    body = {"name": "box", "format": "ply", "size_bytes": 9, "sha256": "0" * 64} | change
    assert world.ask("POST", "/api/v1/meshes", "ann", json=body).status_code == 422


def test_a_piece_that_is_too_large_is_refused_and_so_is_every_other_body(world: ApiWorld) -> None:
    mesh = announce(world, bytes(8 << 20))
    large = world.ask("PUT", f"/api/v1/meshes/{mesh['id']}/bytes?offset=0", "ann", content=bytes((4 << 20) + 2))
    assert large.status_code == 413
    assert world.ask("POST", "/api/v1/login", content=bytes(5 << 20)).status_code == 413
    fits = world.ask("PUT", f"/api/v1/meshes/{mesh['id']}/bytes?offset=0", "ann", content=bytes(4 << 20))
    assert fits.json()["received_bytes"] == 4 << 20


@pytest.mark.parametrize("name", ["../../etc/passwd", "%2e%2e%2fx", "0" * 31, "0" * 32 + "/../x"])
def test_a_mesh_has_no_path_that_somebody_could_choose(world: ApiWorld, name: str) -> None:
    assert world.ask("GET", f"/api/v1/meshes/{name}", "root").status_code in (404, 422)


def test_a_service_without_a_folder_keeps_no_meshes(stack: Addresses) -> None:
    with database(stack) as engine:
        body = {"name": "box", "format": "ply", "size_bytes": 9, "sha256": "0" * 64}
        assert ApiWorld(engine).ask("POST", "/api/v1/meshes", "ann", json=body).status_code == 404
