"""Frames that travelled once, as pictures of a source."""

from collections.abc import Sequence

from producers.sources.base import DamagedPicture, Shot
from schemas import BadMessage, Camera
from schemas.pictures import EncodedPictures

_DEFAULT_RATE_HZ = 30.0  # of a single frame


def shot_of(what: str, at_s: float, camera: Camera, captured_ns: int, pictures: EncodedPictures) -> Shot:
    """A picture that keeps its bytes and its time of capture.

    Args:
        what: Names the frame where it is damaged.
        at_s: When it is due, seconds after the source's first.
        camera: Of this frame.
        captured_ns: When it was taken, nanoseconds since the Unix epoch.
        pictures: As they travelled.

    Raises:
        DamagedPicture: They cannot be decoded.
    """
    try:
        rgb, depth_m, masks = pictures.decoded(camera)
    except (BadMessage, ValueError) as error:
        msg = f"{what}: {error}"
        raise DamagedPicture(msg) from error
    return Shot(at_s, rgb, depth_m, masks, camera, captured_ns, pictures)


def rate_hz(captured_ns: Sequence[int]) -> float:
    """Pictures a second by the times of the first two."""
    step_ns = captured_ns[1] - captured_ns[0] if len(captured_ns) > 1 else 0
    return 1e9 / step_ns if step_ns > 0 else _DEFAULT_RATE_HZ
