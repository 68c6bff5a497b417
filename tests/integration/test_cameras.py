"""Real streams from servers that a test breaks, through OpenCV and FFmpeg into real Kafka."""

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from consumers.book import JobBook
from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from producers.metrics import ProducerMetrics
from producers.resume import unfinished_run
from producers.service import ProduceReport, produce
from producers.settings import ProduceSettings
from producers.sources.base import Shot
from producers.sources.open import open_source
from schemas import Frame, Job, JobObject, Mode, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, STATUS, frames_topic, specs
from tests.integration.camera_servers import HEIGHT, WIDTH, Camera, MjpegCamera, RtspCamera, count_in

pytestmark = pytest.mark.integration

OPTIONS = "&timeout=1&retry=0.3&freeze=0.6&black=0.3"


@pytest.fixture(params=[MjpegCamera, RtspCamera])
def camera(request: pytest.FixtureRequest) -> Iterator[Camera]:
    made = request.param()
    yield made
    if made.mode != "off":
        made.off()


@pytest.fixture
def intrinsics(tmp_path: Path) -> Path:
    path = tmp_path / "k.json"
    path.write_text(json.dumps({"fx": 100, "fy": 100, "cx": 80, "cy": 60}))
    return path


class Desk:
    """A job in mode live, and what its topics hold."""

    def __init__(self, stack: Addresses) -> None:
        self.stack, self.broker, self.codec = stack, KafkaBroker(stack.kafka), Codec(stack.registry)
        self.broker.ensure_topics(specs(["default"], DEFAULT_PARTITIONS))
        self._book = JobBook(self.broker, self.codec, DEFAULT_PARTITIONS)
        objects = (JobObject("mug", "/meshes/mug.ply"),)
        self.job = self._book.create(Job(f"camera-{uuid.uuid4().hex[:8]}", objects, mode=Mode.LIVE))

    def frames(self) -> list[Frame]:
        return [self.codec.decode(value, Frame) for value in self._values(frames_topic(self.job.pool))]

    def said(self) -> list[str]:
        """What was told of the stream."""
        found = [self.codec.decode(value, StatusEvent) for value in self._values(STATUS)]
        return [event.reason for event in found if event.kind is StatusKind.STREAM]

    def until(self, done: Callable[[], bool]) -> None:
        deadline_s = time.monotonic() + 60
        while not done():
            assert time.monotonic() < deadline_s, self.said()
            time.sleep(0.05)

    def _values(self, topic: str) -> list[bytes]:
        reader = self.broker.reader()
        try:
            found = reader.read_to_end({Partition(topic, self.job.partition): None}, 30)
        finally:
            reader.close()
        return [record.value for record in found if record.key == self.job.id.encode() and record.value]

    def close(self) -> None:
        self._book.remove(self.job.id)


@pytest.fixture
def desk(stack: Addresses) -> Iterator[Desk]:
    made = Desk(stack)
    yield made
    made.close()


