"""``Frame`` as a record."""

from dataclasses import asdict, dataclass

from schemas.depth import check_unit, depth_from_raw, raw_from_depth
from schemas.errors import BadMessage
from schemas.frame import Frame
from schemas.geometry import Camera
from schemas.images import (
    FrameEncoding,
    check_rgb,
    decode_depth,
    decode_mask,
    decode_rgb,
    encode_depth,
    encode_mask,
    encode_rgb,
)
from schemas.records.common import Avro


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """A frame without its pixels decoded: for those who only pass the picture on.

    Attributes:
        job_id: As in ``Frame``, like the next four.
        rgb_codec: ``jpeg`` or ``png``.
        rgb_bytes: The encoded colour picture; its header agrees with ``camera``.
    """

    job_id: str
    run_id: str
    seq: int
    captured_ns: int
    camera: Camera
    rgb_codec: str
    rgb_bytes: bytes


def to_record(frame: Frame, encoding: FrameEncoding) -> Avro:
    """The record of a frame, pixels encoded."""
    depth = None
    if frame.depth_m is not None:
        raw = raw_from_depth(frame.depth_m, encoding.depth_unit_m)
        depth = {"codec": encoding.depth, "unit_m": encoding.depth_unit_m, "data": encode_depth(raw, encoding.depth)}
    masks = None if frame.masks is None else {name: encode_mask(mask) for name, mask in frame.masks.items()}
    return {
        "job_id": frame.job_id,
        "run_id": frame.run_id,
        "seq": frame.seq,
        "captured_ns": frame.captured_ns,
        "camera": asdict(frame.camera),
        "rgb_codec": encoding.rgb,
        "rgb": encode_rgb(frame.rgb, encoding.rgb, encoding.jpeg_quality),
        "depth": depth,
        "masks": masks,
    }


def from_record(record: Avro) -> Frame:
    """The frame of a record, pixels decoded; every size is checked before memory is taken."""
    camera = Camera(**record["camera"])
    height, width = camera.height, camera.width
    depth, masks = record["depth"], record["masks"]
    depth_m = None
    if depth is not None:
        check_unit(depth["unit_m"])
        depth_m = depth_from_raw(decode_depth(depth["data"], depth["codec"], height, width), depth["unit_m"])
    return Frame(
        record["job_id"],
        record["run_id"],
        record["seq"],
        record["captured_ns"],
        camera,
        decode_rgb(record["rgb"], record["rgb_codec"], height, width),
        depth_m,
        None if masks is None else {name: decode_mask(data, (height, width)) for name, data in masks.items()},
    )


def header_from(record: Avro) -> FrameHeader:
    """The header of a record; the picture's own header must agree with the camera."""
    camera = Camera(**record["camera"])
    if not record["job_id"] or not record["run_id"] or record["seq"] < 0:
        reason = f"frame: expected a job_id, a run_id and seq >= 0, got {record['job_id']!r}, {record['run_id']!r}"
        raise BadMessage(reason)
    check_rgb(record["rgb"], record["rgb_codec"], camera.height, camera.width)
    same = {name: record[name] for name in ("job_id", "run_id", "seq", "captured_ns", "rgb_codec")}
    return FrameHeader(**same, camera=camera, rgb_bytes=record["rgb"])
