"""Frames that travelled once, as pictures of a source."""

from producers.sources.base import DamagedPicture, Shot
from schemas import BadMessage, Camera
from schemas.pictures import EncodedPictures


def shot_of(what: str, camera: Camera, captured_ns: int, first_ns: int, pictures: EncodedPictures) -> Shot:
    """A picture that keeps its bytes and its time of capture.

    Args:
        what: Names the frame where it is damaged.
        camera: Of this frame.
        captured_ns: When it was taken, nanoseconds since the Unix epoch.
        first_ns: When the first frame of the source was taken.
        pictures: As they travelled.

    Raises:
        DamagedPicture: They cannot be decoded.
    """
    try:
        rgb, depth_m, masks = pictures.decoded(camera)
    except (BadMessage, ValueError) as error:
        msg = f"{what}: {error}"
        raise DamagedPicture(msg) from error
    return Shot((captured_ns - first_ns) * 1e-9, rgb, depth_m, masks, camera, captured_ns, pictures)
