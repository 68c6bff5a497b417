"""Results in the format of the BOP challenge."""

import csv
import re
from collections.abc import Iterable
from pathlib import Path

from posestream.evaluate import Recording

_MM = 1000.0


def write_csv(path: Path, recordings: Iterable[Recording]) -> int:
    """Write a BOP results file: scene_id,im_id,obj_id,score,R,t,time with t in mm and time in seconds.

    ``scene_id`` is the leading number of the recording's folder name, else 0. ``time`` is the frame's time
    divided by its objects, so that a figure per object can be read from it. An estimate without a pose has no row.

    Returns:
        How many rows were written.
    """
    count = 0
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("scene_id", "im_id", "obj_id", "score", "R", "t", "time"))
        for recording in recordings:
            scene = scene_id(recording.name)
            for step in recording.steps:
                pose = step.estimate.cam_from_obj
                if pose is None:
                    continue
                R = " ".join(f"{value:.9g}" for value in pose.rotation.ravel())
                t = " ".join(f"{value * _MM:.6f}" for value in pose.translation_m)
                image = recording.source.image_id(step.seq)
                score = f"{step.estimate.score:.6f}"
                writer.writerow((scene, image, object_number(step.object_id), score, R, t, f"{step.step_s:.6f}"))
                count += 1
    return count


def scene_id(address: str) -> int:
    """The leading number of the folder's name in an address, else 0."""
    place = address.split(":", 1)[-1].split("?", 1)[0]
    found = re.match(r"\d+", Path(place).name)
    return int(found[0]) if found else 0


def object_number(object_id: str) -> int:
    """The trailing number of an object's id (``obj_000005`` is 5), else 0."""
    found = re.search(r"(\d+)$", object_id)
    return int(found[1]) if found else 0
