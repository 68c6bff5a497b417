"""How long after its row a client has an event: a real sink, Kafka and Postgres."""

import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import create_engine, text

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from schemas import Estimate, Pose, PoseEvent, State
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, POSES, specs
from tests.bench.notifier_parts.readers import Reader, opened, read_all

CLIENTS = 20
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class Delays:
    """Of every event at every client.

    Attributes:
        from_row_ms: Since the transaction that wrote its row began (``stored_at``): no commit is earlier.
        from_event_ms: Since the event was published.
    """

    from_row_ms: list[float]
    from_event_ms: list[float]


def measure_delay(addresses: Addresses, seconds: float, rate_hz: float) -> Delays:
    """One job's events, to 20 clients of a ``posestream sink``."""
    job_id, count = f"delay-{uuid.uuid4().hex[:8]}", int(seconds * rate_hz)
    KafkaBroker(addresses.kafka).ensure_topics(specs([], DEFAULT_PARTITIONS))
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "sink.log").open("w+") as log:
        own = {"POSESTREAM_GROUP": job_id}
        command = [sys.executable, "-m", "posestream", "sink", "--port", "0"]
        sink = subprocess.Popen(command, env=os.environ | addresses.as_environment() | own, stderr=log)
        try:
            port = _port_of(Path(log.name), sink)
            readers = [Reader(opened(port, [{"subscribe": f"job:{job_id}"}]), keep=True) for _ in range(CLIENTS)]
            published = _publishing(addresses, job_id, count, rate_hz)
            read_all(readers, lambda one: len(one.seen) >= count, seconds + 10)
            published.wait(_PATIENCE_S)
            time.sleep(1.0)  # until the last row is there
        finally:
            sink.terminate()
            sink.wait(_PATIENCE_S)
    stored_s, published_s = _rows(addresses, job_id)
    seen = [one for reader in readers for one in reader.seen if one[0] in stored_s]
    return Delays(
        [1000 * (at_s - stored_s[seq]) for seq, at_s in seen], [1000 * (at_s - published_s[seq]) for seq, at_s in seen]
    )


def _port_of(log: Path, sink: subprocess.Popen[bytes]) -> int:
    give_up_s = time.monotonic() + _PATIENCE_S
    while not (found := re.search(r"page at http://127\.0\.0\.1:(\d+)/", log.read_text())):
        if sink.poll() is not None or time.monotonic() > give_up_s:
            raise SystemExit(f"the sink did not start:\n{log.read_text()}")
        time.sleep(0.1)
    with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/readyz", timeout=10):
        return int(found[1])


def _publishing(addresses: Addresses, job_id: str, count: int, rate_hz: float) -> subprocess.Popen[bytes]:
    """A process of its own, since this one reads."""
    code = "import sys; from tests.bench.notifier_parts.committed import publish; publish(*sys.argv[1:])"
    arguments = [addresses.kafka, addresses.registry, job_id, str(count), str(rate_hz)]
    return subprocess.Popen([sys.executable, "-c", code, *arguments])


def publish(kafka: str, registry: str, job_id: str, count: str, rate_hz: str) -> None:
    """Events on time; ``published_ns`` says when each was sent."""
    producer, codec = KafkaBroker(kafka).producer(), Codec(registry)
    start_s = time.perf_counter() + 1.0
    for seq in range(int(count)):
        time.sleep(max(0.0, start_s + seq / float(rate_hz) - time.perf_counter()))
        seen = {"cube": Estimate(Pose(np.eye(3), np.array([0.1, 0.2, 0.5])), 0.9, State.TRACKED)}
        now_ns = time.time_ns()
        event = PoseEvent(job_id, "run", seq, now_ns, now_ns, now_ns, "geometric", "3", "", seen)
        producer.send(Partition(POSES, 0), job_id.encode(), codec.encode(POSES, event))
        producer.settled()
    producer.flush(_PATIENCE_S)
    producer.close()


def _rows(addresses: Addresses, job_id: str) -> tuple[dict[int, float], dict[int, float]]:
    engine = create_engine(addresses.database)
    query = "SELECT seq, extract(epoch FROM stored_at), published_ns FROM pose_events WHERE job_id = :job"
    with engine.connect() as connection:
        rows = connection.execute(text(query), {"job": job_id}).all()
    engine.dispose()
    return {row[0]: float(row[1]) for row in rows}, {row[0]: row[2] / 1e9 for row in rows}
