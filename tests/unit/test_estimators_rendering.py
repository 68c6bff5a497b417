import numpy as np
import pytest
import trimesh

from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas.arrays import Array

K = np.array([[120.0, 0, 40.0], [0, 118.0, 30.0], [0, 0, 1]])
SIZE = (61, 83)


def at(z_m: float, x_m: float = 0.0) -> Array:
    pose = np.eye(4)
    pose[:3, 3] = x_m, 0.0, z_m
    return pose


def rays() -> Array:
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.stack([(u - K[0, 2]) / K[0, 0], (v - K[1, 2]) / K[1, 1], np.ones(SIZE)], axis=-1)


def square(half_m: float = 0.2) -> Mesh:
    """A plane across the view, facing the camera, red in its left and blue in its right half."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * half_m
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:, :32, 0], texture[:, 32:, 2] = 255, 255
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]])
    return Mesh.build(corners, np.array([[0, 2, 1], [0, 3, 2]]), uv=uv, texture=texture)


def test_a_sphere_has_the_depth_of_the_ray_that_meets_it() -> None:
    radius, z = 0.1, 0.7
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    depth = CpuRenderer().render(Mesh.build(ball.vertices, ball.faces), at(z)[None], K, SIZE).depth_m[0]
    direction = rays()
    a, b, c = (direction**2).sum(-1), -2 * z * direction[..., 2], z * z - radius * radius
    root = b * b - 4 * a * c
    exact = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / (2 * a), 0.0)
    inside = (root > 0.02) & (depth > 0)
    assert np.abs(depth - exact)[inside].max() < 2e-4  # facets of a subdivided icosahedron
    assert (inside == (root > 0.02)).all()
    assert (depth[root < -0.02] == 0).all()


def test_normals_of_a_sphere_are_its_radii_in_the_cameras_frame() -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.1)
    turn = trimesh.transformations.rotation_matrix(0.7, [1, 2, 3])
    drawn = CpuRenderer().render(Mesh.build(ball.vertices, ball.faces), (at(0.6) @ turn)[None], K, SIZE)
    seen = drawn.depth_m[0] > 0
    points = rays()[seen] * drawn.depth_m[0][seen][:, None]
    radii = (points - [0, 0, 0.6]) / 0.1
    assert np.einsum("ij,ij->i", radii, drawn.normal[0][seen]).min() > 0.99


def test_pixel_centres_are_at_integers_and_the_texture_stands_upright() -> None:
    drawn = CpuRenderer().render(square(0.104), at(1.0)[None], K, SIZE)
    v, u = np.nonzero(drawn.depth_m[0])
    assert (u.min(), u.max()) == (28, 52)  # 40 -+ 12.5
    assert (v.min(), v.max()) == (18, 42)  # 30 -+ 12.3
    assert drawn.depth_m[0][30, 40] == pytest.approx(1.0)
    assert drawn.rgb[0][30, 31, 0] > 200
    assert drawn.rgb[0][30, 49, 2] > 200


def test_a_tilted_plane_is_exact_in_perspective() -> None:
    pose = at(0.8) @ trimesh.transformations.rotation_matrix(0.9, [0, 1, 0])
    drawn = CpuRenderer().render(square(), pose[None], K, SIZE)
    normal = pose[:3, :3] @ [0, 0, -1]
    exact = (normal @ pose[:3, 3]) / (rays() @ normal)
    seen = drawn.depth_m[0] > 0
    assert seen.sum() > 500
    assert np.abs(drawn.depth_m[0] - exact)[seen].max() < 1e-5
    x = ((rays() * exact[..., None] - pose[:3, 3]) @ pose[:3, :3])[..., 0]
    assert (drawn.rgb[0][seen & (x < -0.01) & (x > -0.19), 0] > 200).all()
    assert (drawn.rgb[0][seen & (x > 0.01) & (x < 0.19), 2] > 200).all()


def test_the_nearer_mesh_hides_the_other_whatever_the_order() -> None:
    near, far = at(0.5, 0.05), at(1.0)
    one = CpuRenderer().scene([square(0.05), square()], [near, far], K, SIZE)
    two = CpuRenderer().scene([square(), square(0.05)], [far, near], K, SIZE)
    assert (one.depth_m == two.depth_m).all()
    assert (one.rgb == two.rgb).all()
    assert one.index[30, 52] == 0
    assert two.index[30, 52] == 1
    assert one.index[30, 25] == 1
    assert one.index[0, 0] == -1


def test_many_pictures_on_threads_equal_single_ones() -> None:
    box = trimesh.creation.box((0.1, 0.15, 0.2))
    mesh = Mesh.build(box.vertices, box.faces)
    turns = [trimesh.transformations.rotation_matrix(0.1 * k, [1, 1, 0.3]) for k in range(40)]
    poses = np.stack([at(0.6) @ turn for turn in turns])
    many = CpuRenderer(threads=2).render(mesh, poses, K, SIZE)
    for k in (0, 17, 39):
        alone = CpuRenderer().render(mesh, poses[k : k + 1], K, SIZE)
        assert (alone.depth_m[0] == many.depth_m[k]).all()
        assert (alone.normal[0] == many.normal[k]).all()


def test_an_open_mesh_is_seen_from_both_sides_and_a_closed_one_needs_no_back() -> None:
    flipped = at(1.0) @ trimesh.transformations.rotation_matrix(np.pi, [0, 1, 0])
    assert (CpuRenderer().render(square(), flipped[None], K, SIZE).depth_m > 0).any()


def test_a_mesh_behind_the_camera_draws_nothing() -> None:
    assert not CpuRenderer().render(square(), at(-1.0)[None], K, SIZE).depth_m.any()


def test_a_mesh_without_colours_is_grey() -> None:
    box = trimesh.creation.box((0.1, 0.1, 0.1))
    drawn = CpuRenderer().render(Mesh.build(box.vertices, box.faces), at(0.6)[None], K, SIZE)
    assert (drawn.rgb[drawn.depth_m > 0] == 128).all()


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="cam_from_obj"):
        CpuRenderer().render(square(), np.eye(4), K, SIZE)
    with pytest.raises(ValueError, match="K"):
        CpuRenderer().render(square(), np.eye(4)[None], np.eye(4), SIZE)
