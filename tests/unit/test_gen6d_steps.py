"""Gen6D's steps by their own laws: what its pitfalls would break."""

import cv2
import numpy as np
import pytest
import torch

from estimators.gen6d.alone import RADIAN, RIGHT_ANGLE, initial_pose, predict, refine, select
from estimators.gen6d.database import build
from estimators.gen6d.detector import Detector, resized_to
from estimators.gen6d.engine import Features
from estimators.gen6d.geometry import applied, camera_position, compose, inverse, projected
from estimators.gen6d.look_at import look_at
from estimators.gen6d.references import SIDE_PX, References, aligned, upright
from estimators.gen6d.refiner import FeatureNet, Refiner, Views
from estimators.gen6d.selector import ANGLES_DEG, Selector
from estimators.gen6d.similarity import first_pose, relative_view, rigid_pose, similarity
from estimators.gen6d.steps import looks, next_pose, query_crop
from estimators.gen6d.views import spread
from estimators.gen6d.volume import sampled, volume_points
from tests.unit.gen6d_world import CAMERA, around, drawn, engine, known, looking_from, references

K = CAMERA.K.astype(np.float32)
STILL = (np.array([1.0, 0, 0, 0]), np.zeros(2), 0.0)


def test_the_objects_sphere_fills_an_upright_crop_up_to_the_margin() -> None:
    made = references()
    for index in (0, 5):
        crop = upright(made, index)
        (middle,), _ = projected(made.center[None], crop.cam_from_obj, crop.K)
        assert middle == pytest.approx([64, 64], abs=0.3)  # the turn towards a point is not exact
        distance = np.linalg.norm(camera_position(crop.cam_from_obj) - made.center)
        assert crop.K[0, 0] * made.diameter / distance == pytest.approx(121.6, rel=1e-3)
        (top,), _ = projected(made.center[None] + 0.01 * made.up, crop.cam_from_obj, crop.K)
        assert top[0] == pytest.approx(middle[0], abs=0.05)
        assert top[1] < middle[1]


def test_turned_references_are_warped_once_from_the_picture() -> None:
    made = references()
    database = build(made, 4)
    crop = upright(made, int(database.ids[0]))
    about = np.array([[0, -1, SIDE_PX], [1, 0, 0], [0, 0, 1.0]])  # 90 degrees, from x to y, about (64, 64)
    wanted = cv2.warpPerspective(made.pictures[database.ids[0]], about @ crop.homography, (SIDE_PX, SIDE_PX))
    assert np.abs(database.turned[0, ANGLES_DEG.index(90)].astype(int) - wanted.astype(int)).max() <= 1
    assert (database.turned[0, ANGLES_DEG.index(0)] == database.upright[0]).all()


def test_farthest_points_leave_one_out_where_there_are_no_more() -> None:
    points = np.random.default_rng(0).normal(size=(9, 3))
    assert len(spread(points, 8)) == 8
    assert len(set(spread(points, 9).tolist())) == 8
    assert len(spread(points, 64)) == 8
    assert spread(points, 64)[:5].tolist() == spread(points, 5).tolist()


def test_the_detector_takes_the_first_of_the_chosen_references(monkeypatch: pytest.MonkeyPatch) -> None:
    made, given = build(references(40)), list[torch.Tensor]()
    asked = engine()
    monkeypatch.setattr(asked._detector, "kernels", given.append)
    monkeypatch.setattr(asked._selector, "features", given.append)
    asked.features(made)
    assert made.ids.tolist() == spread(references(40).positions(), 64).tolist()
    assert len(made.ids) == 39
    assert torch.equal((given[0] * 255).round().byte(), torch.from_numpy(made.upright[:32]).movedim(-1, 1))
    assert len(given[1]) == 39 * len(ANGLES_DEG)


