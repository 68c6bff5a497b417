"""One connection to a camera, read by a thread of its own."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cv2

from producers.sources.base import SourceError
from schemas.arrays import Array


class Video(Protocol):
    """What is used of ``cv2.VideoCapture``; used by one thread."""

    def read(self) -> tuple[bool, Array | None]:
        """Whether there was a picture, and it: (H, W, 3) uint8 BGR. May block for as long as the back end likes."""
        ...

    def get(self, propId: int, /) -> float:
        """A property."""
        ...

    def release(self) -> None:
        """Let go."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as it came.

    Attributes:
        bgr: (H, W, 3) uint8.
        captured_ns: When it was read, nanoseconds since the Unix epoch.
        read_s: The same by the monotonic clock.
        told_s: Its time in the stream, as the stream tells it.
    """

    bgr: Array
    captured_ns: int
    read_s: float
    told_s: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What a connection says of itself.

    Attributes:
        rate_hz: Pictures a second; 0 where it does not say.
        count: Pictures in all; 0 where it has no end.
    """

    rate_hz: float
    count: int


class Capture:
    """Reads pictures in a thread, so that a read that blocks for ever holds up nobody else.

    Of a stream without an end the newest pictures are kept and older ones give way; one with an end waits for room.

    Args:
        connect: Opens the video; SourceError with the reason where it cannot. Called in the thread.
        room: How many pictures may wait.

    Attributes:
        shape: Known once there is a picture.
        failure: Why it ended; "" while it has not.
    """

    def __init__(self, connect: Callable[[], Video], room: int) -> None:
        self.shape = Shape(0.0, 0)
        self.failure = ""
        self._connect = connect
        self._room = room
        self._waiting: deque[Picture] = deque()
        self._passed = 0
        self._changed = threading.Condition()
        self._closing = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)  # it may block for ever
        self._thread.start()

    def take(self, timeout_s: float) -> Picture | None:
        """The oldest picture that waits; None where none came in time, or ``failure`` says that none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.failure or self._error, timeout_s)
            if self._error is not None:
                raise self._error
            if not self._waiting:
                return None
            self._changed.notify_all()
            return self._waiting.popleft()

    def passed_over(self) -> int:
        """How many pictures gave way since this was last asked."""
        with self._changed:
            passed, self._passed = self._passed, 0
            return passed

    def close(self) -> None:
        """End it; the thread goes on for as long as a read blocks, see ``is_over``."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()

    def is_over(self, timeout_s: float = 0.0) -> bool:
        """Whether the thread has ended and let go of the camera."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            video = self._connect()
            try:
                self._read(video)
            finally:
                video.release()
            failure = "the stream ended"
        except (SourceError, cv2.error) as error:
            failure = str(error)
        except BaseException as error:  # noqa: BLE001 - raised again by take
            failure, self._error = str(error), error
        with self._changed:
            self.failure = failure
            self._changed.notify_all()

    def _read(self, video: Video) -> None:
        while not self._closing:
            found, bgr = video.read()
            if not found or bgr is None:
                return
            read_s, captured_ns = time.monotonic(), time.time_ns()
            if not self.shape.rate_hz:
                count = video.get(cv2.CAP_PROP_FRAME_COUNT)  # far below 0 for a stream without an end
                self.shape = Shape(video.get(cv2.CAP_PROP_FPS) or 30.0, int(count) if count > 0 else 0)
            self._put(Picture(bgr, captured_ns, read_s, video.get(cv2.CAP_PROP_POS_MSEC) / 1000))

    def _put(self, picture: Picture) -> None:
        with self._changed:
            if self.shape.count:
                self._changed.wait_for(lambda: self._closing or len(self._waiting) < self._room)
            elif len(self._waiting) >= self._room:
                self._waiting.popleft()
                self._passed += 1
            self._waiting.append(picture)
            self._changed.notify_all()
