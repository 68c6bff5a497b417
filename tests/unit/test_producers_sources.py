"""Sources: what comes out, from any place, and what is said about bad input."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from producers.sources.base import SourceError
from producers.sources.bop_models import symmetries_from
from producers.sources.motion import SPEEDS, Motion
from producers.sources.open import open_source
from producers.sources.options import parse_address
from producers.sources.printed_box import SIZE_M, box_arrays
from producers.sources.sensor import Sensor

DATA = Path(__file__).parents[3] / "shared" / "data"
PLY = "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\n"
PLY += "element face 1\nproperty list uchar int vertex_indices\nend_header\n0 0 0\n100 0 0\n0 100 0\n3 0 1 2\n"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three frames of two objects, 8x6 pixels; depth in 0.1 mm; the last frame has no depth."""
    folder = tmp_path / "000007_tiny"
    for name in ("rgb", "depth", "mask_visib", "models"):
        (folder / name).mkdir(parents=True)
    gt, cameras = {}, {}
    for number in (1, 2, 5):
        cv2.imwrite(str(folder / "rgb" / f"{number:06d}.png"), np.full((6, 8, 3), 10 * number, np.uint8))
        if number != 5:
            cv2.imwrite(str(folder / "depth" / f"{number:06d}.png"), np.full((6, 8), 10000 + number, np.uint16))
        gt[number] = [
            {"obj_id": obj, "cam_R_m2c": [1, 0, 0, 0, 1, 0, 0, 0, 1], "cam_t_m2c": [number, 0, 100 * obj]}
            for obj in (3, 4)
        ]
        cameras[number] = {"cam_K": [10, 0, 3.5, 0, 11, 2.5, 0, 0, 1], "depth_scale": 0.1}
        for index in range(2):
            mask = np.zeros((6, 8), np.uint8)
            mask[index] = 255
            cv2.imwrite(str(folder / "mask_visib" / f"{number:06d}_{index:06d}.png"), mask)
    (folder / "scene_gt.json").write_text(json.dumps(gt))
    (folder / "scene_camera.json").write_text(json.dumps(cameras))
    (folder / "models" / "models_info.json").write_text(json.dumps({"3": {"diameter": 100}}))
    for number in (3, 4):
        (folder / "models" / f"obj_{number:06d}.ply").write_text(PLY)
    return folder


def test_a_recording_gives_pictures_depth_truth_and_the_first_masks(recording: Path) -> None:
    source = open_source(f"bop:{recording}")
    shots = list(source.shots())
    assert [int(shot.rgb[0, 0, 0]) for shot in shots] == [10, 20, 50]
    assert shots[0].depth_m is not None
    assert shots[0].depth_m[0, 0] == np.float32(10001) * np.float32(0.0001)
    assert shots[2].depth_m is None
    assert shots[0].masks is not None
    assert {name: mask[:, 0].tolist() for name, mask in shots[0].masks.items()} == {
        "obj_000003": [True, False, False, False, False, False],
        "obj_000004": [False, True, False, False, False, False],
    }
    assert shots[1].masks is None
    assert source.truth(2)["obj_000004"].translation_m.tolist() == [0.005, 0.0, 0.4]
    assert source.image_id(2) == 5
    assert source.objects[0].model_unit_m == 0.001
    assert source.camera.fy == 11


def test_a_recording_is_read_from_any_place_as_from_its_start(recording: Path) -> None:
    source = open_source(f"bop:{recording}?loop=2")
    whole = [int(shot.rgb[0, 0, 0]) for shot in source.shots()]
    assert whole == [10, 20, 50, 50, 20, 10]  # forwards, then backwards: nothing jumps
    assert [int(shot.rgb[0, 0, 0]) for shot in source.shots(4)] == whole[4:]


