"""A tracked recording as an animated picture: each object's outline and axes over the camera's image."""

from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from estimators import registry
from estimators.mesh import Mesh, load_object
from estimators.rendering import CpuRenderer
from posestream.evaluate import EvaluationError, Start, frame_of, prepare_all, started
from producers.sources.open import open_recording
from schemas import Camera, Estimate, Estimates, Frame, Job, Pose
from schemas.arrays import Array

FORMATS = {".webp": "WEBP", ".gif": "GIF", ".png": "PNG"}
_AXES = ((230, 60, 60), (60, 190, 60), (70, 110, 240))
_SURE, _DOUBTFUL = (255, 210, 0), (255, 90, 0)
_TRUSTED = 0.5


def animate(
    uri: str,
    to: Path,
    estimator_name: str,
    width_px: int,
    rate_hz: float,
    every: int,
    on_frame: Callable[[int, int], None],
) -> int:
    """Track a recording from its first masks and write what was found.

    Args:
        uri: A source whose first frame has masks.
        to: The file; its suffix is the format.
        estimator_name: As in ``estimators.registry``.
        width_px: Of the picture.
        rate_hz: Pictures a second.
        every: Every n-th frame is drawn.
        on_frame: Called with frames done and frames in all.

    Returns:
        How many pictures were written.

    Raises:
        EvaluationError: Another format, no masks, or a number that is not above 0.
        PosestreamError: The source cannot be read, or the estimator refuses a mesh or a frame.
    """
    if to.suffix.lower() not in FORMATS:
        msg = f"--to {to}: expected one of {', '.join(FORMATS)}, got {to.suffix or 'no suffix'}"
        raise EvaluationError(msg)
    if width_px < 16 or rate_hz <= 0 or every < 1:
        msg = (
            f"expected a width of 16 px or more, a rate above 0 and every 1 or more, got {width_px}, {rate_hz}, {every}"
        )
        raise EvaluationError(msg)
    source = open_recording(uri)
    job = Job(id="animate", objects=source.objects, estimator=estimator_name)
    estimator = registry.load(estimator_name)
    prepare_all(estimator, job)
    meshes = {item.object_id: load_object(item) for item in source.objects}
    estimates: Estimates = {}
    pictures: list[Image.Image] = []
    for seq, shot in enumerate(source.shots(0)):
        frame = frame_of(job, seq, shot, source)
        first = seq == 0
        estimates = started(estimator, frame, source, Start.MASK) if first else estimator.track([frame], [estimates])[0]
        if seq % every == 0:
            pictures.append(_scaled(drawn(frame, meshes, estimates), width_px))
        on_frame(seq + 1, source.frame_count)
    options = {"lossless": False, "quality": 70, "method": 4} if to.suffix.lower() == ".webp" else {"optimize": True}
    pictures[0].save(
        to, FORMATS[to.suffix.lower()], save_all=True, append_images=pictures[1:], duration=1000 / rate_hz, loop=0,
        **options,
    )  # fmt: skip
    return len(pictures)


def drawn(frame: Frame, meshes: Mapping[str, Mesh], estimates: Estimates) -> Array:
    """(H, W, 3) uint8: the frame with outline, axes and score of every object that is not lost."""
    picture = frame.rgb.copy()
    for name, estimate in estimates.items():
        if estimate.cam_from_obj is not None and estimate.score > 0:
            _draw(picture, meshes[name], estimate.cam_from_obj, estimate, frame.camera)
    cv2.putText(picture, f"{frame.seq}", (8, picture.shape[0] - 10), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 2)
    return picture


def _draw(picture: Array, mesh: Mesh, pose: Pose, estimate: Estimate, camera: Camera) -> None:
    size = (camera.height, camera.width)
    scene = CpuRenderer().scene([mesh], [pose.matrix()], camera.K, size)
    inside = (scene.depth_m > 0).astype(np.uint8)
    outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    colour = _SURE if estimate.score >= _TRUSTED else _DOUBTFUL
    cv2.drawContours(picture, outlines, -1, colour, 2, cv2.LINE_AA)
    ends = mesh.center_m + 0.6 * mesh.diameter_m * np.vstack([np.zeros(3), np.eye(3)])
    seen = np.stack([pose.apply(end) for end in ends])
    if (seen[:, 2] < 0.05).any():
        return
    places = seen[:, :2] / seen[:, 2:] * [camera.fx, camera.fy] + [camera.cx, camera.cy]
    points = [(round(float(u)), round(float(v))) for u, v in places]
    for end, axis in zip(points[1:], _AXES, strict=True):
        cv2.line(picture, points[0], end, axis, 3, cv2.LINE_AA)
    label = f"{estimate.score:.2f}"
    cv2.putText(
        picture, label, (points[0][0] + 8, points[0][1] - 8), cv2.FONT_HERSHEY_SIMPLEX, 0.6, colour, 2, cv2.LINE_AA
    )


def _scaled(picture: Array, width_px: int) -> Image.Image:
    height, width = picture.shape[:2]
    size = (width_px, max(1, round(height * width_px / width)))
    return Image.fromarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))
