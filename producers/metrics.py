"""What a producer counts for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Enum, Histogram

from producers.publish import Counts
from producers.sources.base import Notice, SourceState

_LATENCY_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class ProducerMetrics:
    """Frames, drops, bytes and delivery times of one producer.

    Args:
        registry: Where they are registered; one of its own by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._frames = self._counter("frames", "frames read from the source")
        self._delivered = self._counter("delivered", "frames acknowledged by the broker")
        self._dropped = self._counter("dropped", "frames given up on and published as ranges")
        self._bytes = self._counter("sent_bytes", "bytes of encoded frames, before the client compresses them")
        self._latency = Histogram(
            "posestream_producer_delivery_seconds",
            "from publishing to acknowledgement",
            buckets=_LATENCY_S,
            registry=self.registry,
        )
        self._state = Enum(
            "posestream_producer_source_state",
            "what a camera does",
            states=[state.value for state in SourceState],
            registry=self.registry,
        )
        self._changes = Counter(
            "posestream_producer_source_changes", "times that a camera came to it", ["state"], registry=self.registry
        )
        for state in SourceState:
            self._changes.labels(state.value)
        self._tries = self._counter("source_failures", "connections to a camera that failed or ended")
        self._passed = self._counter("source_passed_over", "pictures of a camera that nobody took in time")
        self._is = SourceState.PLAYING
        self._seen = Counts()

    def delivered(self, seconds: float) -> None:
        """One frame was acknowledged after so long."""
        self._latency.observe(seconds)

    def notice(self, notice: Notice) -> None:
        """What a live source says."""
        self._tries.inc(notice.tries)
        self._passed.inc(notice.passed_over)
        if notice.state is not self._is:
            self._is = notice.state
            self._state.state(notice.state.value)
            self._changes.labels(notice.state.value).inc()

    def follow(self, counts: Counts) -> None:
        """Take over the publisher's counts, which only rise."""
        self._frames.inc(counts.frames - self._seen.frames)
        self._delivered.inc(counts.delivered - self._seen.delivered)
        self._dropped.inc(counts.dropped - self._seen.dropped)
        self._bytes.inc(counts.sent_bytes - self._seen.sent_bytes)
        self._seen = Counts(counts.frames, counts.delivered, counts.dropped, counts.sent, counts.sent_bytes)

    def _counter(self, name: str, text: str) -> Counter:
        return Counter(f"posestream_producer_{name}", text, registry=self.registry)
