"""From an address to a source."""

from collections.abc import Callable

from producers.sources.base import Source, SourceError
from producers.sources.options import Address, parse_address

SOURCE_HELP = """\
bop:DIR[?objects=1,2&every=N&loop=N&rate=HZ]   a recording in BOP layout, with ground truth where it has some
images:DIR?intrinsics=FILE[&...&rate=HZ&every=N]   a folder of pictures
video:FILE?intrinsics=FILE[&...]   a video file
    both: intrinsics=FILE (JSON: fx, fy, cx, cy in pixels, or K; optional depth_unit_m), depth=DIR of 16-bit PNG
    files (smaller ones of the same shape are enlarged), mesh=FILE with unit=METRES and object=ID, mask=FILE of the
    first picture
mcap:FILE[?from=TIME&to=TIME&speed=N]   a recording of posestream record, with its times of capture, masks and objects
rtsp://HOST/PATH, http://HOST/PATH (and with s: MJPEG or what FFmpeg reads), usb:0 or usb:/dev/video0   a camera
    options: intrinsics, mesh, unit, object and mask as above; timeout=S without a picture (10), retry=S between tries
    at most (30), freeze=S (5), black=S (1), buffer=N pictures (2); usb: size=WxH, rate=HZ; the others: query=, what
    belongs behind the address's own question mark, with %26 for an ampersand
synthetic:[?frames=N&seed=N&level=easy|medium|hard&size=WxH&rate=HZ]   a rendered carton over a table
A folder's path alone is read as bop:PATH.\
"""


def open_source(text: str) -> Source:
    """Open a source by its address; see ``SOURCE_HELP``.

    Raises:
        SourceError: No such scheme, option or file; the message says what was expected.
    """
    address = parse_address(text)
    if address.scheme not in _OPENERS:
        msg = f"source {text!r}: expected a scheme among {', '.join(_OPENERS)}, got {address.scheme!r}"
        raise SourceError(msg)
    return _OPENERS[address.scheme](address)


def open_recording(text: str) -> Source:
    """As ``open_source``, for those who read to the end.

    Raises:
        SourceError: As ``open_source``; or it is a camera, which has no end.
    """
    source = open_source(text)
    if not source.frame_count:
        msg = f"{source.name}: expected a recording, a camera has no end; posestream produce streams it"
        raise SourceError(msg)
    return source


def _bop(address: Address) -> Source:
    from producers.sources.bop import BopSource

    return BopSource(address)


def _images(address: Address) -> Source:
    from producers.sources.images import ImagesSource

    return ImagesSource(address)


def _video(address: Address) -> Source:
    from producers.sources.video import VideoSource

    return VideoSource(address)


def _mcap(address: Address) -> Source:
    from producers.sources.mcap import McapSource

    return McapSource(address)


def _camera(address: Address) -> Source:
    from producers.sources.camera.source import CameraSource

    return CameraSource(address)


def _synthetic(address: Address) -> Source:
    from producers.sources.synthetic import SyntheticSource  # compiles the renderer: only who needs it waits

    return SyntheticSource(address)


_OPENERS: dict[str, Callable[[Address], Source]] = {
    "bop": _bop,
    "images": _images,
    "video": _video,
    "mcap": _mcap,
    **dict.fromkeys(("rtsp", "rtsps", "http", "https", "usb"), _camera),
    "synthetic": _synthetic,
}
