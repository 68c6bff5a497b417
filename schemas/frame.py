"""One decoded frame of a stream."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from schemas.arrays import Array, checked
from schemas.geometry import Camera


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame: job_id is also the Kafka key.

    Attributes:
        job_id: The job whose stream this is.
        run_id: Changes with every start of the stream from its beginning (a replay, a second pass).
        seq: 0, 1, 2 ... without gaps in a run; a gap that no published range explains is a loss.
        captured_ns: When the sensor took the frame, nanoseconds since the Unix epoch.
        camera: Of the colour image; depth is in the same camera's frame.
        rgb: (H, W, 3) uint8, H and W as in ``camera``.
        depth_m: (H, W) float32 in metres, 0 where unknown; None without a depth sensor.
        masks: object_id -> (H, W) bool, the object's visible pixels; None where the source gives none.
    """

    job_id: str
    run_id: str
    seq: int
    captured_ns: int
    camera: Camera
    rgb: Array
    depth_m: Array | None = None
    masks: Mapping[str, Array] | None = None

    def __post_init__(self) -> None:
        if not self.job_id or not self.run_id or self.seq < 0:
            msg = f"frame: expected a job_id, a run_id and seq >= 0, got {self.job_id!r}, {self.run_id!r}, {self.seq}"
            raise ValueError(msg)
        size = (self.camera.height, self.camera.width)
        object.__setattr__(self, "rgb", checked("rgb", self.rgb, (*size, 3), np.uint8))
        if self.depth_m is not None:
            object.__setattr__(self, "depth_m", checked("depth_m", self.depth_m, size, np.float32))
        if self.masks is not None:
            masks = {name: checked(f"mask of {name}", mask, size, np.bool_) for name, mask in self.masks.items()}
            object.__setattr__(self, "masks", MappingProxyType(masks))
