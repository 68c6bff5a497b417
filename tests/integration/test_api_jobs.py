"""Jobs and poses over REST: what is asked for comes, what is not allowed does not."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from consumers.broker import Partition
from posestream.stack import Addresses
from schemas import Box, Estimate, Job, JobObject, Pose, PoseEvent, Prompt, State
from schemas.records.results import event_to
from schemas.topics import PROMPTS
from sink.rows import event_rows
from sink.store import Batch, Store
from tests.integration.api_world import ApiWorld, database

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 1, tzinfo=UTC)
STEP = timedelta(milliseconds=33)


@pytest.fixture(scope="module")
def world(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    models = tmp_path_factory.mktemp("models")
    (models / "mug.ply").write_text("ply")
    (models / "secret.txt").write_text("no mesh")
    outside = tmp_path_factory.mktemp("elsewhere")
    (outside / "mug.ply").write_text("ply")
    (models / "link.ply").symlink_to(outside / "mug.ply")
    with database(stack) as engine:
        made = ApiWorld(engine, models=models)
        Store(engine).write(
            Batch(events=[event_rows(event_to(event(run, seq))) for run in ("r1", "r2") for seq in range(20)])
        )
        yield made


def event(run: str, seq: int) -> PoseEvent:
    captured_ns = round((START + seq * STEP).timestamp() * 1e6) * 1000
    seen = Estimate(Pose(np.eye(3), np.array([0.0, 0.25, seq])), 0.5, State.TRACKED)
    estimates = {"cube": seen, "mug": Estimate(None, 0.0, State.LOST)}
    return PoseEvent("a", run, seq, captured_ns, 1, 2, "geometric", "1", "", estimates)


def asked(job_id: str, model: str = "mug.ply", **fields: object) -> dict[str, object]:
    return {"id": job_id, "objects": [{"object_id": "mug", "model": model, "model_unit_m": 0.001}]} | fields


def test_a_job_is_made_by_an_operator_and_is_theirs(world: ApiWorld) -> None:
    answer = world.ask("POST", "/api/v1/jobs", "bob", json=asked("mine", mode="live", priority=3, retries=2))
    assert answer.status_code == 201
    assert (answer.json()["state"], answer.json()["priority"], answer.json()["objects"]) == ("pending", 3, ["mug"])
    job = world.book.job("mine")
    assert (job.objects[0].model_unit_m, Path(job.objects[0].model_uri).name, job.retries) == (0.001, "mug.ply", 2)
    assert world.ask("GET", "/api/v1/jobs/mine", "bob").json() == answer.json()
    assert world.ask("GET", "/api/v1/jobs/mine", "ann").status_code == 404
    assert world.ask("POST", "/api/v1/jobs", "bob", json=asked("mine")).status_code == 409
    assert world.ask("POST", "/api/v1/jobs", "ann", json=asked("mine")).status_code == 409
    assert world.ask("POST", "/api/v1/jobs", "vic", json=asked("other")).status_code == 403


def test_a_job_goes_through_its_states_and_what_may_not_follow_is_a_conflict(world: ApiWorld) -> None:
    world.ask("POST", "/api/v1/jobs", "bob", json=asked("states"))
    for what, status, state in (
        ("resume", 409, ""),
        ("pause", 200, "paused"),
        ("pause", 200, "paused"),
        ("resume", 200, "queued"),
        ("retry", 409, ""),
        ("cancel", 200, "cancelled"),
        ("pause", 409, ""),
    ):
        answer = world.ask("POST", f"/api/v1/jobs/states/{what}", "bob")
        assert (answer.status_code, answer.json().get("state", "")) == (status, state), what
    assert world.ask("GET", "/api/v1/jobs/states", "bob").json()["reason"] == "cancel by bob"


@pytest.mark.parametrize(
    "model",
    [
        *("../elsewhere0/mug.ply", "/etc/passwd", "secret.txt", "none.ply", "link.ply", "file:///etc/passwd"),
        *("http://169.254.169.254/latest/mug.ply", "mug.ply\u0000.obj", "", "a" * 900 + ".ply", ".", "//mug.ply"),
    ],
)
def test_a_model_from_elsewhere_is_refused_in_the_same_words(world: ApiWorld, model: str) -> None:
    answer = world.ask("POST", "/api/v1/jobs", "root", json=asked("outside", model))
    assert answer.status_code == 422
    assert "outside" not in world.book.jobs()


def test_a_job_of_the_command_line_does_not_become_somebodys_by_asking_for_its_name(world: ApiWorld) -> None:
    world.book.create(Job("command-line", (JobObject("cube", "cube.ply"),)))
    assert world.ask("POST", "/api/v1/jobs", "bob", json=asked("command-line")).status_code == 409
    assert world.services.ownership.readers("command-line") == {}
    assert world.ask("GET", "/api/v1/jobs/command-line", "bob").status_code == 404


def test_what_is_said_of_an_object_reaches_the_jobs_partition(world: ApiWorld) -> None:
    world.ask("POST", "/api/v1/jobs", "bob", json=asked("pointed"))
    box = {"x_px": 10, "y_px": 20.5, "width_px": 30, "height_px": 40}
    path = "/api/v1/jobs/pointed/prompts"
    for body in ({"object_id": "mug", "box": box}, {"object_id": "mug", "reset": True, "run_id": "r1"}):
        assert world.ask("POST", path, "bob", json=body).status_code == 202
    at = Partition(PROMPTS, world.book.job("pointed").partition)
    said = [world.codec.decode(record.value or b"", Prompt) for record in world.broker.records(at)]
    assert [(one.job_id, one.object_id, one.run_id, one.box, one.reset) for one in said] == [
        ("pointed", "mug", "", Box(10, 20.5, 30, 40), False),
        ("pointed", "mug", "r1", None, True),
    ]
    assert world.ask("POST", path, "bob", json={"object_id": "cup", "reset": True}).status_code == 404
    for bad in ({}, {"box": box, "reset": True}, {"box": box | {"width_px": 0}}, {"box": box | {"x_px": -1}}):
        assert world.ask("POST", path, "bob", json={"object_id": "mug"} | bad).status_code == 422, bad
    assert world.ask("POST", path, "ann", json={"object_id": "mug", "reset": True}).status_code == 404


def test_a_user_has_a_quota_of_jobs(world: ApiWorld) -> None:
    world.services.jobs_per_user = len(world.services.ownership.owned(world.services.accounts.get("bob").id))
    answer = world.ask("POST", "/api/v1/jobs", "bob", json=asked("too-many"))
    world.services.jobs_per_user = 100
    assert (answer.status_code, "expected at most" in answer.json()["detail"]) == (409, True)


def test_jobs_come_in_pages(world: ApiWorld) -> None:
    found: list[str] = []
    after = ""
    while after is not None:
        page = world.ask("GET", f"/api/v1/jobs?limit=1&after={after}", "root").json()
        found += [job["id"] for job in page["jobs"]]
        after = page["next"]
    assert found == sorted(world.book.jobs())


def test_poses_come_in_pages_without_a_hole_or_a_double(world: ApiWorld) -> None:
    keys: list[tuple[str, int, str]] = []
    cursor = ""
    while cursor is not None:
        suffix = f"&cursor={cursor}" if cursor else ""
        page = world.ask("GET", f"/api/v1/jobs/a/poses?limit=7{suffix}", "ann").json()
        keys += [(pose["run_id"], pose["seq"], pose["object_id"]) for pose in page["poses"]]
        cursor = page["next"]
    assert keys == [(run, seq, name) for run in ("r1", "r2") for seq in range(20) for name in ("cube", "mug")]


def test_poses_are_chosen_by_object_run_and_time(world: ApiWorld) -> None:
    since, until = (START + 5 * STEP).isoformat(), (START + 8 * STEP).isoformat()
    query = {"object": "cube", "run": "r2", "since": since, "until": until}
    (first, *rest) = world.ask("GET", "/api/v1/jobs/a/poses", "ann", params=query).json()["poses"]
    assert first == {
        "run_id": "r2",
        "seq": 5,
        "object_id": "cube",
        "state": "tracked",
        "score": 0.5,
        "captured_at": "2026-11-01T00:00:00.165000Z",
        "rotation": np.eye(3).ravel().tolist(),
        "translation_m": [0.0, 0.25, 5.0],
    }
    assert [pose["seq"] for pose in rest] == [6, 7]


def test_the_formats_say_the_same(world: ApiWorld) -> None:
    path = "/api/v1/jobs/a/poses?limit=3&format="
    plain, lines, table = (world.ask("GET", path + name, "ann") for name in ("json", "ndjson", "csv"))
    told = [json.loads(line) for line in lines.text.splitlines()]
    assert [pose["translation_m"] for pose in told] == [pose["translation_m"] for pose in plain.json()["poses"]]
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["translation_m_2"] for row in rows] == ["0.0", "", "1.0"]
    assert [row["object_id"] for row in rows] == ["cube", "mug", "cube"]
    assert lines.headers["x-next-cursor"] == table.headers["x-next-cursor"] == plain.json()["next"]


@pytest.mark.parametrize(
    "query",
    [
        *("cursor=x", "cursor=W10", "cursor=WzEsMiwzXQ", "limit=0", "limit=99999999", "since=yesterday", "format=exe"),
        *("object=%00", "run=%00", "object=a'%20OR%201=1", "until=NaN", "since=9999999999999999"),
    ],
)
def test_a_question_that_makes_no_sense_is_a_problem_and_no_error_of_ours(world: ApiWorld, query: str) -> None:
    answer = world.ask("GET", f"/api/v1/jobs/a/poses?{query}", "ann")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize(
    "change",
    [
        {"objects": []},
        {"deadline_s": "Infinity"},
        {"deadline_s": float("1e999")},
        {"priority": 10**20},
        {"unknown": 1},
        {"pool": "../x"},
        {"options": {"a\r\nb": "c"}},
        {"options": {"a": "x\x00y"}},
        {"retries": -1},
    ],
    ids=range(9),
)
def test_a_job_that_cannot_be_is_refused(world: ApiWorld, change: dict[str, object]) -> None:
    body = json.dumps(asked("bad") | change)
    headers = {"authorization": f"Bearer {world.tokens['root']}", "content-type": "application/json"}
    answer = world.client.post("/api/v1/jobs", content=body, headers=headers)
    assert answer.status_code == 422
