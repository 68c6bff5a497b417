"""One suite for all renderers of FoundationPose's pictures: laws that hold for any mesh."""

from typing import Any

import numpy as np
import pytest
import torch
import trimesh

from estimators.foundationpose.rendering import CropRenderer, make_renderer
from estimators.foundationpose.rendering.projection import clip_of, projection
from estimators.foundationpose.surface import Surface, diameter, smooth_normals
from estimators.mesh import Mesh
from schemas import BadJob
from tests.unit.foundationpose_renderers import RENDERERS, draw, renderer_or_skip

SIZE = (60, 80)
K = torch.tensor([[120.0, 0.0, 40.0], [0.0, 118.0, 30.0], [0.0, 0.0, 1.0]])
WHOLE = torch.tensor([[0.0, 0.0, 80.0, 60.0]])  # column i looks along u = i + 0.5


@pytest.fixture(params=RENDERERS, ids="-".join)
def renderer(request: pytest.FixtureRequest) -> CropRenderer:
    return renderer_or_skip(*request.param)


def picture(renderer: CropRenderer, surface: Surface, pose: Any, window: torch.Tensor = WHOLE) -> np.ndarray:
    poses = torch.tensor(np.asarray(pose, np.float32))[None]
    return draw(renderer, surface, poses, K[None], window, SIZE)[0].numpy()


def at(z_m: float, x_m: float = 0.0) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, 3] = x_m, 0.0, z_m
    return pose


def rays() -> np.ndarray:
    v, u = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    return np.stack([(u - 40) / 120, (v - 30) / 118, np.ones(SIZE)])


