"""Cameras by address: ``rtsp://``, ``http://`` (MJPEG or any stream that FFmpeg reads) and ``usb:``."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import cv2

from producers.sources.base import Notice, Shot, SourceError, SourceState
from producers.sources.camera.backoff import BackOff
from producers.sources.camera.capture import Capture, Picture, Shape, Video
from producers.sources.camera.device import connector
from producers.sources.camera.story import Story
from producers.sources.camera.watch import PictureWatch
from producers.sources.extras import OPTIONS, Extras
from producers.sources.files import check_size
from producers.sources.options import Address
from schemas import Pose

_log = logging.getLogger("posestream.producers")

TIMEOUT_S = 10.0
_TURN_S = 0.1
_GRACE_S = 1.0  # the back end's own limit is given the first word
_STEADY_S = 10.0  # a connection that lasted so long was a good one
_HANGS_S = 60.0
_BURST_S = 1.0  # a new connection brings what the server kept, all at once
_OWN = ("timeout", "retry", "freeze", "black", "buffer")


@dataclass(slots=True)
class _Failure:
    """Why a connection ended."""

    why: str = ""


class CameraSource:
    """A camera that is connected to again whenever it fails; see ``producers.sources.base.LiveSource``.

    A picture's time of capture is when it arrived here. The pictures of a stream that says how many it has (a file
    behind an address) come all, from the number asked for, and end; a camera never ends.

    Args:
        address: With the options of ``extras`` but depth, and ``timeout`` (10 s without a picture is a failure),
            ``retry`` (longest wait between tries, 30 s), ``freeze`` (5 s), ``black`` (1 s), ``buffer`` (pictures that
            may wait, 2); for ``usb`` also ``size=WxH`` and ``rate=HZ``; for the others ``query=``, the address's own.
        connect: Opens the video in place of OpenCV.

    Raises:
        SourceError: No picture came within the time-out, or an option is wrong.
    """

    def __init__(self, address: Address, connect: Callable[[], Video] | None = None) -> None:
        kind = ("size", "rate") if address.scheme == "usb" else ("query",)
        address.only(*kind, *_OWN, *(name for name in OPTIONS if name != "depth"))
        self.name = address.text
        self._timeout_s = address.number("timeout", TIMEOUT_S)
        self._room = address.whole("buffer", 2, 1)
        self._back_off = BackOff(address.number("retry", 30.0))
        self._watch = PictureWatch(address.number("freeze", 5.0), address.number("black", 1.0))
        self._connect = connect or connector(address, self._timeout_s)
        first, shape = self._first()
        height, width = first.bgr.shape[:2]
        self._extras = Extras(address, (width, height))
        self.camera, self.objects = self._extras.camera, self._extras.objects
        self.depth_unit_m = self._extras.depth_unit_m
        self.rate_hz, self.frame_count = shape.rate_hz, shape.count

    def shots(self, start: int = 0) -> Iterator[Shot]:
        """See ``Source.shots``."""
        return (item for item in self.watched(start) if isinstance(item, Shot))

    def watched(self, start: int = 0) -> Iterator[Shot | Notice]:
        """See ``LiveSource.watched``.

        Raises:
            SourceError: Pictures are of another size now, or the driver hangs: only a new process can help.
        """
        began_s, number = time.monotonic(), start
        story = Story(began_s)
        while True:
            yield from self._let_go(story)
            connected_s, failure = time.monotonic(), _Failure()
            for item in self._pictures(story, number, failure):
                if isinstance(item, Picture):
                    yield self._shot(item, began_s, number)
                    number += 1
                else:
                    yield item
            if self.frame_count and self.frame_count - number <= self.rate_hz:
                return  # its header can be wrong by a little
            _log.warning("%s: %s", self.name, failure.why)
            story.tried()
            yield story.told(SourceState.AWAY, time.monotonic(), failure.why)
            if time.monotonic() - connected_s >= _STEADY_S:
                self._back_off.reset()
            yield from _turns(story, self._back_off.next_s())

    def close(self) -> None:
        """See ``LiveSource.close``."""
        self._capture.close()
        if not self._capture.is_over(self._timeout_s + _GRACE_S):
            _log.warning("%s: a read hangs in the driver", self.name)

    def truth(self, seq: int) -> Mapping[str, Pose]:  # noqa: ARG002 - the protocol's signature
        """A camera knows no truth."""
        return {}

    def image_id(self, seq: int) -> int:
        """The picture's number."""
        return seq

    def _first(self) -> tuple[Picture, Shape]:
        self._capture = Capture(self._connect, self._room)
        try:
            first = self._capture.take(self._timeout_s + _GRACE_S)
        finally:
            self.close()
        if first is None:
            why = self._capture.failure or f"no picture within {self._timeout_s:g} s"
            msg = why if self.name in why else f"{self.name}: expected a camera: {why}"
            raise SourceError(msg)
        return first, self._capture.shape

    def _let_go(self, story: Story) -> Iterator[Notice]:
        """Wait until the last connection has let go of the camera: many serve one at a time."""
        until_s = time.monotonic() + _HANGS_S
        while not self._capture.is_over(_TURN_S):
            if time.monotonic() > until_s:
                msg = (
                    f"{self.name}: a read hangs for more than {_HANGS_S:.0f} s in the driver; only a new start can help"
                )
                raise SourceError(msg)
            yield story.told(story.state, time.monotonic())

    def _pictures(self, story: Story, number: int, failure: _Failure) -> Iterator[Picture | Notice]:
        """The pictures of one connection, from ``number`` on where they are counted, and what changes between."""
        self._watch.forget()
        self._capture = capture = Capture(self._connect, self._room)
        connected_s, index = time.monotonic(), 0
        last_s = connected_s
        try:
            while not failure.why:
                picture = capture.take(_TURN_S)
                now_s = time.monotonic()
                if picture is None:
                    failure.why = self._failure_of(capture, now_s - last_s, index)
                    yield story.told(story.state, now_s)
                    continue
                last_s, index = now_s, index + 1
                passed = capture.passed_over()
                if now_s - connected_s > _BURST_S:
                    story.passed(passed)
                notice = story.told(*self._judged(picture))
                if notice.text or notice.tries:
                    yield notice
                if not capture.shape.count or index > number:
                    yield picture
        finally:
            capture.close()

    def _failure_of(self, capture: Capture, silent_s: float, count: int) -> str:
        """Why there will be no more pictures; "" where there may be."""
        if capture.failure and count:
            return f"{capture.failure}, {silent_s:.1f} s after its last picture"
        late = silent_s > self._timeout_s + _GRACE_S
        return capture.failure or (f"no picture for {self._timeout_s:g} s" if late else "")

    def _judged(self, picture: Picture) -> tuple[SourceState, float, str]:
        state = self._watch.look(picture.bgr, picture.read_s)
        why = {
            SourceState.FROZEN: f"the same one for {self._watch.freeze_s:g} s",
            SourceState.BLACK: f"for {self._watch.black_s:g} s",
        }
        return state, picture.read_s, why.get(state, "")

    def _shot(self, picture: Picture, began_s: float, number: int) -> Shot:
        check_size(self.name, picture.bgr, self.camera)
        rgb, masks = cv2.cvtColor(picture.bgr, cv2.COLOR_BGR2RGB), self._extras.masks(number)
        if self.frame_count:
            return Shot(picture.told_s, rgb, masks=masks)
        return Shot(picture.read_s - began_s, rgb, masks=masks, captured_ns=picture.captured_ns)


def _turns(story: Story, seconds: float) -> Iterator[Notice]:
    """Wait, giving the reader its turns."""
    until_s = time.monotonic() + seconds
    while (left_s := until_s - time.monotonic()) > 0:
        time.sleep(min(left_s, _TURN_S))
        yield story.told(story.state, time.monotonic())
