"""What travels over the websocket and HTTP; ``docs/notifier.md`` is the same for readers."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from schemas import Camera, Estimate, PoseEvent, SeqRange, StatusEvent
from schemas.codec import FrameHeader
from sink.queries import JobView, RunCount

Json = dict[str, Any]

PROTOCOL_VERSION = 1
_HEADER_LENGTH = struct.Struct("<I")


def dumps(message: Mapping[str, Any]) -> str:
    """Compact JSON; NaN and Infinity, which JSON does not know, raise ValueError."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False)


def pose_message(event: PoseEvent) -> Json:
    """A pose event; 64-bit times are text, since JSON numbers lose digits in browsers."""
    return {
        "type": "pose",
        "job": event.job_id,
        "run": event.run_id,
        "seq": event.seq,
        "captured_ns": str(event.captured_ns),
        "published_ns": str(event.published_ns),
        "produced_ns": str(event.produced_ns),
        "received_ns": None if event.received_ns is None else str(event.received_ns),
        "started_ns": None if event.started_ns is None else str(event.started_ns),
        "capture_clock": event.capture_clock,
        "frame_of_reference": event.frame_of_reference,
        "estimator": event.estimator,
        "estimator_version": event.estimator_version,
        "weights_digest": event.weights_digest,
        "objects": {name: _estimate(estimate) for name, estimate in event.estimates.items()},
        "stage_s": dict(event.stage_s),
        "skipped": _range(event.skipped),
    }


def status_message(event: StatusEvent) -> Json:
    """A status event."""
    return {
        "type": "status",
        "job": event.job_id,
        "run": event.run_id,
        "kind": event.kind.value,
        "at_ns": str(event.at_ns),
        "status": event.status,
        "reason": event.reason,
        "frames": _range(event.frames),
    }


def frame_message(frame: FrameHeader, published_ms: int, event: PoseEvent | None) -> bytes:
    """A frame with the poses found in it, for the page.

    Args:
        frame: Its image goes on as it came.
        published_ms: CreateTime of its record.
        event: Of the same run and seq; None where nobody works on the stream.

    Returns:
        uint32 little-endian length of the header, the header (JSON in UTF-8), the image (JPEG or PNG).
    """
    header = {
        "type": "frame",
        "job": frame.job_id,
        "run": frame.run_id,
        "seq": frame.seq,
        "captured_ns": str(frame.captured_ns),
        "published_ms": published_ms,
        "camera": _camera(frame.camera),
        "codec": frame.pictures.rgb_codec,
        "pose": None if event is None else pose_message(event),
    }
    encoded = dumps(header).encode()
    return b"".join((_HEADER_LENGTH.pack(len(encoded)), encoded, frame.pictures.rgb))


def job_json(job: JobView) -> Json:
    """A job; where its models lie is not told."""
    return {
        "id": job.id,
        "pool": job.pool,
        "estimator": job.estimator,
        "mode": job.mode,
        "partition": job.partition,
        "priority": job.priority,
        "status": job.status,
        "reason": job.reason,
        "removed": job.removed,
        "objects": [item.object_id for item in job.objects],
    }


def runs_json(runs: Sequence[RunCount]) -> list[Json]:
    """What is stored of a job's runs."""
    return [
        {
            "run": run.run_id,
            "events": run.events,
            "first_seq": run.first_seq,
            "last_seq": run.last_seq,
            "skipped": run.skipped,
        }
        for run in runs
    ]


def _estimate(estimate: Estimate) -> Json:
    pose = estimate.cam_from_obj
    return {
        "state": estimate.state.value,
        "score": estimate.score,
        "rotation": None if pose is None else pose.rotation.ravel().tolist(),
        "translation_m": None if pose is None else pose.translation_m.tolist(),
    }


def _range(frames: SeqRange | None) -> Json | None:
    return None if frames is None else {"first": frames.first, "last": frames.last}


def _camera(camera: Camera) -> Json:
    return {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
