"""Writes a stream into an MCAP file."""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Any, cast

import numpy as np
from mcap.writer import Writer
from trimesh.transformations import quaternion_from_matrix

from producers.archive.channels import (
    CALIBRATION,
    CAMERA_FRAME,
    CHANNELS,
    DEPTH,
    FRAME,
    IMAGE,
    METADATA,
    POSE_EVENT,
    POSES,
    VERSION,
    time_of,
)
from producers.archive.file import WholeWrites
from schemas import Camera, Job, Pose, PoseEvent, State
from schemas.codec import FrameHeader
from schemas.images import decode_depth
from schemas.pictures import EncodedDepth
from schemas.records.control import job_to
from schemas.records.results import event_to

_CHUNK_BYTES = 1 << 20
_HIGHEST_NS = (1 << 64) - 1  # MCAP's times are unsigned; the true one stands in the message


class RecordingWriter:
    """Writes one run of one job. Not thread-safe.

    The message on ``FRAME`` is the last of a frame's: a reader counts a frame only with it, so that a recording that
    was cut off holds no half frame. Colour stays the bytes that came; depth is kept without loss as 16-bit values,
    which Foxglove draws.

    Args:
        out: The file.
        job: Stands in the file with its objects.
        run_id: The run.

    Raises:
        RecordingError: The disk is full; so do all methods.
    """

    def __init__(self, out: WholeWrites, job: Job, run_id: str) -> None:
        self._out = out
        self._writer = Writer(cast("IO[Any]", out), chunk_size=_CHUNK_BYTES)
        self._writer.start(profile="", library="posestream")
        about = {"version": VERSION, "run_id": run_id, "job": json.dumps(job_to(job))}
        self._writer.add_metadata(METADATA, about)
        self._channels = {
            spec.topic: self._writer.register_channel(
                spec.topic, "json", self._writer.register_schema(spec.schema, "jsonschema", spec.schema_bytes())
            )
            for spec in CHANNELS
        }

    def frame(self, frame: FrameHeader, published_ns: int) -> None:
        """Add a frame as it came from Kafka.

        Args:
            frame: Its message.
            published_ns: When it was published.

        Raises:
            BadMessage: Its depth is damaged; nothing of it is written.
        """
        times = (frame.captured_ns, published_ns)
        head = {"timestamp": time_of(frame.captured_ns), "frame_id": CAMERA_FRAME}
        pictures = frame.pictures
        depth = None if pictures.depth is None else _raw_image(pictures.depth, frame.camera)
        image = {"data": b64encode(pictures.rgb).decode(), "format": pictures.rgb_codec}
        self._add(CALIBRATION, times, head | _calibration(frame.camera))
        self._add(IMAGE, times, head | image)
        if depth is not None:
            self._add(DEPTH, times, head | depth)
        self._add(FRAME, times, _frame(frame, published_ns))

    def pose_event(self, event: PoseEvent) -> None:
        """Add the answer to a frame."""
        times = (event.captured_ns, event.produced_ns)
        transforms = [
            _transform(name, estimate.cam_from_obj, event.captured_ns)
            for name, estimate in event.estimates.items()
            if estimate.cam_from_obj is not None and estimate.state is not State.LOST
        ]
        self._add(POSES, times, {"transforms": transforms})
        self._add(POSE_EVENT, times, event_to(event))

    def finish(self) -> None:
        """Write the rest and the index; a recording without one can be played all the same."""
        self._writer.finish()
        self._out.settle()

    def _add(self, topic: str, times: tuple[int, int], message: Mapping[str, Any]) -> None:
        captured_ns, published_ns = (min(max(0, at_ns), _HIGHEST_NS) for at_ns in times)
        data = json.dumps(message, separators=(",", ":")).encode()
        self._writer.add_message(self._channels[topic], captured_ns, data, published_ns)


def _frame(frame: FrameHeader, published_ns: int) -> dict[str, Any]:
    """What Foxglove's schemas have no place for."""
    depth, masks = frame.pictures.depth, frame.pictures.masks
    return {
        "run_id": frame.run_id,
        "seq": frame.seq,
        "captured_ns": frame.captured_ns,
        "published_ns": published_ns,
        "camera": asdict(frame.camera),
        "rgb_codec": frame.pictures.rgb_codec,
        "depth": None if depth is None else {"codec": depth.codec, "unit_m": depth.unit_m},
        "masks": None if masks is None else {name: b64encode(data).decode() for name, data in masks.items()},
    }


def _calibration(camera: Camera) -> dict[str, Any]:
    K = camera.K
    P = np.hstack([K, np.zeros((3, 1))])
    size = {"width": camera.width, "height": camera.height, "distortion_model": "", "D": []}
    return size | {"K": K.ravel().tolist(), "R": np.eye(3).ravel().tolist(), "P": P.ravel().tolist()}


def _raw_image(depth: EncodedDepth, camera: Camera) -> dict[str, Any]:
    raw = decode_depth(depth.data, depth.codec, camera.height, camera.width)
    data = b64encode(raw.astype("<u2").tobytes()).decode()
    size = {"width": camera.width, "height": camera.height, "step": 2 * camera.width}
    return size | {"encoding": "16UC1", "data": data}


def _transform(object_id: str, cam_from_obj: Pose, captured_ns: int) -> dict[str, Any]:
    w, x, y, z = quaternion_from_matrix(cam_from_obj.matrix()).tolist()
    return {
        "timestamp": time_of(captured_ns),
        "parent_frame_id": CAMERA_FRAME,
        "child_frame_id": object_id,
        "translation": dict(zip("xyz", cam_from_obj.translation_m.tolist(), strict=True)),
        "rotation": {"x": x, "y": y, "z": z, "w": w},
    }
