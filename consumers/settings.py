"""What a worker is told: each field is an option and ``POSESTREAM_<FIELD>``."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from consumers.membership import MemberSettings


class WorkerSettings(MemberSettings):
    """Settings of ``consumers.service.run_worker``."""

    pool: str = Field("default", description="kind of worker: its frames topic and its consumer group")
    batch: int = Field(8, ge=1, le=256, description="frames a call of the estimator, at most; one a job")
    threads: int = Field(0, ge=0, le=256, description="frames and objects worked on at once; 0: one a usable core")
    estimator: str = Field("", description="load this one at the start, not when the first job asks for it")
    weights: Path | None = Field(None, description="folder with weights; default: where weights import puts them")
    device: str = Field("auto", description="of networks: auto, cpu, cuda or cuda:N")
    precision: str = Field("auto", description="of networks: auto, fp32, bf16 or fp16")
    renderer: str = Field("auto", description="of networks' inputs: auto, numba, warp or nvdiffrast")
    delivery: Literal["at_least_once", "exactly_once"] = Field(
        "at_least_once", description="exactly_once: events, tracks and positions in one Kafka transaction"
    )
    queue_frames: int = Field(32, ge=2, description="frames waiting in a partition before it is paused")
    flush_s: float = Field(0.5, gt=0, le=10, description="how often offsets are committed")
    track_s: float = Field(0.1, gt=0, le=10, description="how often the track of a stream is written, at most")
    revoke_s: float = Field(5.0, gt=0, le=60, description="time for everything when partitions are taken away")
    job_wait_s: float = Field(5.0, ge=0, le=300, description="how long frames of an unknown job wait for it")
    gap_wait_s: float = Field(2.0, ge=0, le=300, description="how long a gap waits for its explanation")
    dead_letter_limit: int = Field(
        6000, ge=0, description="more dead letters within a minute stop the worker with exit code 3; 0: no limit"
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="serve /metrics on loopback there; 0: a free one"
    )
