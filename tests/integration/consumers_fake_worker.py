"""A worker with a tiny estimator, and that estimator: ``python consumers_fake_worker.py SECONDS_PER_CALL``.

With ``registry`` in place of the seconds it loads what the jobs ask for. Settings come from POSESTREAM_*.
The tiny one's poses depend on every frame since the registration and on nothing else, so a lost frame, a
doubled one or a track that was not carried over changes all that follow.
"""

import faulthandler
import logging
import signal
import struct
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np

from consumers.loop import stop_on_signals
from consumers.service import run_worker
from consumers.settings import WorkerSettings
from schemas import BadJob, BadMessage, Estimate, Estimates, Frame, Job, Overloaded, Pose, State, TrackLost


class ChainEstimator:
    """Adds each frame to a sum that starts at the registration; counts frames in its memory.

    Args:
        call_s: How long a call takes.
    """

    name = "chain"
    version = "1"
    weights_digest = ""
    side_by_side = False

    def __init__(self, call_s: float = 0.0) -> None:
        self.call_s = call_s
        self.prepared: dict[str, Job] = {}
        self.calls: list[tuple[str, tuple[tuple[str, int], ...]]] | deque[tuple[str, tuple[tuple[str, int], ...]]] = []
        self.overloaded = False

    def prepare(self, job: Job) -> Mapping[str, str]:
        refused = {one.object_id: f"{one.model_uri}: no such mesh" for one in job.objects if "bad" in one.model_uri}
        if refused and len(refused) == len(job.objects):
            raise BadJob("; ".join(refused.values()))
        if "explode" in job.options:
            raise ZeroDivisionError("nobody expected this")
        self.prepared[job.id] = job
        return refused

    def release(self, job_id: str) -> None:
        self.prepared.pop(job_id, None)

    def register(self, frame: Frame, objects: Sequence[str]) -> Estimates:
        self._called("register", [frame])
        masks = frame.masks or {}
        if frame.rgb[0, 0, 0] == 249:
            return {name: Estimate(None, 0.0, State.LOST, reason=f"object {name}: too dark") for name in objects}
        return {
            name: estimate(float(masks[name].sum()) if name in masks else 0.5, 1, State.REGISTERED) for name in objects
        }

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        self._called("track", frames)
        return [self._follow(frame, prior) for frame, prior in zip(frames, priors, strict=True)]

    def _called(self, call: str, frames: Sequence[Frame]) -> None:
        if self.overloaded:
            raise Overloaded("no memory")
        if any(frame.rgb[0, 0, 0] == 250 for frame in frames):
            raise BadMessage("frame without depth", "frame")
        if call == "track" and any(frame.rgb[0, 0, 0] == 251 for frame in frames):
            raise TrackLost("all of it")
        self.calls.append((call, tuple((frame.job_id, frame.seq) for frame in frames)))
        time.sleep(self.call_s)

    def _follow(self, frame: Frame, prior: Estimates) -> Estimates:
        found: dict[str, Estimate] = {}
        for name, last in prior.items():
            if last.cam_from_obj is None:
                found[name] = last
                continue
            assert last.memory is not None
            (count,) = struct.unpack("<I", last.memory)
            total = last.cam_from_obj.translation_m[0] * 0.75 + float(frame.rgb.mean()) / 7
            found[name] = estimate(total, count + 1, State.TRACKED)
        return found


def estimate(total: float, count: int, state: State) -> Estimate:
    """An estimate whose pose carries a number and whose memory carries a count."""
    pose = Pose(np.eye(3), np.array([total, float(count), 0.1]))
    return Estimate(pose, 1.0 / count, state, memory=struct.pack("<I", count))


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)  # whoever waits for it in vain can ask where it is
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    chain = None if sys.argv[1] == "registry" else ChainEstimator(float(sys.argv[1]))
    if chain:
        chain.calls = deque(maxlen=100)  # nobody asks a process for them, and one that works for hours would grow
    with stop_on_signals() as stop:
        run_worker(WorkerSettings(), stop, loader=(lambda _name: chain) if chain else None)