def test_a_detection_with_the_true_angle_and_scale_gives_the_true_centre_and_turn() -> None:
    """And the same answer in right angles, taken for radians, is 57 % off: the unit matters."""
    made = references()
    database = build(made, 6)
    reference = (database.cam_from_obj[2], database.K[2])
    roll = 0.5
    pose = compose(made.cam_from_obj[database.ids[2]], np.concatenate([looking_roll(roll), np.zeros((3, 1))], axis=1))
    pose[:, 3] *= 1.25
    pose[:, 3] += np.array([0.03, -0.02, 0])
    (place,), _ = projected(made.center[None], pose, K)
    scale, angle = relative_view(reference, (pose, K), made.center)
    found = first_pose(place, scale, angle, reference, K, made.center)
    assert applied(found, made.center[None])[0] == pytest.approx(applied(pose, made.center[None])[0], abs=1e-5)
    said = angle / RIGHT_ANGLE
    right = first_pose(place, scale, said * RIGHT_ANGLE, reference, K, made.center)
    wrong = first_pose(place, scale, said * RADIAN, reference, K, made.center)
    assert turn_between(right, found) < 1e-6
    assert turn_between(wrong, found) == pytest.approx(abs(angle) * (1 - 2 / np.pi), rel=1e-3)


def test_the_unit_of_the_selectors_angle_is_a_switch() -> None:
    picture, _ = drawn(around(12)[3])
    place = (np.array([80.0, 60.0]), 1.0)
    raw, turned = (select(engine(), known(), picture, place, unit) for unit in (RADIAN, RIGHT_ANGLE))
    assert turned.angle_rad == pytest.approx(raw.angle_rad * np.pi / 2)
    assert (turned.reference, turned.logit) == (raw.reference, raw.logit)
    first, other = (initial_pose(known(), K, place, one) for one in (raw, turned))
    assert turn_between(first, other) == pytest.approx(abs(raw.angle_rad) * (np.pi / 2 - 1), rel=1e-3, abs=1e-6)


def test_a_step_that_changes_nothing_gives_the_pose_back() -> None:
    made = references()
    database = build(made, 4)
    for pose in (looking_from(np.array([0.3, 0.2, 0.25]), 0.4), around(12)[5]):
        moved = pose.copy()
        moved[:, 3] += (0.05, -0.03, 0.02)  # off the middle of the picture: the camera is turned there and back
        seen = looks(drawn(moved)[0], K, moved, made, database)
        assert np.abs(next_pose(seen.query, *STILL, made.center, made.diameter) - moved).max() < 2e-6
        assert len(set(seen.ids.tolist())) == 6


def test_an_object_that_looks_larger_is_nearer_and_one_aside_moves_by_the_objects_half_size() -> None:
    made = references()
    pose = around(12)[4]
    query = query_crop(drawn(pose)[0], K, made.normalised().cam_from_obj[4])
    nearer = next_pose(query, STILL[0], STILL[1], 1.0, made.center, made.diameter)
    assert nearer[:, 3] == pytest.approx(pose[:, 3] / 2, rel=1e-5)
    aside = next_pose(query, STILL[0], np.array([0.1, 0]), 0.0, made.center, made.diameter)
    assert np.linalg.norm(aside[:, 3] - pose[:, 3]) == pytest.approx(0.1 * made.diameter / 2, rel=1e-4)


def test_a_similarity_keeps_the_centre_where_only_the_turn_changes() -> None:
    pose = looking_from(np.array([0.3, 0.2, 0.25]))
    quarter = np.array([np.cos(0.2), 0, 0, np.sin(0.2)])
    change = similarity(quarter, np.zeros(2), 0.3, pose[:, 3])
    assert applied(change, pose[:, 3][None])[0] == pytest.approx(pose[:, 3])
    turned = rigid_pose(change, pose, K, K, np.zeros(3))
    assert turned[:, 3] == pytest.approx(pose[:, 3] / 2**0.3)


def test_references_of_a_step_are_turned_like_the_view_and_sorted_by_direction() -> None:
    made = references()
    database = build(made, 4)
    pose = looking_from(np.array([0.25, 0.3, 0.2]), 0.7)
    seen = looks(drawn(pose)[0], K, pose, made, database)
    view = (seen.query.cam_from_obj, seen.query.K)
    directions = [camera_position(crop.cam_from_obj) for crop in seen.references]
    towards = camera_position(seen.query.cam_from_obj)
    cosines = [d @ towards / np.linalg.norm(d) / np.linalg.norm(towards) for d in directions]
    assert cosines == sorted(cosines, reverse=True)
    for index, crop in zip(seen.ids, seen.references, strict=True):
        own = (crop.cam_from_obj, crop.K)
        assert relative_view(own, view, np.zeros(3))[1] == pytest.approx(0, abs=1e-3)
        assert crop.picture.tobytes() == aligned(made.normalised(), int(index), view).picture.tobytes()


