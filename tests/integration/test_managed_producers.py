"""Jobs with a source over HTTP on real servers: fed by the service, ended with the job and with the service."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from schemas.topics import specs
from tests.integration.worker_world import PARTITIONS, World

pytestmark = pytest.mark.integration

PATIENCE_S = 120.0
FRAMES = 12


class Service:
    """``posestream sink`` as users run it, on a database and a port of its own."""

    def __init__(self, stack: Addresses, database: str, folder: Path, log: Path) -> None:
        url = make_url(stack.database).set(database=database).render_as_string(hide_password=False)
        servers = {"KAFKA": stack.kafka, "REGISTRY": stack.registry, "DATABASE": url}
        own = {f"POSESTREAM_{name}": value for name, value in servers.items()}
        options = {"port": 0, "group": database, "managed-producers": 2, "source-folders": folder}
        options |= {"model-folders": folder, "source-hosts": "cam.example"}
        self._command = [sys.executable, "-m", "posestream", "sink"]
        self._command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._environment = os.environ | own | {"COLUMNS": "200", "PYTHONPATH": str(Path(__file__).parents[2])}
        self._log = log
        self.address = ""
        self.start()

    def start(self) -> None:
        with self._log.open("w") as log:
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log)
        until(lambda: "page at " in self.log() or self.process.poll() is not None, self.log)
        assert self.process.poll() is None, self.log()
        self.address = self.log().partition("page at ")[2].split()[0]

    def log(self) -> str:
        return self._log.read_text()

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.address}api/v1{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def job(self, job_id: str) -> dict[str, Any]:
        return self.ask("GET", f"/jobs/{job_id}")[1]

    def producers(self, job_id: str = "produce") -> list[psutil.Process]:
        """Processes that feed a job, or any."""
        found: list[psutil.Process] = []
        for one in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # it ended meanwhile; a zombie is none either
                found += [one] if {"produce", job_id} <= set(one.cmdline()) else []
        return found

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(40)


def until(holds: Callable[[], Any], story: Callable[[], str]) -> Any:
    deadline_s = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < deadline_s, story()
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fed")


@pytest.fixture(scope="module")
def recording(folder: Path) -> Path:
    """A BOP recording of 12 small pictures with one object."""
    folder = folder / "sources" / "desk"
    (folder / "rgb").mkdir(parents=True)
    (folder / "models").mkdir()
    picture = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    for number in range(FRAMES):
        cv2.imwrite(str(folder / "rgb" / f"{number:06d}.png"), np.roll(picture, number, axis=1))
    view = {"cam_K": [50, 0, 32, 0, 50, 24, 0, 0, 1], "depth_scale": 1}
    (folder / "scene_camera.json").write_text(json.dumps({str(number): view for number in range(FRAMES)}))
    (folder / "models" / "obj_000001.ply").write_text("ply")
    return folder


@pytest.fixture(scope="module")
def service(stack: Addresses, recording: Path, folder: Path) -> Iterator[Service]:
    database = f"fed_{uuid.uuid4().hex[:8]}"
    admin = create_engine(stack.database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {database}"))
    made = Service(stack, database, recording.parent, folder / "sink.log")
    yield made
    made.stop()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {database} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def world(stack: Addresses, tmp_path: Path) -> Iterator[World]:
    made = World(stack.kafka, stack.registry, tmp_path)
    KafkaBroker(stack.kafka).ensure_topics(specs([made.pool], PARTITIONS))
    yield made
    made.close()


def asked(world: World, name: str, source: str, **fields: object) -> dict[str, object]:
    return {"id": f"{world.pool}-{name}", "pool": world.pool, "estimator": "chain", "source": source} | fields


def test_a_job_with_a_recording_is_fed_tracked_and_completed(service: Service, world: World) -> None:
    world.worker()
    status, job = service.ask("POST", "/jobs", asked(world, "bop", "bop:desk?rate=60"))
    assert (status, job["objects"]) == (201, ["obj_000001"]), job
    assert job["source"].startswith("bop:/")
    until(lambda: service.job(job["id"])["state"] == "completed", lambda: service.log() + world.logs())
    rows = until(
        lambda: len(found := service.ask("GET", f"/jobs/{job['id']}/poses")[1]["poses"]) == FRAMES and found,
        service.log,
    )
    assert [row["seq"] for row in rows] == list(range(FRAMES))
    until(lambda: service.producers(job["id"]) == [], service.log)


def test_pause_and_cancel_reach_the_producer_and_the_quota_is_kept(service: Service, world: World) -> None:
    world.worker()
    jobs: list[str] = []
    for name in ("one", "two"):
        status, job = service.ask("POST", "/jobs", asked(world, name, "synthetic:?frames=5000&size=64x48&rate=20"))
        assert (status, job["objects"]) == (201, ["obj_000001"]), job
        jobs.append(job["id"])
    status, refused = service.ask("POST", "/jobs", asked(world, "three", "synthetic:"))
    assert (status, refused["detail"]) == (409, "expected at most 2 jobs with a source at a time")
    for job_id in jobs:
        until(lambda name=job_id: (service.job(name)["progress"] or {"seq": 0})["seq"] > 5, service.log)
        fed = until(lambda name=job_id: service.job(name)["producer"], service.log)
        assert fed["total"] == 5000
    assert service.ask("POST", f"/jobs/{jobs[0]}/pause")[1]["state"] == "paused"
    assert len(service.producers(jobs[0])) == 1  # it waits, as one that was started by hand
    service.ask("POST", f"/jobs/{jobs[0]}/resume")
    began_s = time.monotonic()
    for job_id in jobs:
        assert service.ask("POST", f"/jobs/{job_id}/cancel")[1]["state"] == "cancelled"
    until(lambda: not any(map(service.producers, jobs)), service.log)
    assert time.monotonic() - began_s < 30  # a second or two where the machine is free
    assert service.ask("POST", "/jobs", asked(world, "four", "synthetic:?frames=3&size=64x48"))[0] == 201
    service.ask("POST", f"/jobs/{world.pool}-four/cancel")


def test_a_producer_that_dies_is_started_again_and_goes_on_with_its_run(service: Service, world: World) -> None:
    world.worker()
    source = "synthetic:?frames=120&size=64x48&rate=15"
    job_id = service.ask("POST", "/jobs", asked(world, "dies", source))[1]["id"]
    until(lambda: (service.job(job_id)["progress"] or {"seq": 0})["seq"] > 5, service.log)
    (producer,) = service.producers(job_id)
    producer.kill()
    until(lambda: service.job(job_id)["state"] == "completed", lambda: service.log() + world.logs())
    poses = until(
        lambda: len(found := service.ask("GET", f"/jobs/{job_id}/poses")[1]["poses"]) == 120 and found, service.log
    )
    assert len({row["run_id"] for row in poses}) == 1
    assert "its producer ended (-9)" in service.log()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("bop:/etc", "expected a file or folder in a source folder"),
        ("bop:desk?evry=2", "expected options among"),
        ("bop:.", "scene_camera.json: expected a readable file"),
        ("usb:0", "expected SCHEME:PLACE with a scheme that this service opens"),
        ("http://169.254.169.254/latest?intrinsics=desk/scene_camera.json", "expected one that this service may"),
        ("http://cam.example@127.0.0.1/x", "expected one that this service may connect to"),
        ("synthetic:?level=insane", "expected level to be one of"),
    ],
)
def test_a_source_that_cannot_be_is_a_problem_and_no_job(
    service: Service, world: World, source: str, reason: str
) -> None:
    status, problem = service.ask("POST", "/jobs", asked(world, "bad", source))
    assert (status, problem["status"]) == (422, 422)
    assert reason in problem["detail"]
    assert service.ask("GET", f"/jobs/{world.pool}-bad")[0] == 404


def test_the_environment_of_a_producer_holds_no_secret_of_the_service(service: Service, world: World) -> None:
    job_id = service.ask("POST", "/jobs", asked(world, "env", "synthetic:?frames=5000&size=64x48"))[1]["id"]
    (producer,) = until(lambda: service.producers(job_id), service.log)
    environment = producer.environ()
    assert environment["POSESTREAM_SOURCE"].startswith("synthetic:")
    assert not any("synthetic" in word for word in producer.cmdline())
    assert "POSESTREAM_SECRET" not in environment
    assert environment["POSESTREAM_DATABASE"].endswith("nobody@127.0.0.1:1/none")
    service.ask("POST", f"/jobs/{job_id}/cancel")


def test_no_producer_is_left_when_the_service_is_killed_and_a_new_one_goes_on(service: Service, world: World) -> None:
    world.worker()
    source = "synthetic:?frames=100&size=64x48&rate=15"
    job_id = service.ask("POST", "/jobs", asked(world, "killed", source))[1]["id"]
    until(lambda: (service.job(job_id)["progress"] or {"seq": 0})["seq"] > 5, service.log)
    (producer,) = service.producers(job_id)
    service.process.kill()
    service.process.wait(10)
    gone, _ = psutil.wait_procs([producer], timeout=25)
    assert gone
    service.start()
    until(lambda: service.job(job_id)["state"] == "completed", lambda: service.log() + world.logs())
    poses = until(
        lambda: len(found := service.ask("GET", f"/jobs/{job_id}/poses")[1]["poses"]) == 100 and found, service.log
    )
    assert len({row["run_id"] for row in poses}) == 1
    until(lambda: service.producers(job_id) == [], service.log)
