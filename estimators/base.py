"""The protocol that every estimator follows."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from schemas import Estimates, Frame, Job, Pose


class Estimator(Protocol):
    """Finds objects in frames. Keeps no stream state: only meshes and compiled code.

    Equal frames and equal priors give equal estimates, on any worker of the same version.

    Attributes:
        name: Its name in ``estimators.registry``.
        version: Changes whenever equal input may give other poses.
        weights_digest: sha256 of its weights; "" without weights.
        side_by_side: Whether several threads may call it at the same time, each about other jobs. Otherwise it is
            called by one thread at a time, with frames of many streams at once.
    """

    name: str
    version: str
    weights_digest: str
    side_by_side: bool

    def prepare(self, job: Job) -> Mapping[str, str]:
        """Load what the job's objects need; blocking, slow at the first use of a mesh.

        Returns:
            object_id -> why this object cannot be used: a mesh that is missing, unreadable or of an implausible size,
            a symmetry that is none. It is not to be asked for; the others go on. Empty where all is well.

        Raises:
            BadJob: Options that are not known, or no object at all can be used; the job fails with the reason.
        """
        ...

    def release(self, job_id: str) -> None:
        """Forget a job; without effect where it is not known."""
        ...

    def register(self, frame: Frame, objects: Sequence[str]) -> Estimates:
        """Find objects without a prior; slow.

        Where ``frame.masks`` names an object its mask is used, else the estimator searches as well as it can.

        Args:
            frame: Of a prepared job.
            objects: object_ids of that job that ``prepare`` did not refuse, here and everywhere below.

        Returns:
            One estimate per object asked for, state ``registered`` or ``lost``, a lost one with its ``reason``.

        Raises:
            BadMessage: The frame cannot be used by this estimator at all (no depth where it needs some).
        """
        ...

    def adopt(self, frame: Frame, poses: Mapping[str, Pose]) -> Estimates:
        """Start from poses that are known from outside: a fixture's, a detector's, the truth of a recording.

        Args:
            frame: Of a prepared job.
            poses: object_id -> cam_from_obj in this frame.

        Returns:
            One estimate per object, state ``registered``, with the given pose; the score says how well the
            frame shows it.

        Raises:
            BadMessage: The frame cannot be used by this estimator at all.
        """
        ...

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        """Follow objects from their last estimates.

        Args:
            frames: At most one frame per job; batched over streams.
            priors: For each frame the last estimates of its objects, lost ones with their memory included.

        Returns:
            One answer per frame, in order, for exactly the objects of its priors. An object that is lost
            is an Estimate with state ``lost`` and does not fail the others; a lost one that the estimator
            finds again comes back as ``registered``.
        """
        ...
