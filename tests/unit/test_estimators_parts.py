import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from estimators.geometric.align import refine
from estimators.geometric.likeness import shape_turns
from estimators.geometric.memory import Memory
from estimators.geometric.motion import gap_s, predict, rotation_vector, velocity
from estimators.geometric.outline import NO_OUTLINE
from estimators.geometric.placement import Placement
from estimators.geometric.solve import solve6, turn_by
from estimators.geometric.views import directions, make_views
from estimators.mesh import Mesh
from estimators.rendering import CpuRenderer
from schemas import ContinuousSymmetry, Pose, Symmetries
from schemas.arrays import Array

vectors = st.tuples(*[st.floats(-1.5, 1.5)] * 3).map(np.array)


def mesh_of(shape: trimesh.Trimesh) -> Mesh:
    return Mesh.build(shape.vertices, shape.faces)


BOX = trimesh.creation.box((0.06, 0.1, 0.14))


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 10_000))
def test_cholesky_solves_as_numpy_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    A, g, step = rng.normal(size=(8, 6)), rng.normal(size=6), np.zeros(6)
    H = A.T @ A + np.eye(6) * 0.1
    assert solve6(H, g, step)
    assert step == pytest.approx(np.linalg.solve(H, g), rel=1e-6, abs=1e-9)


def test_a_matrix_that_is_not_positive_is_told() -> None:
    assert not solve6(np.diag([1.0, 1, 1, -1, 1, 1]), np.ones(6), np.zeros(6))


@settings(deadline=None)
@given(vectors)
def test_a_turn_and_its_opposite_cancel_and_the_vector_comes_back(w: Array) -> None:
    R = np.eye(3)
    turn_by(w, R)
    assert np.abs(R @ R.T - np.eye(3)).max() < 1e-12
    assert rotation_vector(R) == pytest.approx(w, abs=1e-6)
    turn_by(-w, R)
    assert pytest.approx(np.eye(3), abs=1e-9) == R


@settings(deadline=None)
@given(vectors, vectors)
def test_constant_velocity_continues_the_last_step_damped(w: Array, shift: Array) -> None:
    w = w * 0.3
    before = Placement(np.eye(3), np.array([0.0, 0.0, 1.0]))
    R = np.eye(3)
    turn_by(w, R)
    after = Placement(R, before.t + shift)
    turn, speed = velocity(Memory(), before, after, 0.1, trust=1.0)
    ahead = predict(after, Memory(turn_rad_s=turn, shift_m_s=speed), 0.1)
    assert ahead.t == pytest.approx(after.t + 0.9 * shift, abs=1e-9)
    if np.linalg.norm(w) < 0.6:
        assert rotation_vector(ahead.R @ after.R.T) == pytest.approx(0.9 * w, abs=1e-6)


def test_a_clock_that_stands_still_counts_as_thirty_frames_a_second() -> None:
    assert gap_s(100, 100) == gap_s(200, 100) == gap_s(0, 100) == pytest.approx(1 / 30)
    assert gap_s(10**9, 2 * 10**9) == pytest.approx(1.0)


def test_after_a_long_pause_nothing_is_predicted() -> None:
    at = Placement(np.eye(3), np.array([0.0, 0.0, 1.0]))
    assert predict(at, Memory(shift_m_s=np.ones(3)), 2.0) is at


@settings(deadline=None)
@given(vectors, st.integers(0, 2**60), st.integers(0, 2**31), st.floats(0, 1))
def test_memory_comes_back_from_its_bytes_bit_for_bit(w: Array, captured_ns: int, good: int, score: float) -> None:
    memory = Memory(captured_ns=captured_ns, good=good, turn_rad_s=w, mean_score=score, rotation=np.eye(3) * 0.1)
    again = Memory.unpack(memory.pack())
    assert again is not None
    assert again.pack() == memory.pack()
    assert (again.turn_rad_s == w).all()
    assert (again.captured_ns, again.good, again.mean_score) == (captured_ns, good, score)


