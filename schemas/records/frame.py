"""``Frame`` as a record."""

from dataclasses import asdict, dataclass

from schemas.errors import BadMessage
from schemas.frame import Frame
from schemas.geometry import Camera
from schemas.pictures import EncodedDepth, EncodedPictures
from schemas.records.common import Avro


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A frame without its pixels decoded: for those who only pass the pictures on.

    Attributes:
        job_id: As in ``Frame``, like the next four.
        pictures: Still encoded; the colour picture's header agrees with ``camera``.
    """

    job_id: str
    run_id: str
    seq: int
    captured_ns: int
    camera: Camera
    pictures: EncodedPictures


def to_record(frame: Frame, pictures: EncodedPictures) -> Avro:
    """The record of a frame whose pixels are ``pictures``."""
    depth = pictures.depth
    return {
        "job_id": frame.job_id,
        "run_id": frame.run_id,
        "seq": frame.seq,
        "captured_ns": frame.captured_ns,
        "camera": asdict(frame.camera),
        "rgb_codec": pictures.rgb_codec,
        "rgb": pictures.rgb,
        "depth": None if depth is None else asdict(depth),
        "masks": None if pictures.masks is None else dict(pictures.masks),
    }


def from_record(record: Avro) -> Frame:
    """The frame of a record, pixels decoded; every size is checked before memory is taken."""
    camera = Camera(**record["camera"])
    rgb, depth_m, masks = _pictures(record).decoded(camera)
    return Frame(record["job_id"], record["run_id"], record["seq"], record["captured_ns"], camera, rgb, depth_m, masks)


def header_from(record: Avro) -> FrameHeader:
    """The header of a record; the picture's own header must agree with the camera."""
    camera = Camera(**record["camera"])
    if not record["job_id"] or not record["run_id"] or record["seq"] < 0:
        reason = f"frame: expected a job_id, a run_id and seq >= 0, got {record['job_id']!r}, {record['run_id']!r}"
        raise BadMessage(reason)
    pictures = _pictures(record)
    pictures.check(camera)
    same = {name: record[name] for name in ("job_id", "run_id", "seq", "captured_ns")}
    return FrameHeader(**same, camera=camera, pictures=pictures)


def _pictures(record: Avro) -> EncodedPictures:
    depth = None if record["depth"] is None else EncodedDepth(**record["depth"])
    return EncodedPictures(record["rgb_codec"], record["rgb"], depth, record["masks"])
