"""The words that every room of posestream shares; see the modules for their contracts."""

from schemas.errors import BadJob, BadMessage, Overloaded, PosestreamError, TrackLost
from schemas.event import Box, PoseEvent, Prompt, SeqRange, StatusEvent, StatusKind
from schemas.frame import Frame
from schemas.geometry import Camera, Pose
from schemas.heartbeat import EstimatorOffer, Heartbeat, JobProgress, MemberKind
from schemas.job import ContinuousSymmetry, Job, JobObject, JobStatus, Mode, Symmetries, Wanted
from schemas.track import Estimate, Estimates, State, Track

__all__ = [
    "BadJob",
    "BadMessage",
    "Box",
    "Camera",
    "ContinuousSymmetry",
    "Estimate",
    "Estimates",
    "EstimatorOffer",
    "Frame",
    "Heartbeat",
    "Job",
    "JobObject",
    "JobProgress",
    "JobStatus",
    "MemberKind",
    "Mode",
    "Overloaded",
    "Pose",
    "PoseEvent",
    "PosestreamError",
    "Prompt",
    "SeqRange",
    "State",
    "StatusEvent",
    "StatusKind",
    "Symmetries",
    "Track",
    "TrackLost",
    "Wanted",
]
