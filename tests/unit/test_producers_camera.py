"""Cameras that fail: what is noticed, what is said, and that nothing that blocks holds up its reader."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

from producers.sources.base import LiveSource, Notice, Shot, SourceError, SourceState
from producers.sources.camera.backoff import BackOff
from producers.sources.camera.source import CameraSource
from producers.sources.camera.story import Story
from producers.sources.camera.watch import PictureWatch
from producers.sources.open import open_source
from producers.sources.options import parse_address

LIVING = np.random.default_rng(1).integers(0, 256, (12, 16, 3)).astype(np.uint8)


def other(picture: np.ndarray, row: int = 5) -> np.ndarray:
    changed = picture.copy()
    changed[row, 3, 1] ^= 1
    return changed


def test_back_off_doubles_to_its_limit_and_chance_only_shortens_it() -> None:
    assert [BackOff(6.0, lambda: 0.0).next_s()] == [0.5]
    longest = BackOff(6.0, lambda: 0.0)
    assert [longest.next_s() for _ in range(6)] == [0.5, 1.0, 2.0, 4.0, 6.0, 6.0]
    shortest = BackOff(6.0, lambda: 1.0)
    assert [shortest.next_s() for _ in range(3)] == [0.25, 0.5, 1.0]
    for _ in range(2000):  # weeks
        longest.next_s()
    assert longest.next_s() == 6.0
    longest.reset()
    assert longest.next_s() == 0.5


def test_the_same_picture_for_long_is_frozen_and_one_other_pixel_is_life() -> None:
    watch = PictureWatch(freeze_s=5.0, black_s=1.0)
    states = [watch.look(LIVING.copy(), at) for at in (0.0, 2.5, 4.9, 5.0, 9.0)]
    assert states == [SourceState.PLAYING] * 3 + [SourceState.FROZEN] * 2
    assert watch.look(other(LIVING), 9.1) is SourceState.PLAYING  # in a row that the quick look leaves out
    assert watch.look(other(LIVING), 14.2) is SourceState.FROZEN


def test_a_dark_picture_with_noise_is_black_and_one_with_a_lamp_is_not() -> None:
    rng = np.random.default_rng(2)
    watch = PictureWatch(freeze_s=5.0, black_s=1.0)
    covered = [rng.integers(0, 20, (480, 640, 3)).astype(np.uint8) for _ in range(3)]
    assert [watch.look(covered[n], n * 0.5) for n in range(3)] == [SourceState.PLAYING] * 2 + [SourceState.BLACK]
    lamp = covered[0].copy()
    lamp[100:180, 200:280] = 255  # two per cent of the picture
    assert watch.look(lamp, 2.0) is SourceState.PLAYING
    assert watch.look(covered[0], 2.5) is SourceState.PLAYING  # its second begins anew


def test_each_change_is_told_once_with_how_long_it_held() -> None:
    story = Story(0.0)
    assert story.told(SourceState.PLAYING, 1.0) == Notice(SourceState.PLAYING)
    assert story.told(SourceState.FROZEN, 6.0, "the same one for 5 s").text == "picture frozen: the same one for 5 s"
    assert story.told(SourceState.FROZEN, 7.0, "the same one for 5 s").text == ""
    assert story.told(SourceState.PLAYING, 9.5).text == "picture moves again after 3.5 s"
    story.tried()
    assert story.told(SourceState.AWAY, 10.0, "cut") == Notice(SourceState.AWAY, "camera away: cut; trying again", 1)
    story.tried()
    assert story.told(SourceState.AWAY, 11.0, "refused") == Notice(SourceState.AWAY, "", 1)
    assert story.told(SourceState.BLACK, 12.0, "for 1 s").text == (
        "camera is back after 2.0 s, 1 tries failed; picture black: for 1 s"
    )
    story.passed(3)
    told = story.told(SourceState.BLACK, 13.0)
    assert (told.passed_over, told.text[:22]) == (3, "3 pictures passed over")
    story.passed(4)
    assert story.told(SourceState.BLACK, 14.0) == Notice(SourceState.BLACK)  # at most every ten seconds
    assert story.told(SourceState.BLACK, 24.0).passed_over == 4


class Script:
    """A video that plays pictures, then ends or blocks until it is told not to."""

    def __init__(self, pictures: list[np.ndarray], count: int = 0, blocks: threading.Event | None = None) -> None:
        self._pictures = iter(pictures)
        self._count = count
        self._blocks = blocks
        self.released = False

    def read(self) -> tuple[bool, np.ndarray | None]:
        picture = next(self._pictures, None)
        if picture is None and self._blocks is not None:
            self._blocks.wait()
        return picture is not None, picture

    def get(self, propId: int, /) -> float:
        return {cv2.CAP_PROP_FPS: 4.0, cv2.CAP_PROP_FRAME_COUNT: float(self._count)}.get(propId, 0.0)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def intrinsics(tmp_path: Path) -> Path:
    path = tmp_path / "k.json"
    path.write_text(json.dumps({"fx": 10, "fy": 10, "cx": 8, "cy": 6}))
    return path


def camera(intrinsics: Path, videos: list[Script], options: str = "") -> CameraSource:
    """A camera that gives these videos one after the other, then none."""
    left = iter(videos)

    def connect() -> Script:
        video = next(left, None)
        if video is None:
            raise SourceError("refused")
        return video

    text = f"http://cam/x?intrinsics={intrinsics}&timeout=0.2&retry=0.01{options}"
    return CameraSource(parse_address(text), connect)


def until(items: Iterator[Shot | Notice], done: Callable[[Shot | Notice], bool]) -> list[Shot | Notice]:
    found: list[Shot | Notice] = []
    deadline_s = time.monotonic() + 20
    for item in items:
        found.append(item)
        if done(item):
            return found
        assert time.monotonic() < deadline_s, found
    return found


def is_away(item: Shot | Notice) -> bool:
    return isinstance(item, Notice) and item.text.startswith("camera away")


def test_a_read_that_blocks_for_ever_is_noticed_and_its_camera_is_not_opened_twice(intrinsics: Path) -> None:
    released = threading.Event()
    blocking = Script([LIVING], blocks=released)
    source = camera(intrinsics, [Script([LIVING]), blocking, Script([LIVING] * 3)], "&buffer=8")
    assert isinstance(source, LiveSource)
    items = source.watched(0)
    away = until(items, is_away)
    assert [one.text for one in away if isinstance(one, Notice) and one.text] == [
        "camera away: no picture for 0.2 s; trying again"
    ]
    turns = [next(items) for _ in range(4)]  # its thread still blocks: we wait, and everybody else goes on
    assert turns == [Notice(SourceState.AWAY)] * 4
    assert not blocking.released
    released.set()
    back = until(items, lambda item: isinstance(item, Shot))
    assert blocking.released
    assert "camera is back" in [one.text[:14] for one in back if isinstance(one, Notice)]
    items.close()  # type: ignore[attr-defined]
    source.close()


def test_numbers_and_times_of_a_camera_go_on_whatever_it_does(intrinsics: Path) -> None:
    source = camera(intrinsics, [Script([LIVING])] + [Script([LIVING, other(LIVING)]) for _ in range(3)], "&buffer=8")
    before_ns = time.time_ns()
    shots = list(islice(source.shots(7), 6))  # of three connections
    assert all(shot.captured_ns and before_ns <= shot.captured_ns <= time.time_ns() for shot in shots)
    assert [shot.at_s for shot in shots] == sorted(shot.at_s for shot in shots)
    assert source.frame_count == 0


def test_a_stream_that_says_its_length_is_gone_on_with_and_ends(intrinsics: Path) -> None:
    pictures = [np.full((12, 16, 3), 10 * number, np.uint8) for number in range(1, 13)]
    videos = [Script(pictures[:1], 12), Script(pictures[:5], 12), Script(pictures, 12)]
    source = camera(intrinsics, videos, "&buffer=1")
    assert source.frame_count == 12
    items = list(source.watched(2))
    assert [int(one.rgb[0, 0, 0]) for one in items if isinstance(one, Shot)] == [10 * n for n in range(3, 13)]
    assert [one.text for one in items if is_away(one)] == [
        one.text for one in items if isinstance(one, Notice) and one.text.startswith("camera away: the stream ended")
    ]
    source.close()


def test_pictures_that_nobody_takes_give_way_to_newer_ones_and_are_counted(intrinsics: Path) -> None:
    class Endless(Script):
        number = 0

        def read(self) -> tuple[bool, np.ndarray | None]:
            time.sleep(0.002)
            self.number += 1
            return True, np.full((12, 16, 3), self.number % 200 + 40, np.uint8)

    source = camera(intrinsics, [Script([LIVING]), Endless([])])
    items = source.watched(0)
    first = until(items, lambda item: isinstance(item, Shot))[-1]
    time.sleep(1.2)  # a slow reader
    found = until(items, lambda item: isinstance(item, Notice) and item.passed_over > 100)
    newest = next(item for item in items if isinstance(item, Shot))
    assert isinstance(first, Shot)
    assert "passed over" in found[-1].text  # type: ignore[union-attr]
    assert time.time_ns() - (newest.captured_ns or 0) < 0.5e9
    items.close()  # type: ignore[attr-defined]
    source.close()


def test_a_camera_of_another_size_is_an_error_that_says_so(intrinsics: Path) -> None:
    source = camera(intrinsics, [Script([LIVING]), Script([np.zeros((24, 32, 3), np.uint8)])])
    with pytest.raises(SourceError, match="expected 16x12 as the camera says, got 32x24"):
        list(source.watched(0))
    source.close()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("usb:97?intrinsics=k.json", r"expected a camera at /dev/video97, found no such device; there are: "),
        ("usb:0?size=big", "expected size as WIDTHxHEIGHT in pixels, got 'big'"),
        ("http:cam?intrinsics=k.json", "expected http://HOST/PATH"),
        (
            "rtsp://127.0.0.1:1/x?timeout=1",
            r"rtsp://127\.0\.0\.1:1/x\?timeout=1: expected a camera: the address did not",
        ),
        ("rtsp://cam/x?channel=1", "expected options among query, timeout, .* got 'channel'"),
        ("usb:0?query=a", "expected options among size, rate, timeout, .* got 'query'"),
        ("rtsp://cam/x?timeout=0", "expected timeout to be a number above 0, got '0'"),
        ("rtsp://cam/x?depth=d", "got 'depth'"),
    ],
)
def test_a_wrong_or_absent_camera_is_said(text: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        open_source(text)


def test_passwords_are_shown_nowhere() -> None:
    address = parse_address("rtsp://admin:pa@ss:w0rd@cam.local/x?timeout=5")
    assert address.text == "rtsp://admin:***@cam.local/x?timeout=5"
    assert address.place == "//admin:pa@ss:w0rd@cam.local/x"
    with pytest.raises(SourceError) as raised:
        parse_address("rtsp://admin:secret@cam/x?a=1&a=2")
    assert "secret" not in str(raised.value)