def test_every_and_objects_choose(recording: Path) -> None:
    source = open_source(f"bop:{recording}?every=2&objects=4")
    assert [source.image_id(seq) for seq in range(source.frame_count)] == [1, 5]
    assert list(source.truth(0)) == ["obj_000004"] == [item.object_id for item in source.objects]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("?objects=9", "expected objects among 3,4, got '9'"),
        ("?evry=2", "expected options among objects, every, loop, rate, got 'evry'"),
        ("?every=0", "expected every to be a whole number of at least 1, got '0'"),
        ("?rate=fast", "expected rate to be a number above 0, got 'fast'"),
    ],
)
def test_a_wrong_option_is_named(recording: Path, query: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        open_source(f"bop:{recording}{query}")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("desk", "expected SCHEME:PLACE"),
        (
            "ftp:camera",
            "expected a scheme among bop, images, video, mcap, rtsp, rtsps, http, https, usb, synthetic, got 'ftp'",
        ),
        ("bop:/nowhere", "expected a folder with rgb/ and scene_camera.json, found none"),
        ("synthetic:?level=insane", "expected level to be one of easy, medium, hard"),
        ("synthetic:?size=big", "expected size as WIDTHxHEIGHT"),
        ("synthetic:?frames", "expected options as name=value"),
        ("video:/nowhere.mp4", "expected a video file, found none"),
        ("images:/nowhere", "expected a folder of pictures, found none"),
    ],
)
def test_a_wrong_address_is_named(address: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        open_source(address)


def test_a_damaged_picture_is_named_with_its_file(recording: Path) -> None:
    (recording / "rgb" / "000002.png").write_bytes(b"no picture")
    shots = open_source(f"bop:{recording}").shots()
    next(shots)
    with pytest.raises(SourceError, match=r"000002\.png: expected a picture, could not decode its 10 bytes"):
        next(shots)


@pytest.mark.parametrize("size", [(4, 4), (3, 5), (12, 16)])
def test_a_picture_of_another_size_is_refused(recording: Path, size: tuple[int, int]) -> None:
    cv2.imwrite(str(recording / "depth" / "000001.png"), np.zeros(size, np.uint16))
    with pytest.raises(SourceError, match=f"expected 8x6 as the camera says, got {size[1]}x{size[0]}"):
        next(open_source(f"bop:{recording}").shots())


def test_depth_of_half_the_size_is_enlarged(recording: Path) -> None:
    cv2.imwrite(str(recording / "depth" / "000001.png"), np.full((3, 4), 7000, np.uint16))
    shot = next(open_source(f"bop:{recording}").shots())
    assert shot.depth_m is not None
    assert shot.depth_m.shape == (6, 8)
    assert (shot.depth_m == np.float32(7000) * np.float32(0.0001)).all()


def test_symmetries_come_in_metres() -> None:
    info = {
        "symmetries_discrete": [[1, 0, 0, 10, 0, -1, 0, 20, 0, 0, -1, 30, 0, 0, 0, 1]],
        "symmetries_continuous": [{"axis": [0, 0, 1], "offset": [0, 5, 0]}],
    }
    found = symmetries_from(info)
    assert found.discrete[0][:3, 3].tolist() == [0.01, 0.02, 0.03]
    assert found.continuous[0].offset_m.tolist() == [0.0, 0.005, 0.0]


def intrinsics(folder: Path, **more: object) -> Path:
    path = folder / "camera.json"
    path.write_text(json.dumps({"fx": 10, "fy": 11, "cx": 3.5, "cy": 2.5} | more))
    return path


def test_a_folder_of_pictures_with_depth_and_a_mask(recording: Path, tmp_path: Path) -> None:
    camera = intrinsics(tmp_path, depth_unit_m=0.0001)
    mesh = recording / "models" / "obj_000003.ply"
    mask = recording / "mask_visib" / "000001_000001.png"
    options = f"intrinsics={camera}&depth={recording / 'depth'}&mesh={mesh}&unit=0.001&object=tri&mask={mask}&rate=5"
    source = open_source(f"images:{recording / 'rgb'}?{options}")
    shots = list(source.shots())
    assert [shot.at_s for shot in shots] == [0.0, 0.2, 0.4]
    assert [shot.depth_m is None for shot in shots] == [False, False, True]
    assert shots[0].masks is not None
    assert shots[0].masks["tri"].sum() == 8
    assert (source.objects[0].object_id, source.objects[0].model_unit_m) == ("tri", 0.001)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"width": 640, "height": 480}, "says 640x480, the pictures are 8x6"),
        ({"fx": float("nan")}, "expected finite intrinsics"),
        ({"fx": None}, "expected fx, fy, cx and cy"),
    ],
)
def test_wrong_intrinsics_are_named(recording: Path, tmp_path: Path, content: dict[str, object], reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        open_source(f"images:{recording / 'rgb'}?intrinsics={intrinsics(tmp_path, **content)}")


def test_a_video_gives_its_pictures_from_any_place(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25.0, (64, 48))
    for number in range(6):
        writer.write(np.full((48, 64, 3), 40 * number, np.uint8))
    writer.release()
    source = open_source(f"video:{path}?intrinsics={intrinsics(tmp_path)}")
    whole = [int(shot.rgb.mean()) for shot in source.shots()]
    assert (source.rate_hz, source.frame_count, len(whole)) == (25.0, 6, 6)
    assert whole == pytest.approx([40 * number for number in range(6)], abs=3)  # JPEG
    assert [int(shot.rgb.mean()) for shot in source.shots(4)] == whole[4:]


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSESTREAM_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_own_cache")
def test_the_synthetic_clip_is_the_same_each_time_and_from_any_place() -> None:
    address = "synthetic:?frames=4&size=160x120&seed=5&level=medium"
    first = list(open_source(address).shots())
    again = list(open_source(address).shots(2))
    assert first[0].masks is not None
    assert again[0].masks is None
    for left, right in zip(first[2:], again, strict=True):
        assert (left.rgb == right.rgb).all()
        assert left.depth_m is not None
        assert (left.depth_m == right.depth_m).all()
    assert (next(open_source(address.replace("seed=5", "seed=6")).shots()).rgb != first[0].rgb).any()


@pytest.mark.usefixtures("_own_cache")
def test_the_synthetic_depth_and_mask_are_where_the_truth_says() -> None:
    source = open_source("synthetic:?frames=1")
    shot, pose = next(source.shots()), source.truth(0)["obj_000001"]
    assert shot.masks is not None
    assert shot.depth_m is not None
    mask = shot.masks["obj_000001"]
    centre_px = source.camera.project(pose.translation_m)
    assert np.abs(np.argwhere(mask).mean(axis=0)[::-1] - centre_px).max() < 15  # a carton's outline about its centre
    seen_m = shot.depth_m[mask & (shot.depth_m > 0)]
    reach_m = np.linalg.norm(SIZE_M) / 2
    inside = np.abs(seen_m - pose.translation_m[2]) < reach_m + 0.01
    assert inside.mean() > 0.99
    assert Path(source.objects[0].model_uri).is_file()


def test_the_carton_is_wound_outwards() -> None:
    vertices, faces, _ = box_arrays()
    corners = vertices[faces]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ij,ij->i", normal, corners.mean(axis=1)) > 0).all()
    assert np.ptp(vertices, axis=0) == pytest.approx(SIZE_M)


@pytest.mark.parametrize("level", SPEEDS)
def test_motion_has_the_speed_of_its_level(level: str) -> None:
    motion = Motion(level, 3)
    steps = [motion.pose(number + 1).distance(motion.pose(number)) for number in range(200)]
    turn, shift = (np.sqrt(np.mean(np.square(column))) for column in zip(*steps, strict=True))
    metres, degrees = SPEEDS[level]
    assert shift == pytest.approx(metres, rel=0.3)
    assert np.degrees(turn) == pytest.approx(degrees, rel=0.3)


def test_the_sensor_is_off_by_what_its_model_says() -> None:
    flat = np.full((120, 160), 0.8, np.float32)
    none = np.zeros((120, 160), bool)
    _, raw = Sensor((120, 160), 600.0, 0).picture(np.zeros((120, 160, 3), np.uint8), flat, none, 0)
    assert (raw == 0).mean() == pytest.approx(0.015, abs=0.005)
    error_m = raw[raw > 0] * 0.001 - 0.8
    expected_m = 0.8**2 / (600 * 0.055) * np.hypot(0.08, 1 / 32 / np.sqrt(12))  # dz = z^2 / (f b) dd
    assert error_m.std() == pytest.approx(expected_m, rel=0.25)
    assert abs(error_m.mean()) < 0.001


def test_an_address_is_taken_apart() -> None:
    address = parse_address("bop:/a/b c?objects=1,2&every=3")
    assert (address.scheme, address.place) == ("bop", "/a/b c")
    assert dict(address.options) == {"objects": "1,2", "every": "3"}


@pytest.mark.skipif(not DATA.is_dir(), reason=f"recordings are not at {DATA}")
@pytest.mark.parametrize(("name", "frames", "objects"), [("desk_cube", 99, 1), ("ycbv_0001", 20, 4)])
def test_the_real_recordings_open(name: str, frames: int, objects: int) -> None:
    source = open_source(f"bop:{DATA / name}")
    shot = next(source.shots())
    assert (source.frame_count, len(source.objects)) == (frames, objects)
    assert shot.depth_m is not None
    assert 0.3 < np.median(shot.depth_m[shot.depth_m > 0]) < 2.0
    assert shot.masks is not None
    assert shot.masks.keys() == source.truth(0).keys()
