"""How every Kafka client of ours comes back after its connections were cut."""

from collections.abc import Mapping

CONNECTIONS: Mapping[str, str | int] = {
    # librdkafka since 2.11 forgets all brokers when none can be reached, leaders and transaction coordinator with
    # them, and learns them anew: 0.9 to 2.4 s after a cut where 0.1 s are enough, and the open transaction is lost.
    # Names are looked up again at every connection either way.
    "metadata.recovery.strategy": "none",
    "reconnect.backoff.max.ms": 200,
}
"""librdkafka's settings, to be merged into a client's own."""
