"""Jobs asked for by a topic: the same rules and quotas as over HTTP, and a reason for each that is refused."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from consumers.broker import Partition
from consumers.loop import Loop, LoopSettings
from posestream.stack import Addresses
from schemas import StatusEvent
from schemas.request import JobRequest, RequestedObject
from schemas.topics import JOB_REQUESTS, STATUS, dlq_topic
from sink.people.rights import Right, Role
from sink.requests.handler import RequestHandler
from sink.requests.service import requester
from sink.settings import SinkSettings
from tests.integration.api_world import ApiWorld, database

pytestmark = pytest.mark.integration

MUG = (RequestedObject("mug", "mug.ply", 0.001),)


class Asking:
    """A world whose requests are taken, one round after the other."""

    def __init__(self, world: ApiWorld) -> None:
        self.world, self.user = world, "bob"
        handler = RequestHandler(world.codec, world.maker, lambda: requester(world.maker, self.user))
        self._loop = Loop(world.broker, handler, LoopSettings("requests", (JOB_REQUESTS,), max_records=1, poll_s=0.01))

    def ask(self, word: JobRequest | bytes) -> str:
        """The reason of the dead letter that came of it; "" where none did."""
        value = word if isinstance(word, bytes) else self.world.codec.encode(JOB_REQUESTS, word)
        producer = self.world.broker.producer()
        producer.send(Partition(JOB_REQUESTS, 0), b"key", value)
        producer.flush(1)
        return self.taken()

    def taken(self) -> str:
        before = len(self.dead())
        stop = threading.Event()
        timer = threading.Timer(1.0, stop.set)
        timer.start()
        self._loop.run(stop)
        return self.dead()[-1] if len(self.dead()) > before else ""

    def dead(self) -> list[str]:
        found = self.world.broker.records(Partition(dlq_topic(JOB_REQUESTS), 0))
        return [dict(record.headers)["x-error"].decode() for record in found]


@pytest.fixture(scope="module")
def world(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    models = tmp_path_factory.mktemp("models")
    (models / "mug.ply").write_text("ply")
    with database(stack) as engine:
        yield ApiWorld(engine, models=models)


@pytest.fixture
def asking(world: ApiWorld) -> Asking:
    return Asking(world)


def test_a_job_is_made_in_the_name_of_the_account_and_told_on_status(asking: Asking) -> None:
    world = asking.world
    assert asking.ask(JobRequest("asked", MUG, mode="live", priority=3, options={"off": "texture"})) == ""
    job = world.book.job("asked")
    assert (job.mode, job.priority, job.options, Path(job.objects[0].model_uri).name) == (
        *("live", 3, {"off": "texture"}, "mug.ply"),
    )
    assert world.services.ownership.readers("asked") == {"bob": Right.OWNER}
    told = world.broker.records(Partition(STATUS, job.partition))
    events = [world.codec.decode(record.value or b"", StatusEvent) for record in told]
    assert [event.status for event in events if event.job_id == "asked"] == ["pending"]
    assert world.ask("GET", "/api/v1/jobs/asked", "bob").json()["state"] == "pending"
    entries = world.ask("GET", "/api/v1/audit", "root").json()
    assert any("job:asked" in str(entry) for entry in entries["lines"])


def test_the_same_request_twice_makes_one_job_and_is_no_error(asking: Asking) -> None:
    assert asking.ask(JobRequest("twice", MUG)) == ""
    assert asking.ask(JobRequest("twice", MUG)) == ""
    assert "exists already" in asking.ask(JobRequest("twice", MUG, priority=1))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "../x"}, "id:"),
        ({"objects": (RequestedObject("mug", "/etc/passwd"),)}, "expected a file (.ply, .obj, .glb) in a model folder"),
        ({"objects": ()}, "expected at least one"),
        ({"mode": "fast"}, "mode:"),
        ({"deadline_s": float("nan")}, "deadline_s:"),
        ({"source": "bop:/etc"}, "feeds no jobs"),
        ({"id": "a"}, "the name is taken"),
        ({"retries": -1}, "retries:"),
    ],
    ids=range(8),
)
def test_what_is_no_good_is_a_dead_letter_with_the_reason(asking: Asking, change: dict[str, Any], reason: str) -> None:
    before = set(asking.world.book.jobs())
    assert reason in asking.ask(JobRequest(**({"id": "bad", "objects": MUG} | change)))
    assert set(asking.world.book.jobs()) == before


def test_bytes_that_are_no_request_are_a_dead_letter_and_the_next_is_taken(asking: Asking) -> None:
    assert asking.ask(b"\x07 no request") != ""
    assert asking.ask(asking.world.codec.encode("jobs", asking.world.book.job("a"))) != ""
    assert asking.ask(JobRequest("next", MUG)) == ""
    assert "next" in asking.world.book.jobs()


def test_quota_and_role_hold_as_over_http(asking: Asking) -> None:
    services = asking.world.services
    services.jobs_per_user = len(services.ownership.owned(services.accounts.get("bob").id))
    assert "expected at most" in asking.ask(JobRequest("too-many", MUG))
    services.jobs_per_user = 100
    services.accounts.add("gone", Role.OPERATOR)
    services.accounts.set_disabled("gone", disabled=True)
    for name in ("vic", "nobody", "gone"):
        asking.user = name
        assert "expected --request-user to name an account" in asking.ask(JobRequest("not-mine", MUG))


def test_a_service_with_accounts_must_be_told_whose_the_jobs_are() -> None:
    with pytest.raises(ValueError, match="request_user: expected the account"):
        SinkSettings(requests=True, accounts=True)
    SinkSettings(requests=True)
