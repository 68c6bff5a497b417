"""Recordings: what was written comes back byte for byte, and a file that was cut off gives what is whole in it."""

import errno
import json
import os
import resource
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mcap.reader import make_reader

from producers.archive.channels import CALIBRATION, DEPTH, IMAGE, POSES
from producers.archive.file import RecordingError, WholeWrites
from producers.archive.reader import Recording
from producers.archive.span import BadTime, Span, time_ns
from producers.archive.writer import RecordingWriter
from producers.sources.base import DamagedPicture, SourceError
from producers.sources.open import open_source
from schemas import Camera, Estimate, Frame, Job, JobObject, Pose, PoseEvent, State
from schemas.codec import FrameHeader
from schemas.images import FrameEncoding
from schemas.pictures import encoded
from schemas.records.results import event_from, event_to

CAMERA = Camera(32, 24, 40.0, 41.0, 15.5, 11.25)
JOB = Job("bench", (JobObject("mug", "/meshes/mug.ply", 0.001),), estimator="geometric", options={"off": "turns"})
START_NS = 1_764_000_000_123_456_789
STEP_NS = 33_333_333
QUARTER_TURN = Pose(np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]), np.array([0.1, 0.2, 0.7]))


def header(seq: int, encoding: FrameEncoding | None = None, *, depth: bool = True) -> FrameHeader:
    rng = np.random.default_rng(seq)
    unit_m = 0.0001
    depth_m = (rng.integers(0, 65536, (24, 32)).astype(np.float32) * np.float32(unit_m)) if depth else None
    mask = np.zeros((24, 32), bool)
    mask[3:9, 4:20] = True
    at_ns = START_NS + seq * STEP_NS
    rgb = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    frame = Frame("bench", "run-1", seq, at_ns, CAMERA, rgb, depth_m, {"mug": mask} if seq == 0 else None)
    pictures = encoded(frame, encoding or FrameEncoding(depth_unit_m=unit_m))
    return FrameHeader("bench", "run-1", seq, at_ns, CAMERA, pictures)


def event(seq: int) -> PoseEvent:
    at_ns = START_NS + seq * STEP_NS
    estimates = {"mug": Estimate(QUARTER_TURN, 0.75, State.TRACKED), "cup": Estimate(None, 0.0, State.LOST)}
    return PoseEvent("bench", "run-1", seq, at_ns, at_ns + 1, at_ns + 2, "geometric", "1", "", estimates)


def write(path: Path, headers: list[FrameHeader], events: list[PoseEvent] | None = None) -> None:
    with WholeWrites(path) as out:
        writer = RecordingWriter(out, JOB, "run-1")
        for one in headers:
            writer.frame(one, one.captured_ns + 5_000_000)
        for said in events or []:
            writer.pose_event(said)
        writer.finish()


@pytest.mark.parametrize("encoding", [FrameEncoding(depth_unit_m=1e-4), FrameEncoding("png", 90, "png16", 1e-4)])
def test_pictures_times_and_masks_come_back_as_they_travelled(tmp_path: Path, encoding: FrameEncoding) -> None:
    headers = [header(seq, encoding, depth=seq != 2) for seq in range(4)]
    write(tmp_path / "a.mcap", headers)
    source = open_source(f"mcap:{tmp_path / 'a.mcap'}")
    assert (source.frame_count, source.camera, source.depth_unit_m) == (4, CAMERA, 1e-4)
    assert source.rate_hz == pytest.approx(30.0, rel=1e-6)
    assert [(item.object_id, item.model_uri, item.model_unit_m) for item in source.objects] == [
        ("mug", "/meshes/mug.ply", 0.001)
    ]
    shots = list(source.shots())
    assert [shot.encoded for shot in shots] == [one.pictures for one in headers]
    assert [shot.captured_ns for shot in shots] == [one.captured_ns for one in headers]
    assert [shot.at_s for shot in shots] == pytest.approx([seq / 30 for seq in range(4)], abs=1e-7)
    rgb, depth_m, masks = headers[0].pictures.decoded(CAMERA)
    assert shots[0].depth_m is not None
    assert depth_m is not None
    assert shots[0].masks is not None
    assert masks is not None
    assert (shots[0].rgb == rgb).all()
    assert (shots[0].depth_m == depth_m).all()
    assert (shots[0].masks["mug"] == masks["mug"]).all()
    assert shots[2].depth_m is None
    assert [shot.captured_ns for shot in source.shots(3)] == [headers[3].captured_ns]


