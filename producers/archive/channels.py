"""The channels of a recording: Foxglove's schemas for people who look, two of ours for what those have no place for.

JSON, as Foxglove's own tools read it without a plug-in: protobuf would save a copy, but its runtime is pinned by the
``human`` extra to a version that the published schemas no longer run on.
"""

import json
from dataclasses import dataclass
from typing import Any

IMAGE = "/camera/image"
DEPTH = "/camera/depth"
CALIBRATION = "/camera/calibration"
POSES = "/poses"
FRAME = "/posestream/frame"
POSE_EVENT = "/posestream/pose_event"

CAMERA_FRAME = "camera"
"""OpenCV axes; the parent of every object in ``POSES``."""

METADATA = "posestream"
"""Name of the file's metadata record: version, job and run."""

VERSION = "1"

_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_WHOLE = {"type": "integer"}
_BYTES = {"type": "string", "contentEncoding": "base64"}
_TIME = {"type": "object", "title": "time", "properties": {"sec": _WHOLE, "nsec": _WHOLE}}
_NUMBERS = {"type": "array", "items": _NUMBER}


def _object(title: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON Schema
    return {"title": title, "type": "object", "properties": properties}


_VECTOR = _object("foxglove.Vector3", x=_NUMBER, y=_NUMBER, z=_NUMBER)
_QUATERNION = _object("foxglove.Quaternion", x=_NUMBER, y=_NUMBER, z=_NUMBER, w=_NUMBER)
_TRANSFORM = _object(
    "foxglove.FrameTransform",
    timestamp=_TIME,
    parent_frame_id=_TEXT,
    child_frame_id=_TEXT,
    translation=_VECTOR,
    rotation=_QUATERNION,
)


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """A channel as it is registered.

    Attributes:
        topic: Its name.
        schema: The name that Foxglove chooses its panel by.
        properties: JSON Schema of a message.
    """

    topic: str
    schema: str
    properties: dict[str, Any]

    def schema_bytes(self) -> bytes:
        """The JSON Schema as it stands in the file."""
        return json.dumps(_object(self.schema, **self.properties)).encode()


CHANNELS = (
    ChannelSpec(
        CALIBRATION,
        "foxglove.CameraCalibration",
        {
            "timestamp": _TIME,
            "frame_id": _TEXT,
            "width": _WHOLE,
            "height": _WHOLE,
            "distortion_model": _TEXT,
            **dict.fromkeys("DKRP", _NUMBERS),
        },
    ),
    ChannelSpec(
        IMAGE, "foxglove.CompressedImage", {"timestamp": _TIME, "frame_id": _TEXT, "data": _BYTES, "format": _TEXT}
    ),
    ChannelSpec(
        DEPTH,
        "foxglove.RawImage",
        {
            "timestamp": _TIME,
            "frame_id": _TEXT,
            "width": _WHOLE,
            "height": _WHOLE,
            "encoding": _TEXT,
            "step": _WHOLE,
            "data": _BYTES,
        },
    ),
    ChannelSpec(
        FRAME,
        "posestream.Frame",
        {
            "run_id": _TEXT,
            "seq": _WHOLE,
            "captured_ns": _WHOLE,
            "published_ns": _WHOLE,
            "camera": _object("Camera"),
            "rgb_codec": _TEXT,
            "depth": _object("Depth", codec=_TEXT, unit_m=_NUMBER) | {"type": ["object", "null"]},
            "masks": {"type": ["object", "null"]},
        },
    ),
    ChannelSpec(POSES, "foxglove.FrameTransforms", {"transforms": {"type": "array", "items": _TRANSFORM}}),
    ChannelSpec(POSE_EVENT, "posestream.PoseEvent", {"run_id": _TEXT, "seq": _WHOLE, "estimates": {"type": "object"}}),
)


def time_of(at_ns: int) -> dict[str, int]:
    """A time as Foxglove's schemas spell it."""
    return {"sec": at_ns // 1_000_000_000, "nsec": at_ns % 1_000_000_000}
