"""Every word comes back as it went; what is damaged is refused with a reason."""

import contextlib
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import (
    BadMessage,
    Box,
    Camera,
    ContinuousSymmetry,
    Estimate,
    Frame,
    Job,
    JobObject,
    Mode,
    Pose,
    PoseEvent,
    Prompt,
    SeqRange,
    State,
    StatusEvent,
    StatusKind,
    Symmetries,
    Track,
)
from schemas.codec import Codec, Word
from schemas.images import FrameEncoding
from schemas.topics import JOBS, MESSAGE_LIMIT_BYTES, POSES, PROMPTS, STATUS, TRACKS, frames_topic

CODEC = Codec("mock://codec")
FRAMES = frames_topic("default")
TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
CAMERA = Camera(8, 6, 10.0, 11.0, 3.5, 2.5)

finite = st.floats(allow_nan=False, allow_infinity=False, width=64)
counts = st.integers(0, 2**62)
ids = st.text(min_size=1, max_size=20)
spans = st.builds(lambda first, more: SeqRange(first, first + more), st.integers(0, 2**40), st.integers(0, 99))
poses = st.builds(lambda x, y, z: Pose(TURN, np.array([x, y, z])), finite, finite, finite)
estimates = st.builds(
    Estimate,
    cam_from_obj=poses,
    score=st.floats(0, 1),
    state=st.sampled_from(State),
    covariance=st.none() | st.just(np.arange(36.0).reshape(6, 6)),
    memory=st.none() | st.binary(max_size=50),
) | st.just(Estimate(None, 0.0, State.LOST))
by_object = st.dictionaries(ids, estimates, max_size=3)
events = st.builds(
    PoseEvent,
    *(ids, ids, counts, counts, counts, counts, ids, ids, st.text(max_size=64), by_object),
    stage_s=st.dictionaries(ids, finite, max_size=3),
    skipped=st.none() | spans,
    traceparent=st.text(max_size=55),
)
tracks = st.builds(Track, ids, ids, counts, counts, counts, by_object)
statuses = st.builds(StatusEvent, ids, ids, st.sampled_from(StatusKind), counts, ids, ids, st.none() | spans)


def same_estimates(left: dict[str, Estimate], right: dict[str, Estimate], *, memory: bool) -> None:
    assert left.keys() == right.keys()
    for name, one in left.items():
        other = right[name]
        assert (one.score, one.state) == (other.score, other.state)
        assert (one.cam_from_obj is None) == (other.cam_from_obj is None)
        if one.cam_from_obj and other.cam_from_obj:
            assert (one.cam_from_obj.matrix() == other.cam_from_obj.matrix()).all()  # to the bit
        assert (one.covariance is None) == (other.covariance is None)
        assert other.memory == (one.memory if memory else None)


@given(events)
def test_an_event_comes_back_without_its_memory(event: PoseEvent) -> None:
    back = CODEC.decode(CODEC.encode(POSES, event), PoseEvent)
    for name in PoseEvent.__dataclass_fields__:
        if name != "estimates":
            assert getattr(back, name) == getattr(event, name)
    same_estimates(dict(event.estimates), dict(back.estimates), memory=False)


@given(tracks)
def test_a_track_comes_back_with_its_memory(track: Track) -> None:
    back = CODEC.decode(CODEC.encode(TRACKS, track), Track)
    for name in ("job_id", "run_id", "seq", "owner_epoch", "prompt_offset"):
        assert getattr(back, name) == getattr(track, name)
    same_estimates(dict(track.estimates), dict(back.estimates), memory=True)


@given(statuses)
def test_a_status_comes_back(status: StatusEvent) -> None:
    assert CODEC.decode(CODEC.encode(STATUS, status), StatusEvent) == status


def test_a_job_comes_back() -> None:
    symmetries = Symmetries((np.diag([-1.0, -1.0, 1.0, 1.0]),), (ContinuousSymmetry(np.eye(3)[2], np.zeros(3)),))
    job = Job("a.b-c", (JobObject("mug", "mug.ply", 0.001, symmetries),), "gpu", "x", Mode.LIVE, 3, 7, {"k": "v"})
    back = CODEC.decode(CODEC.encode(JOBS, job), Job)
    for name in ("id", "pool", "estimator", "mode", "partition", "priority", "options"):
        assert getattr(back, name) == getattr(job, name)
    assert back.objects[0].model_unit_m == 0.001
    assert (back.objects[0].symmetries.discrete[0] == symmetries.discrete[0]).all()
    assert (back.objects[0].symmetries.continuous[0].axis == np.eye(3)[2]).all()