def square(**looks: Any) -> Surface:
    """A plane of 0.4 m across the view, its normals towards the camera."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 0.2
    faces, normals = np.array([[0, 2, 1], [0, 3, 2]], np.int32), np.tile([0.0, 0.0, -1.0], (4, 1))
    return Surface(corners.astype(np.float32), faces, normals.astype(np.float32), 0.566, **looks)


def test_a_sphere_has_the_places_of_the_rays_that_meet_it(renderer: CropRenderer) -> None:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.1)
    drawn = picture(renderer, Surface.of(Mesh.build(ball.vertices, ball.faces)), at(0.7))
    direction = rays()
    a, b, c = (direction**2).sum(0), -2 * 0.7 * direction[2], 0.7**2 - 0.1**2
    root = b * b - 4 * a * c
    inside = root > 0.02
    exact = direction * np.where(inside, (-b - np.sqrt(np.maximum(root, 0))) / (2 * a), 0)
    assert np.abs(drawn[3:] - exact)[:, inside].max() < 2e-4  # facets of a subdivided icosahedron
    assert not drawn[:, root < -0.02].any()
    assert (drawn[5][inside] > 0).all()


def test_light_comes_from_the_camera(renderer: CropRenderer) -> None:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.1)
    white = np.full((len(ball.vertices), 3), 150, np.uint8)
    drawn = picture(renderer, Surface.of(Mesh.build(ball.vertices, ball.faces, colors=white)), at(0.7))
    seen = drawn[5] > 0
    towards = np.clip((0.7 - drawn[5]) / 0.1, 0, 1)  # of a sphere's normal
    assert np.abs(drawn[0] - 150 / 255 * (0.8 + 0.5 * towards))[seen].max() < 5e-3


def test_both_sides_are_drawn_and_the_far_side_has_no_lamp(renderer: CropRenderer) -> None:
    colors = np.full((4, 3), 100, np.uint8)
    front = picture(renderer, square(colors=colors), at(1.0))
    turned = at(1.0) @ trimesh.transformations.rotation_matrix(np.pi, [0, 1, 0])
    back = picture(renderer, square(colors=colors), turned)
    assert front[0, 30, 40] == pytest.approx(100 / 255 * 1.3, abs=1e-5)
    assert back[0, 30, 40] == pytest.approx(100 / 255 * 0.8, abs=1e-5)
    assert ((front[5] > 0) == (back[5] > 0)).all()


def test_faces_that_share_an_edge_share_no_pixel_and_leave_none(renderer: CropRenderer) -> None:
    """A fan whose inner edges run through pixel centres: each pixel of the square has one face."""
    whole = square()
    parts = [Surface(whole.vertices_m, whole.faces[k : k + 1], whole.normals, 0.566) for k in range(2)]
    for pose in (at(1.2), at(1.0, 0.0041), at(0.9, -0.013)):
        together = picture(renderer, whole, pose)[5] > 0
        first, second = (picture(renderer, part, pose)[5] > 0 for part in parts)
        assert not (first & second).any()
        assert ((first | second) == together).all()
        assert together.sum() > 500


def test_the_texture_stands_upright_and_is_wrapped(renderer: CropRenderer) -> None:
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:32, :32, 0], texture[:32, 32:, 1], texture[32:, :32, 2] = 200, 200, 200  # red, green; blue below red
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    for shift in ([0, 0], [3, -2]):
        drawn = picture(renderer, square(uv=uv + np.float32(shift), texture=texture), at(1.0))
        for (row, column), colour in {(20, 25): [1, 0, 0], (20, 55): [0, 1, 0], (40, 25): [0, 0, 1]}.items():
            assert drawn[:3, row, column] == pytest.approx(np.array(colour) * min(1, 200 / 255 * 1.3), abs=1e-4)
        assert not drawn[:3, 40, 55].any()


def test_the_texture_is_mixed_between_the_centres_of_texels(renderer: CropRenderer) -> None:
    texture = np.zeros((2, 4, 3), np.uint8)
    texture[:] = np.array([0, 40, 80, 120], np.uint8)[None, :, None]
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    drawn = picture(renderer, square(uv=uv, texture=texture), at(1.0))
    s = (drawn[3, 30] + 0.2) / 0.4  # along the plane, where it is seen
    seen = (drawn[5, 30] > 0) & (s > 0.13) & (s < 0.87)
    assert seen.sum() > 25
    assert np.abs(drawn[0, 30] - 40 * (4 * s - 0.5) / 255 * 1.3)[seen].max() < 1e-4


def test_a_mesh_without_colours_is_grey(renderer: CropRenderer) -> None:
    drawn = picture(renderer, square(), at(1.0))
    assert drawn[:3, 30, 40] == pytest.approx([0.4 * 1.3] * 3, abs=1e-6)


def test_the_nearer_surface_hides_the_other(renderer: CropRenderer) -> None:
    near, far = at(0.9)[:3, 3], at(1.1)[:3, 3]
    flat = square()
    both = np.concatenate([flat.vertices_m + (far - 1).astype(np.float32) * [0, 0, 1], flat.vertices_m * 0.3])
    both[4:, 2] = near[2] - 1
    faces = np.concatenate([flat.faces, flat.faces + 4])
    drawn = picture(renderer, Surface(both, faces, np.tile(flat.normals, (2, 1)), 0.6), at(1.0))
    assert drawn[5, 30, 40] == pytest.approx(0.9, abs=1e-6)
    assert drawn[5, 30, 25] == pytest.approx(1.1, abs=1e-6)


def test_a_window_is_the_same_picture_larger(renderer: CropRenderer) -> None:
    window = torch.tensor([[30.0, 20.0, 50.0, 35.0]])
    drawn = picture(renderer, square(), at(1.0), window)
    v, u = np.mgrid[: SIZE[0], : SIZE[1]] + 0.5
    seen = drawn[5] > 0
    assert seen.all()
    assert np.abs(drawn[3] - (30 + u * 0.25 - 40) / 120).max() < 1e-6
    assert np.abs(drawn[4] - (20 + v * 0.25 - 30) / 118).max() < 1e-6


@pytest.mark.parametrize("z_m", [-1.0, 0.0, 150.0])
def test_what_is_behind_the_camera_or_too_far_is_not_drawn(renderer: CropRenderer, z_m: float) -> None:
    assert not picture(renderer, square(), at(z_m)).any()


def test_many_poses_are_drawn_like_one(renderer: CropRenderer) -> None:
    box = trimesh.creation.box((0.1, 0.15, 0.2))
    surface = Surface.of(Mesh.build(box.vertices, box.faces))
    turns = [trimesh.transformations.rotation_matrix(0.3 * k, [1, 1, 0.3]) for k in range(9)]
    poses = torch.tensor(np.stack([at(0.6) @ turn for turn in turns]), dtype=torch.float32)
    many = draw(renderer, surface, poses, K.expand(9, 3, 3), WHOLE.expand(9, 4), SIZE)
    for k in (0, 4, 8):
        assert (draw(renderer, surface, poses[k : k + 1], K[None], WHOLE, SIZE)[0] == many[k]).all()
    assert draw(renderer, surface, poses[:0], K.expand(0, 3, 3), WHOLE.expand(0, 4), SIZE).shape == (0, 6, *SIZE)


def test_clip_coordinates_are_the_projections_with_the_window_applied() -> None:
    points = torch.tensor(np.random.default_rng(0).uniform([-0.3, -0.3, 0.5], [0.3, 0.3, 1.5], (1, 40, 3)))
    camera = K.double()
    opengl = points[0] * torch.tensor([1.0, -1.0, -1.0])
    whole = torch.cat([opengl, torch.ones(40, 1)], dim=1) @ projection(camera, SIZE).T
    clip = clip_of(points, camera[None], WHOLE.double())[0]
    assert torch.allclose(clip, whole, atol=1e-12)
    assert torch.allclose(clip[:, :2] / clip[:, 3:], whole[:, :2] / whole[:, 3:])


def test_vertices_that_were_doubled_along_creases_are_one_again() -> None:
    box = trimesh.creation.box((0.1, 0.15, 0.2))
    surface = Surface.of(Mesh.build(box.vertices + np.array([1.0, 2.0, 3.0]), box.faces))
    assert len(surface.vertices_m) == 8
    assert surface.center_m == pytest.approx([1.0, 2.0, 3.0], abs=1e-6)
    assert surface.diameter_m == pytest.approx(np.sqrt(0.01 + 0.0225 + 0.04), abs=1e-6)
    outwards = surface.normals * np.sign(surface.vertices_m)
    assert (outwards > 0.57).all()  # by angle all three sides weigh alike: 1 / sqrt(3)


def test_the_diameter_is_that_of_all_pairs() -> None:
    points = np.random.default_rng(3).standard_normal((400, 3)) * [1, 2, 3]
    assert diameter(points) == pytest.approx(np.linalg.norm(points[:, None] - points[None], axis=-1).max(), abs=1e-12)
    assert diameter(np.zeros((5, 3))) == 0


def test_a_vertex_without_a_face_still_has_a_normal() -> None:
    points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5]])
    assert np.linalg.norm(smooth_normals(points, np.array([[0, 1, 2]])), axis=1) == pytest.approx(np.ones(4))


@pytest.mark.parametrize(
    ("name", "told"),
    [("opengl", "expected one of auto, numba, warp, nvdiffrast"), ("nvdiffrast", "expected a CUDA device, got cpu")],
)
def test_a_renderer_that_is_not_to_be_had_is_named(name: str, told: str) -> None:
    with pytest.raises(BadJob, match=told):
        make_renderer(torch.device("cpu"), name)
