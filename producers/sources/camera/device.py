"""Opening a camera through OpenCV."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import cv2

from producers.sources.base import SourceError
from producers.sources.camera.capture import Video
from producers.sources.options import Address


def connector(address: Address, timeout_s: float, url: Callable[[], str] | None = None) -> Callable[[], Video]:
    """What opens the camera of an address anew.

    Args:
        address: ``rtsp://...``, ``http://...`` (and with s), or ``usb:0`` and ``usb:/dev/video0``.
        timeout_s: How long opening and each read may take, as far as OpenCV's back end keeps to it.
        url: Asked before every connection to a network camera, in place of the address's own.

    Raises:
        SourceError: The address or an option is wrong.
    """
    limit_ms = round(timeout_s * 1000)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
    if address.scheme == "usb":
        return _usb(address)
    query = address.text_of("query")
    own = f"{address.scheme}:{address.place}" + (f"?{query}" if query else "")
    if not address.place.startswith("//") or len(address.place) < 3:
        msg = f"{address.text}: expected {address.scheme}://HOST/PATH"
        raise SourceError(msg)

    def connect() -> Video:
        asked = own if url is None else url()
        return _checked(cv2.VideoCapture(asked, cv2.CAP_FFMPEG, limits), "the address did not answer with a video")

    return connect


def _usb(address: Address) -> Callable[[], Video]:
    device = Path(f"/dev/video{address.place}" if address.place.isdecimal() else address.place)
    settings = _wanted(address)

    def connect() -> Video:
        if not device.exists():
            others = ", ".join(sorted(str(path) for path in Path("/dev").glob("video*"))) or "none at all"
            msg = f"{address.text}: expected a camera at {device}, found no such device; there are: {others}"
            raise SourceError(msg)
        video = cv2.VideoCapture(str(device), cv2.CAP_V4L2, settings)
        return _checked(video, f"{device} exists but cannot be opened; it may be in use, or not ours to read")

    return connect


def _wanted(address: Address) -> list[int]:
    size = address.text_of("size")
    rate_hz = address.whole("rate", 0)
    wanted = [cv2.CAP_PROP_FPS, rate_hz] if rate_hz else []
    if size is not None:
        found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", size)
        if not found:
            msg = f"{address.text}: expected size as WIDTHxHEIGHT in pixels, got {size!r}"
            raise SourceError(msg)
        wanted += [cv2.CAP_PROP_FRAME_WIDTH, int(found[1]), cv2.CAP_PROP_FRAME_HEIGHT, int(found[2])]
    return wanted


def _checked(video: cv2.VideoCapture, failure: str) -> Video:
    if not video.isOpened():
        raise SourceError(failure)
    return cast("Video", video)