def test_volume_points_lie_along_the_cameras_axes() -> None:
    pose = torch.from_numpy(looking_from(np.array([1.0, 2.0, 1.5]))).float()[None]
    points = volume_points(pose)[0]
    seen = points @ pose[0, :, :3].T
    for axis in range(3):
        step = torch.diff(seen, dim=axis)
        wanted = torch.zeros(3)
        wanted[axis] = 2 / 31
        assert torch.allclose(step, wanted.expand_as(step), atol=1e-6)


def test_features_are_read_at_half_pixels_of_the_picture_and_are_zero_outside() -> None:
    """A ramp over a picture of 128 px in cells of 4: at a pixel it reads the pixel."""
    ramp = torch.arange(32.0).expand(32, 32)[None, None] * 4 + 1.5  # value at the middle of each cell
    camera = torch.tensor([[[100.0, 0, 64], [0, 100, 64], [0, 0, 1]]])
    pose = torch.eye(3, 4)[None]
    pose[0, 2, 3] = 2.0
    points = torch.tensor([[[0.3, 0.1, 0.0], [-0.5, 0.2, 0.1], [9.0, 0, 0]]])[:, None, None]
    read = sampled(ramp, camera, pose, points, 128)[0, 0, 0, 0]
    pixels = [100 * 0.3 / 2 + 64, 100 * -0.5 / 2.1 + 64]
    assert read[:2].tolist() == pytest.approx(pixels, abs=1e-3)
    assert read[2] == 0


