"""What a producer counts for Prometheus."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

from producers.publish import Counts

_LATENCY_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class ProducerMetrics:
    """Frames, drops, bytes and delivery times of one producer.

    Args:
        registry: Where they are registered; one of its own by default.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._frames = self._count("frames", "frames read from the source")
        self._delivered = self._count("delivered", "frames acknowledged by the broker")
        self._dropped = self._count("dropped", "frames given up on and published as ranges")
        self._bytes = self._count("sent_bytes", "bytes of encoded frames")
        self._latency = Histogram(
            "posestream_producer_delivery_seconds",
            "from publishing to acknowledgement",
            buckets=_LATENCY_S,
            registry=self.registry,
        )

    def delivered(self, seconds: float) -> None:
        """One frame was acknowledged after so long."""
        self._latency.observe(seconds)

    def follow(self, counts: Counts) -> None:
        """Take over the publisher's counts."""
        self._frames.set(counts.frames)
        self._delivered.set(counts.delivered)
        self._dropped.set(counts.dropped)
        self._bytes.set(counts.sent_bytes)

    def _count(self, name: str, text: str) -> Gauge:
        return Gauge(f"posestream_producer_{name}", text, registry=self.registry)