def test_all_that_goes_wrong_with_a_camera_is_told_and_so_is_its_end(
    camera: Camera, desk: Desk, intrinsics: Path
) -> None:
    stop, registry, reports = threading.Event(), CollectorRegistry(), list[ProduceReport]()
    settings = ProduceSettings(kafka=desk.stack.kafka, registry=desk.stack.registry)
    source = open_source(f"{camera.address}?intrinsics={intrinsics}{OPTIONS}")
    metrics = ProducerMetrics(registry)

    def run() -> None:
        reports.append(produce(settings, desk.job, source, stop, metrics=metrics))

    thread = threading.Thread(target=run)
    thread.start()

    def told(text: str, count: int = 1) -> None:
        desk.until(lambda: sum(text in one for one in desk.said()) >= count)

    def state(name: str) -> float | None:
        return registry.get_sample_value("posestream_producer_source_state", {"posestream_producer_source_state": name})

    try:
        desk.until(lambda: len(desk.frames()) > 5)
        camera.mode = "freeze"
        told("picture frozen: the same one for 0.6 s")
        assert state("frozen") == 1
        camera.mode = "play"
        told("picture moves again after")
        camera.mode = "black"
        told("picture black: for 0.3 s")
        camera.mode = "play"
        told("picture is no longer black")
        camera.off()
        told("camera away: the stream ended")
        assert state("away") == 1
        camera.on()
        told("camera is back after")
        camera.mode = "stall"  # connected, and silent
        told("camera away", 2)
        camera.mode = "play"
        told("camera is back after", 2)
        assert state("playing") == 1
        count = len(desk.frames())
        desk.until(lambda: len(desk.frames()) > count + 5)
    finally:
        stop.set()
        thread.join(30)
    (report,) = reports
    assert (report.ended, report.dropped) == (False, 0)
    frames = desk.frames()
    assert [frame.seq for frame in frames] == list(range(report.frames))
    assert len({frame.run_id for frame in frames}) == 1
    times = [frame.captured_ns for frame in frames]
    assert times == sorted(set(times))
    counts = np.diff([count_in(frame.rgb) for frame in frames if frame.rgb.mean() > 20])
    assert (counts % 1000 < 500).all()  # never an older picture after a newer one
    assert registry.get_sample_value("posestream_producer_source_failures_total") >= 2  # type: ignore[operator]
    assert registry.get_sample_value("posestream_producer_source_changes_total", {"state": "frozen"}) == 1


def test_a_producer_whose_camera_is_away_stops_when_told_and_its_run_goes_on(
    desk: Desk, intrinsics: Path, tmp_path: Path
) -> None:
    camera = MjpegCamera()
    address = camera.address.replace("//", "//user:secret@")
    command = [
        sys.executable,
        "-m",
        "posestream",
        "produce",
        desk.job.id,
        f"{address}?intrinsics={intrinsics}{OPTIONS}",
    ]
    environment = os.environ | desk.stack.as_environment()
    log = tmp_path / "log"

    def started() -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen([*command, "--json"], env=environment, stdout=out, stderr=out)

    producer = started()
    try:
        desk.until(lambda: len(desk.frames()) > 5)
        camera.off()
        desk.until(lambda: any("camera away" in one for one in desk.said()))
        producer.send_signal(signal.SIGTERM)
        assert producer.wait(20) == 0, log.read_text()
        progress = unfinished_run(desk.stack.kafka, desk.codec, desk.job)  # in spite of what the camera said
        assert progress is not None
        assert progress.next_seq == len(desk.frames())
        camera.on()
        producer = started()
        desk.until(lambda: len(desk.frames()) > progress.next_seq + 5)
        producer.send_signal(signal.SIGTERM)
        assert producer.wait(20) == 0, log.read_text()
    finally:
        producer.kill()
        producer.wait()
        if camera.mode != "off":
            camera.off()
    frames = desk.frames()
    assert [frame.seq for frame in frames] == list(range(len(frames)))
    assert {frame.run_id for frame in frames} == {progress.run_id}
    assert "secret" not in "".join(desk.said())


def test_a_file_behind_an_address_comes_whole_and_ends(intrinsics: Path, tmp_path: Path) -> None:
    video = cv2.VideoWriter(str(tmp_path / "clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 20, (WIDTH, HEIGHT))
    for number in range(60):
        video.write(np.full((HEIGHT, WIDTH, 3), 4 * number, np.uint8))
    video.release()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = open_source(f"http://127.0.0.1:{server.server_port}/clip.avi?intrinsics={intrinsics}&timeout=5")
        shots = [item for item in source.shots(10) if isinstance(item, Shot)]
        server.shutdown()
    assert source.frame_count == 60
    grey = [float(shot.rgb.mean()) for shot in shots]
    assert grey == pytest.approx([4 * number for number in range(10, 60)], abs=2.5)  # JPEG
    assert np.diff([shot.at_s for shot in shots]) == pytest.approx(np.full(49, 0.05), abs=1e-6)
