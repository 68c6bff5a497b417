"""Objects made in code: they are closed, of the right size, look different, and know their symmetries."""

import numpy as np
import pytest

from estimators.foundationpose.training.objects import solids
from estimators.foundationpose.training.objects.labels import label
from estimators.foundationpose.training.objects.patterns import PATTERNS
from estimators.foundationpose.training.objects.shapes import FAMILIES, LARGEST_M, SMALLEST_M, make_shape
from estimators.foundationpose.training.objects.surfaces import KINDS, painted
from estimators.foundationpose.training.objects.things import size_of, thing
from estimators.foundationpose.training.objects.turns import box_turns, folded
from estimators.mesh import checked_mesh
from estimators.mesh.surface import signed_volume
from estimators.rendering import CpuRenderer

K = np.array([[300.0, 0, 79.5], [0, 300.0, 79.5], [0, 0, 1]])


def made(family: str, seed: int, kind: str = "plain"):
    rng = np.random.default_rng(seed)
    return painted(make_shape(0.1, rng, family), rng, kind)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_closed_surfaces_that_look_outwards(family: str) -> None:
    for seed in range(3):
        shape = make_shape(0.1, np.random.default_rng(seed), family)
        mesh = painted(shape, np.random.default_rng(seed)).mesh
        assert checked_mesh(family, mesh)
        assert mesh.closed, seed
        assert signed_volume(shape.patch.points, shape.patch.faces) > 0, seed
        size = np.ptp(shape.patch.points, axis=0)
        assert size.max() == pytest.approx(0.1)
        assert np.allclose(mesh.center_m, 0, atol=1e-7)
        assert shape.patch.uv.min() >= 0
        assert shape.patch.uv.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_surface_is_one_that_renderers_take(kind: str) -> None:
    for family in FAMILIES:
        mesh = made(family, 3, kind).mesh
        assert (mesh.colors is None) == (kind != "vertices")
        assert (mesh.texture is None) == (kind == "vertices")


def test_a_thing_is_known_by_its_number_down_to_the_byte() -> None:
    first = thing(7)
    thing.cache_clear()
    again = thing(7)
    assert first is not again
    assert first.family == again.family
    assert first.mesh.vertices_m.tobytes() == again.mesh.vertices_m.tobytes()
    assert first.mesh.texture is None or first.mesh.texture.tobytes() == again.mesh.texture.tobytes()


def test_things_differ_and_have_all_sizes() -> None:
    sizes = np.array([size_of(number) for number in range(2000)])
    assert sizes.min() >= SMALLEST_M
    assert sizes.max() <= LARGEST_M
    assert np.quantile(np.log(sizes), 0.5) == pytest.approx(np.log(SMALLEST_M * LARGEST_M) / 2, abs=0.15)
    assert size_of(5) == pytest.approx(np.ptp(thing(5).mesh.vertices_m, axis=0).max(), rel=1e-5)
    names = {thing(number).family for number in range(24)}
    assert len(names) > 12


@pytest.mark.parametrize("family", FAMILIES)
def test_declared_symmetries_cannot_be_seen(family: str) -> None:
    """A render at a turned pose is that at the pose itself: to a rim of pixels, as facets are turned, too."""
    for seed in range(2):
        one = made(family, seed)
        base = np.eye(4)
        base[:3, :3] = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        base[:3, :3] *= np.sign(np.linalg.det(base[:3, :3]))
        base[2, 3] = 0.4
        assert np.array_equal(one.symmetries[0], np.eye(4))
        step = max(1, len(one.symmetries) // 12)
        drawn = CpuRenderer().render(one.mesh, base @ one.symmetries[::step], K, (160, 160)).depth_m
        seen = drawn > 0
        assert (seen != seen[0]).mean(axis=(1, 2)).max() < 0.01 * seen[0].mean() + 0.002
        both = seen & seen[0]
        away_m = np.where(both, np.abs(drawn - drawn[0]), 0)
        assert np.quantile(away_m[:, seen[0]], 0.97) < 0.001


def test_what_is_printed_on_a_round_thing_shows_its_turn() -> None:
    assert len(made("can", 0, "printed").symmetries) == 1
    assert len(made("can", 0, "plain").symmetries) == 360
    assert len(made("bottle", 0, "banded").symmetries) == 360


def test_boxes_have_the_turns_of_their_sides() -> None:
    assert len(box_turns(np.array([1.0, 2.0, 3.0]))) == 4
    assert len(box_turns(np.array([1.0, 1.0, 3.0]))) == 8
    assert len(box_turns(np.array([1.0, 1.0, 1.0]))) == 24
    quarter = folded(4)[1]
    assert np.allclose(quarter @ [1, 0, 0], [0, 1, 0])


@pytest.mark.parametrize("pattern", [*PATTERNS, label], ids=lambda made: made.__name__)
def test_pictures_have_the_size_that_was_asked_for(pattern) -> None:
    for size in ((32, 32), (90, 41), (256, 256)):
        picture = pattern(size, np.random.default_rng(1))
        assert picture.shape == (*size, 3)
        assert picture.dtype == np.uint8


def test_an_unknown_family_or_surface_is_told() -> None:
    with pytest.raises(ValueError, match="family: expected one of box"):
        make_shape(0.1, np.random.default_rng(0), "duck")
    with pytest.raises(ValueError, match="kind: expected one of printed"):
        painted(make_shape(0.1, np.random.default_rng(0), "box"), np.random.default_rng(0), "furry")


def test_solids_of_which_nothing_is_left_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = (np.zeros((0, 3)), np.zeros((0, 3), np.int64))
    whole = solids._left(np.random.default_rng(1))
    made = iter([nothing, (whole[0] * 0.01, whole[1]), whole])
    monkeypatch.setattr(solids, "_left", lambda _: next(made))
    assert solids.constructed(np.random.default_rng(0))[0] is whole[0]