@pytest.mark.parametrize(
    "prompt",
    [
        Prompt("j", "", "mug", box=Box(1.5, 2, 3, 4)),
        Prompt("j", "r", "mug", mask=np.eye(5, 9) > 0),
        Prompt("j", "r", "mug", reset=True),
    ],
)
def test_a_prompt_comes_back(prompt: Prompt) -> None:
    back = CODEC.decode(CODEC.encode(PROMPTS, prompt), Prompt)
    assert (back.job_id, back.run_id, back.object_id, back.box, back.reset) == (
        *(prompt.job_id, prompt.run_id, prompt.object_id, prompt.box, prompt.reset),
    )
    assert back.mask is None if prompt.mask is None else (back.mask == prompt.mask).all()


def a_frame(seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (6, 8, 3)).astype(np.uint8)
    depth_m = rng.integers(0, 65536, (6, 8)).astype(np.float32) * np.float32(0.0001)
    return Frame("j", "r", 5, 123, CAMERA, rgb, depth_m, {"mug": rng.random((6, 8)) > 0.5})


@pytest.mark.parametrize("depth", ["dzp16", "png16"])
def test_a_lossless_frame_comes_back_to_the_bit(depth: str) -> None:
    frame = a_frame()
    back = CODEC.decode(CODEC.encode(FRAMES, frame, FrameEncoding("png", 90, depth, 0.0001)), Frame)
    assert (back.job_id, back.run_id, back.seq, back.captured_ns, back.camera) == ("j", "r", 5, 123, CAMERA)
    assert (back.rgb == frame.rgb).all()
    assert back.depth_m is not None
    assert (back.depth_m == frame.depth_m).all()
    assert back.masks is not None
    assert (back.masks["mug"] == frame.masks["mug"]).all()


def test_a_header_is_read_without_pixels() -> None:
    header = CODEC.decode_frame_header(CODEC.encode(FRAMES, a_frame()))
    assert (header.seq, header.camera, header.pictures.rgb_codec, header.pictures.rgb[:2]) == (
        5,
        CAMERA,
        "jpeg",
        b"\xff\xd8",
    )


MESSAGES: list[tuple[bytes, type[Word]]] = [
    (CODEC.encode(FRAMES, a_frame()), Frame),
    (
        CODEC.encode(POSES, PoseEvent("j", "r", 1, 2, 3, 4, "e", "1", "", {"a": Estimate(None, 0, State.LOST)})),
        PoseEvent,
    ),
    (CODEC.encode(TRACKS, Track("j", "r", 1, 2, 3, {"a": Estimate(Pose.identity(), 1, State.TRACKED)})), Track),
]


@pytest.mark.parametrize(("data", "kind"), MESSAGES)
def test_every_truncation_is_refused(data: bytes, kind: type[Word]) -> None:
    for length in range(len(data)):
        with pytest.raises(BadMessage):
            CODEC.decode(data[:length], kind)


@settings(max_examples=300)
@given(st.sampled_from(MESSAGES), st.data())
def test_damaged_bytes_give_a_reason_or_a_value(message: tuple[bytes, type[Word]], data: st.DataObject) -> None:
    damaged = bytearray(message[0])
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(5, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadMessage):
        assert isinstance(CODEC.decode(bytes(damaged), message[1]), message[1])


@given(st.binary(max_size=200))
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(BadMessage):
        CODEC.decode(b"\x01" + garbage, Frame)


def test_what_is_wrong_is_named() -> None:
    data = MESSAGES[0][0]
    cases = {
        "magic byte 0, got 7": b"\x07" + data[1:],
        "schema id 424242": struct.pack(">bI", 0, 424242) + data[5:],
        "bytes": b"\0" * (MESSAGE_LIMIT_BYTES + 1),
        "by its schema": data + b"x",
    }
    for reason, message in cases.items():
        with pytest.raises(BadMessage, match=reason):
            CODEC.decode(message, Frame)
    with pytest.raises(BadMessage, match=r"expected a posestream\.Track, got a posestream\.Frame"):
        CODEC.decode(data, Track)


def test_a_frame_that_is_too_large_is_refused_where_it_is_encoded() -> None:
    camera = Camera(2400, 2400, 1000, 1000, 0, 0)
    noise = np.random.default_rng(0).integers(0, 256, (2400, 2400, 3)).astype(np.uint8)
    with pytest.raises(BadMessage, match="at most 8388608 bytes, got"):
        CODEC.encode(FRAMES, Frame("j", "r", 0, 0, camera, noise), FrameEncoding("png"))