def test_a_part_is_played_at_another_speed(tmp_path: Path) -> None:
    headers = [header(seq) for seq in range(6)]
    write(tmp_path / "a.mcap", headers)
    since, until = (f"{one.captured_ns // 10**9}.{one.captured_ns % 10**9:09d}" for one in (headers[2], headers[5]))
    source = open_source(f"mcap:{tmp_path / 'a.mcap'}?from={since}&to={until}&speed=2")
    assert source.frame_count == 3
    assert source.rate_hz == pytest.approx(60.0, rel=1e-6)
    shots = list(source.shots())
    assert [shot.captured_ns for shot in shots] == [one.captured_ns for one in headers[2:5]]
    assert [shot.at_s for shot in shots] == pytest.approx([0.0, 1 / 60, 2 / 60], abs=1e-7)
    assert [shot.captured_ns for shot in source.shots(2)] == [headers[4].captured_ns]
    with pytest.raises(SourceError, match="holds none of then"):
        open_source(f"mcap:{tmp_path / 'a.mcap'}?to=5")
    with pytest.raises(SourceError, match="expected ISO 8601"):
        open_source(f"mcap:{tmp_path / 'a.mcap'}?from=noon")


def test_foxglove_finds_its_schemas_and_what_they_ask_for(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", [header(0)], [event(0)])
    with (tmp_path / "a.mcap").open("rb") as stream:
        found = {
            channel.topic: (schema.name if schema else "", channel.message_encoding, json.loads(message.data), message)
            for schema, channel, message in make_reader(stream, validate_crcs=True).iter_messages()
        }
    names = {topic: name for topic, (name, _, _, _) in found.items()}
    assert names[IMAGE] == "foxglove.CompressedImage"
    assert names[DEPTH] == "foxglove.RawImage"
    assert names[CALIBRATION] == "foxglove.CameraCalibration"
    assert names[POSES] == "foxglove.FrameTransforms"
    assert {encoding for _, encoding, _, _ in found.values()} == {"json"}
    image, depth, calibration, poses = (found[topic][2] for topic in (IMAGE, DEPTH, CALIBRATION, POSES))
    assert image["timestamp"] == {"sec": 1_764_000_000, "nsec": 123_456_789}
    assert image["format"] == "jpeg"
    assert b64decode(image["data"]) == header(0).pictures.rgb
    assert (depth["encoding"], depth["width"], depth["height"], depth["step"]) == ("16UC1", 32, 24, 64)
    assert len(b64decode(depth["data"])) == 32 * 24 * 2
    assert calibration["K"] == [40.0, 0.0, 15.5, 0.0, 41.0, 11.25, 0.0, 0.0, 1.0]
    assert calibration["P"] == [40.0, 0.0, 15.5, 0.0, 0.0, 41.0, 11.25, 0.0, 0.0, 0.0, 1.0, 0.0]
    (transform,) = poses["transforms"]  # the lost object has none
    assert (transform["parent_frame_id"], transform["child_frame_id"]) == ("camera", "mug")
    assert transform["translation"] == {"x": 0.1, "y": 0.2, "z": 0.7}
    half = 0.5**0.5  # a quarter turn about z: (0, 0, sin 45, cos 45)
    assert [transform["rotation"][name] for name in "xyzw"] == pytest.approx([0, 0, half, half])
    assert found[IMAGE][3].log_time == START_NS


def test_answers_are_kept_whole(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", [header(0)], [event(0)])
    (kept,) = Recording(tmp_path / "a.mcap").pose_events()
    assert (kept.event_id, kept.estimator, kept.produced_ns) == ("bench/run-1/0", "geometric", START_NS + 2)
    assert kept.estimates["mug"].score == 0.75
    assert kept.estimates["cup"].state is State.LOST


def test_answers_of_older_recordings_are_read_too() -> None:
    new = event_to(replace(event(0), received_ns=3, started_ns=4, capture_clock="jumped"))
    assert event_from(json.loads(json.dumps(new))).capture_clock == "jumped"
    old = {name: value for name, value in new.items() if name not in ("received_ns", "started_ns", "capture_clock")}
    kept = event_from(json.loads(json.dumps(old)))
    assert (kept.event_id, kept.received_ns, kept.started_ns, kept.capture_clock) == ("bench/run-1/0", None, None, "")


def test_a_file_cut_anywhere_gives_whole_frames_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.archive.writer._CHUNK_BYTES", 4000)  # a frame is cut by chunks, too
    headers = [header(seq) for seq in range(5)]
    write(tmp_path / "whole.mcap", headers)
    data = (tmp_path / "whole.mcap").read_bytes()
    counts = set()
    for length in range(500, len(data), 97):
        cut = tmp_path / "cut.mcap"
        cut.write_bytes(data[:length])
        recording = Recording(cut)
        found = list(recording.frames())
        assert [one.pictures() for one in found] == [one.pictures for one in headers[: len(found)]]
        assert recording.frame_count() == len(found)
        counts.add(len(found))
    assert counts == set(range(6))


def test_a_damaged_chunk_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", [header(seq) for seq in range(3)])
    data = bytearray((tmp_path / "a.mcap").read_bytes())
    data[len(data) // 3] ^= 0xFF
    (tmp_path / "a.mcap").write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.mcap: damaged"):
        list(Recording(tmp_path / "a.mcap").frames())


def test_a_damaged_picture_has_its_number_all_the_same(tmp_path: Path) -> None:
    headers = [header(seq) for seq in range(3)]
    torn = replace(headers[1].pictures, rgb=headers[1].pictures.rgb[:200])
    headers[1] = replace(headers[1], pictures=torn)
    write(tmp_path / "a.mcap", headers)
    source = open_source(f"mcap:{tmp_path / 'a.mcap'}")
    with pytest.raises(DamagedPicture, match="frame 1 of run run-1"):
        list(source.shots())
    assert [shot.captured_ns for shot in source.shots(2)] == [headers[2].captured_ns]


def _not_there(_: Path) -> None: ...


def _text(path: Path) -> None:
    path.write_text("no recording" * 10)


def _foreign(path: Path) -> None:
    from mcap.writer import Writer

    writer = Writer(str(path))
    writer.start()
    writer.finish()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (_not_there, "expected a readable file"),
        (_text, "expected an MCAP file"),
        (_foreign, "expected a file of posestream record"),
        (lambda path: write(path, []), "expected frames, the recording holds none"),
    ],
)
def test_a_file_that_is_no_recording_is_said(tmp_path: Path, make: Callable[[Path], None], says: str) -> None:
    make(tmp_path / "a.mcap")
    with pytest.raises(SourceError, match=says):
        open_source(f"mcap:{tmp_path / 'a.mcap'}")


def test_a_recording_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", [header(0)])
    with pytest.raises(RecordingError, match="exists already"):
        write(tmp_path / "a.mcap", [header(0)])


def test_a_full_disk_leaves_whole_pieces(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "a.bin"
    with WholeWrites(path) as out:
        out.write(b"a" * 600)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(RecordingError, match="600 bytes before it are whole"):
                out.write(b"b" * 600)  # the first 400 of them fit
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        out.write(b"c" * 10)
    assert path.read_bytes() == b"a" * 600 + b"c" * 10


class FullDisk:
    """``os.write`` on a disk with room for some bytes, then for more."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.problems: list[str] = []
        self._write = os.write

    def write(self, fd: int, data: memoryview) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = self._write(fd, data[: self.room])
        self.room -= done
        return done

    def wait(self, problem: str) -> bool:
        self.problems.append(problem)
        self.room = 500 if len(self.problems) == 2 else self.room
        return len(self.problems) < 3


def test_a_disk_that_has_room_again_is_written_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, disk = tmp_path / "a.bin", FullDisk(700)
    monkeypatch.setattr("producers.archive.file.os.write", disk.write)
    with WholeWrites(path, disk.wait) as out:
        out.write(b"a" * 600)
        assert out.write(b"b" * 300) == 300  # the first 100 of them fit at once
        assert len(disk.problems) == 2
        assert "600 bytes before it are whole" in disk.problems[0]
        with pytest.raises(RecordingError, match="No space left"):
            out.write(b"c" * 300)  # nobody waits any more
    assert path.read_bytes() == b"a" * 600 + b"b" * 300


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24T10:15:00", 1_795_515_300_000_000_000),
        ("2026-11-24T12:15:00.25+02:00", 1_795_515_300_250_000_000),
        ("1795515300.123456789", 1_795_515_300_123_456_789),
        ("0", 0),
    ],
)
def test_times_are_read_to_the_nanosecond(text: str, expected: int) -> None:
    assert time_ns(text) == expected


@pytest.mark.parametrize("text", ["yesterday", "nan", "-5", "2026-13-01"])
def test_what_is_no_time_is_said(text: str) -> None:
    with pytest.raises(BadTime, match=r"expected .* got"):
        time_ns(text)


def test_a_span_takes_its_start_and_not_its_end() -> None:
    span = Span(100, 200)
    assert [span.holds(at_ns) for at_ns in (99, 100, 199, 200)] == [False, True, True, False]
    assert Span().holds(0)
    with pytest.raises(BadTime, match="expected a start before its end"):
        Span(200, 200)