def test_the_refiner_takes_the_unbiased_deviation_of_its_references(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[torch.Tensor] = []
    made = Refiner().eval()
    monkeypatch.setattr(FeatureNet, "forward", lambda _, pictures: pictures[:, :1, ::4, ::4].repeat(1, 128, 1, 1))
    monkeypatch.setattr(made.volume_net, "forward", lambda *parts: given.extend(parts) or torch.zeros(1, 32768))
    seen = query_crop(drawn(around(12)[0])[0], K, references().normalised().cam_from_obj[0])
    pictures = torch.rand(1, 7, 3, 128, 128)
    camera, pose = torch.from_numpy(seen.K), torch.from_numpy(seen.cam_from_obj).float()
    query = Views(pictures[:, 0], camera[None], pose[None])
    with torch.inference_mode():
        made(query, Views(pictures[:, 1:], camera.expand(1, 6, 3, 3), pose.expand(1, 6, 3, 4)))
        alone = [made_volume(pictures[:, k], camera, pose) for k in range(7)]
    known = torch.stack(alone[1:])
    middle = (slice(None), slice(None), 16, 16, 16)
    assert torch.allclose(given[2][middle], alone[0][middle], atol=1e-5)
    assert torch.allclose(given[0][middle], known.mean(dim=0)[middle], atol=1e-5)
    spread_out = ((known - known.mean(dim=0)) ** 2).sum(dim=0) / 5
    assert torch.allclose(given[1][middle], spread_out.sqrt()[middle], atol=1e-5)


def made_volume(pictures: torch.Tensor, camera: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    features = pictures[:, :1, ::4, ::4].repeat(1, 128, 1, 1)
    return sampled(features, camera[None], pose[None], volume_points(pose[None]), 128)


def test_sizes_of_the_detectors_pictures_are_rounded_up_to_32() -> None:
    assert resized_to(150, 187, -0.5) == (128, 160)
    assert resized_to(480, 640, 0.5) == (704, 928)


def test_a_reference_is_made_smaller_by_the_nearest_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Detector().eval()
    given: list[torch.Tensor] = []
    monkeypatch.setattr(made.backbone, "forward", lambda pictures: given.append(pictures) or (pictures,) * 4)
    picture = torch.rand(1, 3, 128, 128)
    made.kernels(picture)
    rows = (torch.arange(120) * 128) // 120
    assert torch.equal(given[0], picture[:, :, rows][:, :, :, rows])


def test_the_selectors_answer_depends_on_all_references_together() -> None:
    """Its norms go over all of them: without one, the others' logits change."""
    features = known().features
    views = tuple(level[: 3 * len(ANGLES_DEG)] for level in features.views)
    fewer = Features(features.kernels, views, features.embedding[:, :3])
    crop = known().database.upright[:1]
    logits, less = (engine().select(crop, one)[0][0] for one in (features, fewer))
    assert np.abs(logits[:3] - less).max() > 1e-3


def test_attention_counts_heads_fastest() -> None:
    """A message of head h comes from channels c with c mod 8 = h alone."""
    attention = Selector().eval().atts[0]
    with torch.no_grad():
        for conv in (attention.conv_query, attention.conv_key):
            conv.weight.zero_()
            conv.bias.zero_()
        attention.conv_feats.weight.copy_(torch.eye(512)[:, :, None])
        attention.conv_merge.weight.copy_(torch.eye(512)[:, :, None])
        attention.conv_feats.bias.zero_()
        attention.conv_merge.bias.zero_()
        attention.conv_query.bias[3::8] = 1.0  # head 3 looks at the view whose channel 3 mod 8 is large
        attention.conv_key.weight[3::8, 0, 0] = 100.0
        attention.norm = torch.nn.Identity()
        views = torch.randn(1, 512, 5)
        views[0, 0] = torch.tensor([0.0, 0, 9, 0, 0])
        message = attention(views)
    assert torch.allclose(message[0, 3::8], views[0, 3::8, 2:3].expand(-1, 5), atol=1e-4)
    assert torch.allclose(message[0, 4::8], views[0, 4::8].mean(dim=1, keepdim=True).expand(-1, 5), atol=1e-4)


def test_the_video_mode_is_one_step_without_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine()
    monkeypatch.setattr(made, "detect", lambda *_: pytest.fail("detected"))
    monkeypatch.setattr(made, "select", lambda *_: pytest.fail("selected"))
    pose = looking_from(np.array([0.3, 0.2, 0.25]), 0.3)
    picture, before = drawn(pose)[0], made.calls
    found = predict(made, known(), picture, K, pose)
    assert made.calls == before + 1
    assert turn_between(found, pose) > 1e-3  # the recipe's refiner moves it
    monkeypatch.setattr(made, "refine", lambda seen: [STILL] * len(seen))
    assert np.abs(refine(made, known(), picture, K, pose) - pose).max() < 2e-6


def test_the_whole_pipeline_is_its_steps_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    made, steps = engine(), list[int]()
    monkeypatch.setattr(made, "refine", lambda seen: steps.append(len(seen)) or [STILL] * len(seen))
    picture, _ = drawn(looking_from(np.array([0.3, 0.2, 0.25])))
    (found,) = made.detect(picture[None], known().features)
    place = (np.array([found.x_px, found.y_px]), found.scale_r2q)
    first = initial_pose(known(), K, place, select(made, known(), picture, place))
    assert np.abs(predict(made, known(), picture, K) - first).max() < 1e-5
    assert steps == [1, 1, 1]


def looking_roll(angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def turn_between(one: np.ndarray, other: np.ndarray) -> float:
    turn = one[:, :3] @ other[:, :3].T
    sine = np.linalg.norm([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    return float(np.arctan2(sine, np.trace(turn) - 1))


def test_the_crop_of_a_point_off_both_axes_is_not_quite_centred() -> None:
    """The reference's look-at: kept, for its digits."""
    picture, _ = drawn(around(12)[0])
    for place, off in ((np.array([80.0, 20.0]), 0.0), (np.array([20.0, 20.0]), 0.5)):
        crop = look_at(picture, K, around(12)[0], place, 0.0, 1.0, (128, 128))
        seen = crop.homography @ np.append(place, 1.0)
        aside = np.linalg.norm(seen[:2] / seen[2] - 64)
        assert (aside < 1e-3) if off == 0 else (aside > off)
        assert np.abs(compose(crop.cam_from_obj, inverse(crop.turned)) - around(12)[0]).max() < 1e-6


def test_references_are_kept_in_their_own_unit() -> None:
    made = references()
    large = References(made.pictures, made.K, made.cam_from_obj.copy(), made.center, made.up, made.diameter * 1000)
    large.cam_from_obj[:, :, 3] *= 1000
    assert np.allclose(large.normalised().cam_from_obj, made.normalised().cam_from_obj, atol=1e-5)
