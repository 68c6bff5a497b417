"""What the sink and the notifier count, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class SinkMetrics:
    """Counters of one process.

    Args:
        registry: Where they are registered; a second instance needs a registry of its own.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.events = Counter("posestream_sink_events", "Pose events written as new rows", registry=registry)
        self.repeated = Counter(
            "posestream_sink_events_repeated", "Pose events that were in the table already", registry=registry
        )
        self.statuses = Counter("posestream_sink_status_events", "Status events written", registry=registry)
        self.dead_letters = Counter(
            "posestream_sink_dead_letters", "Records that can never be handled", ["topic"], registry=registry
        )
        self.expired = Counter(
            "posestream_sink_expired_records", "Records deleted by retention before they were read", registry=registry
        )
        self.batch_s = Histogram(
            "posestream_sink_batch_seconds",
            "Writing one batch",
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0),
            registry=registry,
        )
        self.row_age_s = Histogram(
            "posestream_sink_row_age_seconds",
            "Since a frame was published, when its row was committed",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 60.0),
            registry=registry,
        )
        self.database_failures = Counter(
            "posestream_sink_database_failures", "Batches that Postgres did not take at first", registry=registry
        )
        self.lag = Gauge("posestream_sink_lag_records", "Records not read yet", ["topic"], registry=registry)
        self.clients = Gauge("posestream_notifier_clients", "Open websockets", registry=registry)
        self.watched = Gauge("posestream_notifier_watched_streams", "Streams whose frames are read", registry=registry)
        self.sent = Counter(
            "posestream_notifier_messages_sent", "Messages sent to clients", ["lane"], registry=registry
        )
        self.dropped = Counter(
            "posestream_notifier_messages_dropped", "Messages a newer one took the place of", registry=registry
        )
        self.overflows = Counter(
            "posestream_notifier_overflows", "Clients closed since they read too slowly", registry=registry
        )
        self.unreadable = Counter(
            "posestream_notifier_unreadable_records", "Records the feed could not read", registry=registry
        )