@pytest.mark.parametrize("data", [None, b"", b"\x01\x00", b"\xff" * len(Memory().pack())])
def test_foreign_bytes_are_no_memory(data: bytes | None) -> None:
    assert Memory.unpack(data) is None


def test_there_are_42_directions_and_252_hypotheses() -> None:
    assert directions().shape == (42, 3)
    assert np.linalg.norm(directions(), axis=1) == pytest.approx(1.0)
    assert len(np.unique(directions().round(6), axis=0)) == 42
    views = make_views(mesh_of(BOX), Symmetries(), CpuRenderer(), 50)
    assert views.rotations.shape == (252, 3, 3)
    assert (np.abs(views.points[:, :, 2]) <= 0.0701).all()


def test_the_points_of_a_view_lie_on_the_surface_that_it_sees() -> None:
    views = make_views(mesh_of(BOX), Symmetries(), CpuRenderer(), 50)
    outside = np.abs(views.points) / [0.03, 0.05, 0.07]
    assert outside.max(axis=2) == pytest.approx(1.0, abs=0.01)
    towards = np.einsum("vni,vi->vn", views.normals, directions())
    assert towards.min() > 0


def test_declared_symmetries_leave_fewer_hypotheses() -> None:
    half = Symmetries(discrete=(np.diag([-1.0, -1, 1, 1]),))
    spin = Symmetries(continuous=(ContinuousSymmetry(np.array([0.0, 0, 1]), np.zeros(3)),))
    count = [len(make_views(mesh_of(BOX), s, CpuRenderer(), 20).view) for s in (Symmetries(), half, spin)]
    assert count[0] == 252
    assert 100 <= count[1] <= 160
    assert count[2] < 60


@pytest.mark.parametrize(
    ("shape", "turns"),
    [
        (BOX, 4),
        (trimesh.creation.box((0.1, 0.1, 0.1)), 24),
        (trimesh.creation.cylinder(0.05, 0.2), 24),  # 12 steps about the axis, each upright and upside down
        (trimesh.creation.cone(0.05, 0.15), 12),
    ],
)
def test_turns_that_keep_the_shape_are_found(shape: trimesh.Trimesh, turns: int) -> None:
    found = shape_turns(mesh_of(shape))
    assert len(found) == turns
    assert pytest.approx(np.eye(3)) == found[0]


def test_a_box_turned_in_its_frame_keeps_its_turns() -> None:
    turned = BOX.copy()
    turned.apply_transform(trimesh.transformations.rotation_matrix(0.5, [1, 2, 3]))
    assert len(shape_turns(mesh_of(turned))) == 4


def test_alignment_with_an_exact_depth_image_recovers_the_pose() -> None:
    mesh, truth = mesh_of(BOX), Pose(trimesh.transformations.euler_matrix(0.5, 0.6, 0.7)[:3, :3], np.array([0, 0, 0.6]))
    K = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
    depth = CpuRenderer().render(mesh, truth.matrix()[None], K, (240, 320)).depth_m[0]
    views = make_views(mesh, Symmetries(), CpuRenderer(), 200)
    view = int(np.argmax(directions() @ (truth.rotation.T @ [0, 0, -1])))
    R, t = truth.rotation.copy(), truth.translation_m + np.array([0.008, -0.006, 0.01])
    turn_by(np.array([0.05, -0.06, 0.04]), R)
    plan = np.array([[0.03, 0.003, 0.005, 0.02]] * 4 + [[0.01, 0.002, 0.005, 0.005]] * 4)
    texture, places, known, by_depth = np.zeros((0, 3)), np.zeros((0, 2)), np.zeros((6, 6)), np.zeros((7, 6))
    cam = np.array([300.0, 300.0, 160.0, 120.0])
    points, normals = views.points[view], views.normals[view]
    refine(points, normals, texture, places, NO_OUTLINE, R, t, depth, cam, plan, np.ones(2), np.eye(6), known, by_depth)
    angle, distance = Pose(R, t).distance(truth)
    assert angle < np.radians(0.5)
    assert distance < 0.001
