"""A worker as a thread of this process."""

import socket
import threading
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry

from consumers.broker import Partition
from consumers.memory import MemoryBroker
from consumers.service import run_worker
from consumers.settings import WorkerSettings
from schemas.topics import dlq_topic, frames_topic, specs


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def metrics(port: int) -> str:
    deadline_s = time.monotonic() + 10
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1) as answer:
                return str(answer.read().decode())
        except urllib.error.URLError:
            assert time.monotonic() < deadline_s


def test_a_worker_serves_its_metrics_and_stops_when_asked() -> None:
    broker = MemoryBroker()
    broker.ensure_topics(specs(["default"], 2))
    port, stop = free_port(), threading.Event()
    settings = WorkerSettings(registry="mock://service", metrics_port=port, flush_s=0.01)
    registry = CollectorRegistry()
    worker = threading.Thread(
        target=run_worker, args=(settings, stop), kwargs={"broker": broker, "registry": registry, "loader": None}
    )
    worker.start()
    broker.producer().send(Partition(frames_topic("default"), 0), b"a", b"garbage")
    wanted = 'posestream_worker_dead_letters_total{stage="decode"} 1.0'
    deadline_s = time.monotonic() + 10
    while wanted not in metrics(port):
        assert time.monotonic() < deadline_s
    started_s = time.monotonic()
    stop.set()
    worker.join(10)
    assert time.monotonic() - started_s < 2
    assert len(broker.records(Partition(dlq_topic(frames_topic("default")), 0))) == 1
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=1)


@pytest.mark.parametrize(("field", "value"), [("batch", 0), ("flush_s", 0), ("session_timeout_ms", 5)])
def test_a_setting_out_of_range_is_refused_by_name(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        WorkerSettings(**{field: value})


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSESTREAM_POOL", "gpu")
    assert WorkerSettings().pool == "gpu"
