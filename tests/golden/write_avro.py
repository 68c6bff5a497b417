"""Writes today's schemas and a message of each as the golden files of a released version.

Run once at a release, with the version's folder: ``python tests/golden/write_avro.py tests/golden/avro_v1``. Files of
a released version are never written again: ``test_avro.py`` reads them with today's schemas for ever.
"""

import sys
from importlib import resources
from pathlib import Path

import numpy as np

from schemas import (
    Box,
    Camera,
    ContinuousSymmetry,
    Estimate,
    Frame,
    Job,
    JobObject,
    Mode,
    Pose,
    PoseEvent,
    Prompt,
    SeqRange,
    State,
    StatusEvent,
    StatusKind,
    Symmetries,
    Track,
)
from schemas.codec import Codec, Word
from schemas.images import FrameEncoding

TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
SEEN = Estimate(Pose(TURN, np.array([0.1, -0.2, 0.75])), 0.5, State.TRACKED, np.eye(6), b"memory")
GONE = Estimate(None, 0.0, State.LOST)
PICTURE = (np.arange(4 * 6 * 3) * 3).astype(np.uint8).reshape(4, 6, 3)
DEPTH_M = np.arange(24).astype(np.float32).reshape(4, 6) * np.float32(0.001)
MESH = JobObject(
    "mug", "mug.ply", 0.001, Symmetries((np.diag([-1.0, -1.0, 1.0, 1.0]),), (ContinuousSymmetry(TURN[2], TURN[0]),))
)

WORDS: dict[str, Word] = {
    "frame": Frame("j", "r", 5, 9, Camera(6, 4, 10, 11, 2.5, 1.5), PICTURE, DEPTH_M, {"mug": PICTURE[..., 0] > 99}),
    "pose_event": PoseEvent(
        *("j", "r", 5, 9, 10, 11, "geometric", "1", "", {"mug": SEEN, "box": GONE}, {"track": 0.25}, SeqRange(3, 4)),
        traceparent="00-0-0-01",
    ),
    "track": Track("j", "r", 5, 2, 7, {"mug": SEEN, "box": GONE}),
    "job": Job("j", (MESH,), "gpu", "geometric", Mode.LIVE, 3, 1, {"key": "value"}),
    "status_event": StatusEvent("j", "r", StatusKind.SKIPPED, 9, "", "why", SeqRange(1, 2)),
    "prompt": Prompt("j", "", "mug", box=Box(1, 2, 3, 4)),
}


def write(folder: Path) -> None:
    """Write ``<word>.avsc`` and ``<word>.bin`` (the Avro body, without the five bytes before it)."""
    codec = Codec("mock://golden")
    folder.mkdir(parents=True, exist_ok=True)
    for name, word in WORDS.items():
        text = (resources.files("schemas") / "avro" / f"{name}.avsc").read_text()
        (folder / f"{name}.avsc").write_text(text)
        (folder / f"{name}.bin").write_bytes(codec.encode("golden", word, FrameEncoding("png"))[5:])


if __name__ == "__main__":
    write(Path(sys.argv[1]))
