"""Meshes from real photos beside the true ones; the figures are the least that the project promises."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from estimators.mesh import load_mesh
from estimators.reconstruction import View, surface_of
from estimators.reconstruction.cutting import cut_out
from estimators.references import posed_photos, told_box
from schemas.arrays import Array

DATA = Path(__file__).parents[3] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.exists(), reason=f"needs the recordings in {DATA}")


def views(name: str, number: int, every: int) -> list[View]:
    photos = posed_photos(f"{DATA / name}?object={number}")[::every]
    return [View(p.path.name, p.picture(), p.K, p.cam_from_obj.matrix(), p.depth_m(), p.seen()) for p in photos]


def spread(vertices: Array, faces: Array, count: int, seed: int) -> Array:
    """(count, 3) points, evenly by area."""
    rng = np.random.default_rng(seed)
    a, b, c = (vertices[faces[:, k]].astype(np.float64) for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = rng.choice(len(faces), count, p=area / area.sum())
    s, t = np.sqrt(rng.random(count))[:, None], rng.random(count)[:, None]
    return (1 - s) * a[chosen] + s * (1 - t) * b[chosen] + s * t * c[chosen]


def nearest(points: Array, others: Array) -> Array:
    """(N,) metres to the nearest of others; about 0.5 mm too much where those are 2 mm apart."""
    squares = (others**2).sum(axis=1)
    parts = [points[k : k + 200] for k in range(0, len(points), 200)]
    least = [((p**2).sum(axis=1)[:, None] + squares - 2 * p @ others.T).min(axis=1) for p in parts]
    return np.sqrt(np.maximum(np.concatenate(least), 0))


def compared(name: str, number: int, every: int, cells: int) -> tuple[Array, Array]:
    """Distances from the made surface to the true one, and back."""
    _, _, made = surface_of(name, views(name, number, every), lambda _step, _done, _total: None, cells)
    (path,) = (DATA / name).glob(f"mesh/obj_{number:06d}_*/mesh.obj")
    true = load_mesh(path)
    ours, theirs = spread(made.points_m, made.faces, 12_000, 0), spread(true.vertices_m, true.faces, 12_000, 1)
    return nearest(ours[:2000], theirs), nearest(theirs[:2000], ours)


@pytest.mark.parametrize(
    ("name", "number", "least"), [("mustard_refs", 5, 0.85), ("ycbv_0001", 3, 0.85), ("desk_cube", 1, 0.85)]
)
def test_masks_are_cut_out_where_the_box_is_known(name: str, number: int, least: float) -> None:
    address = f"{DATA / name}?object={number}"
    box = told_box(address)
    assert box is not None
    agreed: list[float] = []
    for view in views(name, number, 12 if name == "desk_cube" else 6):
        found, true = cut_out(replace(view, mask=None), *box).mask, view.mask
        assert found is not None
        assert true is not None
        agreed.append(float((found & true).sum() / (found | true).sum()))
    assert np.mean(agreed) >= least


def test_the_bottles_photos_give_its_whole_surface() -> None:
    there, back = compared("mustard_refs", 5, 1, 80)
    assert np.concatenate([there, back]).mean() <= 0.0025
    assert max(np.quantile(there, 0.95), np.quantile(back, 0.95)) <= 0.006


@pytest.mark.parametrize(("name", "number", "every"), [("ycbv_0001", 3, 4), ("desk_cube", 1, 12)])
def test_depth_gives_the_sides_that_were_seen(name: str, number: int, every: int) -> None:
    there, _ = compared(name, number, every, 128)
    assert there.mean() <= 0.0025
