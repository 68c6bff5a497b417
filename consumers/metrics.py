"""What a worker counts, for Prometheus."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from estimators.gpu import memory_bytes
from schemas import PoseEvent, State

_AGE_BUCKETS_S = (0.005, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0)
_STAGE_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class GpuMemory(Collector):
    """GPU memory, looked at whenever somebody asks for metrics; absent where there is no CUDA in use."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """``posestream_worker_gpu_memory_bytes`` by device and kind: allocated, reserved, free."""
        known = memory_bytes()
        if not known:
            return
        family = GaugeMetricFamily(
            "posestream_worker_gpu_memory_bytes", "Memory of a CUDA device", labels=["device", "kind"]
        )
        for device, kinds in known.items():
            for kind, count in kinds.items():
                family.add_metric([device, kind], count)
        yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing by name: what there is shows later."""
        return []


class WorkerMetrics:
    """Counters of one worker.

    Args:
        registry: Where they are registered; a second instance needs a registry of its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        registry.register(GpuMemory())
        self.received = Counter("posestream_worker_frames_received", "Frames read", ["job"], registry=registry)
        self.processed = Counter("posestream_worker_frames_processed", "Pose events sent", ["job"], registry=registry)
        self.skipped = Counter(
            "posestream_worker_frames_skipped", "Frames passed over on purpose", ["job"], registry=registry
        )
        self.repeated = Counter(
            "posestream_worker_frames_repeated", "Frames that were answered before", ["job"], registry=registry
        )
        self.missing = Counter(
            "posestream_worker_frames_missing", "Frames lost without an explanation", ["job"], registry=registry
        )
        self.dead_letters = Counter(
            "posestream_worker_dead_letters", "Records that can never be handled", ["stage"], registry=registry
        )
        self.expired = Counter(
            "posestream_worker_expired_records", "Records deleted by retention before they were read", registry=registry
        )
        self.overloads = Counter("posestream_worker_overloads", "Rounds put off for want of room", registry=registry)
        self.registrations = Counter(
            "posestream_worker_registrations",
            "Objects registered, first and again",
            ["job", "object"],
            registry=registry,
        )
        self.score = Gauge("posestream_worker_score", "Last score of an object", ["job", "object"], registry=registry)
        self.streams = Gauge("posestream_worker_streams", "Streams held", registry=registry)
        self.lag = Gauge("posestream_worker_lag_records", "Records not read yet", ["partition"], registry=registry)
        self.age_s = Histogram(
            "posestream_worker_frame_age_seconds",
            "From publishing a frame to sending its event",
            buckets=_AGE_BUCKETS_S,
            registry=registry,
        )
        self.stage_s = Histogram(
            "posestream_worker_stage_seconds", "Time in a stage", ["stage"], buckets=_STAGE_BUCKETS_S, registry=registry
        )

    def count(self, event: PoseEvent) -> None:
        """Count an answered frame."""
        self.processed.labels(event.job_id).inc()
        if event.skipped:
            self.skipped.labels(event.job_id).inc(len(event.skipped))
        self.age_s.observe(max(0, event.produced_ns - event.published_ns) / 1e9)
        for stage, seconds in event.stage_s.items():
            self.stage_s.labels(stage).observe(seconds)
        for name, estimate in event.estimates.items():
            self.score.labels(event.job_id, name).set(estimate.score)
            if estimate.state is State.REGISTERED:
                self.registrations.labels(event.job_id, name).inc()
