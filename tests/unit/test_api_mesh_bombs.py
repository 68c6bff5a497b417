"""Uploaded meshes that are made to hurt: what they cost whoever looks at them, and what a worker reads of them."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from estimators.mesh.file import load_mesh
from schemas.textures import MOST_TEXTURE_PX
from sink.api.mesh_check import measure
from tests.picture_bombs import black_png, glb, jpeg_that_claims, png_that_claims

ROOT = Path(__file__).parents[2]
SIDE_PX = 13_000  # 507 MB; Pillow's own limit would let it pass
MOST_MB = 350  # Python with numpy and trimesh takes 120 of them
# a process of its own for each: the most that any child ever took is all that can be asked for
WATCHED = """
import json, resource, sys
from pathlib import Path
from sink.api.mesh_check import BadMesh, measure
try:
    said = str(measure(Path(sys.argv[1]), 1.0).faces)
except BadMesh as error:
    said = str(error)
print(json.dumps([said, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024]))
"""


def watched(path: Path) -> tuple[str, float]:
    """What the checker says of a file, and the most MB that it held."""
    command = [sys.executable, "-c", WATCHED, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True, timeout=300)
    said, most_mb = json.loads(done.stdout)
    return said, most_mb


@pytest.mark.parametrize(
    ("picture", "kind"),
    [
        *((black_png(SIDE_PX), "png"), (png_that_claims(SIDE_PX), "png"), (jpeg_that_claims(SIDE_PX), "jpeg")),
        *((png_that_claims(60_000), "png"), (jpeg_that_claims(60_000), "jpeg")),
    ],
    ids=["black-png", "claiming-png", "claiming-jpeg", "10-gb-png", "10-gb-jpeg"],
)
def test_a_picture_that_is_large_in_memory_costs_the_checker_little(tmp_path: Path, picture: bytes, kind: str) -> None:
    path = tmp_path / "bomb.glb"
    path.write_bytes(glb(picture, kind))
    assert path.stat().st_size < 4e6
    said, most_mb = watched(path)
    assert said == "1" or said.startswith("mesh: ")
    assert most_mb < MOST_MB


def test_a_worker_leaves_such_a_picture_out_and_takes_one_that_may_be(tmp_path: Path) -> None:
    small, large = tmp_path / "small.glb", tmp_path / "large.glb"
    small.write_bytes(glb(cv2.imencode(".png", np.full((8, 8, 3), 200, np.uint8))[1].tobytes()))
    large.write_bytes(glb(png_that_claims(SIDE_PX)))
    assert SIDE_PX**2 > MOST_TEXTURE_PX
    assert load_mesh(small).texture is not None
    assert load_mesh(large).texture is None


@pytest.mark.parametrize("named", ["../secret/secret.mtl", "/etc/passwd", "link.mtl", "..\\secret\\secret.mtl"])
def test_files_that_an_obj_names_are_not_looked_for_outside_of_its_folder(tmp_path: Path, named: str) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "secret.mtl").write_text("newmtl a\nKd 1 0 0\nmap_Kd secret.png\n")
    cv2.imwrite(str(tmp_path / "secret" / "secret.png"), np.full((4, 4, 3), (1, 2, 3), np.uint8))
    own = tmp_path / "own"
    own.mkdir()
    (own / "link.mtl").symlink_to(tmp_path / "secret" / "secret.mtl")
    path = own / "mesh.obj"
    lines = ["v 0 0 0", "v 0.1 0 0", "v 0 0.1 0", "vt 0 0", "vt 1 0", "vt 0 1", "usemtl a", "f 1/1 2/2 3/3"]
    path.write_text("\n".join([f"mtllib {named}", *lines]))
    assert measure(path, 1.0).faces == 1
    texture = load_mesh(path).texture
    assert texture is not None
    assert (texture == 100).all()  # trimesh's own grey: neither the secret picture nor the secret colour


def test_the_material_beside_an_obj_is_read(tmp_path: Path) -> None:
    (tmp_path / "own.mtl").write_text("newmtl a\nmap_Kd own.png\n")
    cv2.imwrite(str(tmp_path / "own.png"), np.full((4, 4, 3), 200, np.uint8))
    lines = ["mtllib own.mtl", "v 0 0 0", "v 0.1 0 0", "v 0 0.1 0", "vt 0 0", "vt 1 0", "vt 0 1", "usemtl a"]
    path = tmp_path / "mesh.obj"
    path.write_text("\n".join([*lines, "f 1/1 2/2 3/3"]))
    texture = load_mesh(path).texture
    assert texture is not None
    assert (texture == 200).all()
