"""Dead letters on real Kafka: counted, shown, sent back once, and a limit on their rate."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consumers.broker import Headers, Partition, Record
from consumers.deadletter import DeadLetters
from consumers.kafka import KafkaBroker
from posestream.dead_letters import Choice, NoDeadLetters
from posestream.dead_letters_replay import Replay, ReplayOptions, ReplayReport
from posestream.stack import Addresses
from schemas import BadMessage, Camera, Frame, Job, StatusKind, Track
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, STATUS, TRACKS, dlq_topic, frames_topic, specs
from tests.integration.worker_world import World

pytestmark = pytest.mark.integration

CAMERA = Camera(16, 12, 10.0, 10.0, 8.0, 6.0)
TRACE = (("traceparent", b"00-" + b"ab" * 16 + b"-" + b"cd" * 8 + b"-01"), ("x-error", b"the sender's own"))


class Desk:
    """Dead letters in topics of their own, written as the consume loop writes them."""

    def __init__(self, addresses: Addresses) -> None:
        self.addresses = addresses
        self.pool = f"d{uuid.uuid4().hex[:8]}"
        self.topic = frames_topic(self.pool)
        self.broker = KafkaBroker(addresses.kafka)
        self.broker.ensure_topics(specs([self.pool], DEFAULT_PARTITIONS))
        self.codec = Codec(addresses.registry)
        self._letters = DeadLetters(self.broker.producer())
        self._producer = self.broker.producer()

    def refuse(self, value: bytes | None, reason: str, job: str = "a", number: int = 0, headers: Headers = ()) -> None:
        record = Record(self.topic, number, 7, job.encode(), value, headers, 1_764_000_000_000)
        self._letters.send(record, BadMessage(reason, "frame"))
        self._letters.flush(10)

    def frame(self, job: str, run_id: str, seq: int) -> bytes:
        rgb = np.full((12, 16, 3), seq, np.uint8)
        return self.codec.encode(self.topic, Frame(job, run_id, seq, seq + 1, CAMERA, rgb))

    def track(self, job: str, run_id: str, seq: int) -> None:
        value = self.codec.encode(TRACKS, Track(job, run_id, seq, 1, 0, {}))
        self._producer.send(Partition(TRACKS, 0), job.encode(), value)
        self._producer.flush(10)

    def back(self) -> list[Record]:
        """What lies in the source topic."""
        reader = self.broker.reader()
        try:
            return reader.read_to_end({Partition(self.topic, number): None for number in range(DEFAULT_PARTITIONS)}, 30)
        finally:
            reader.close()

    def replay(self, choice: Choice | None = None, **options: Any) -> ReplayReport:
        chosen = replace(choice or Choice(), topic=self.topic)
        return Replay(self.addresses.kafka, self.broker, self.codec, ReplayOptions(chosen, **options)).run()

    def command(self, *arguments: str, code: int = 0) -> str:
        command = [sys.executable, "-m", "posestream", "dlq", *arguments]
        environment = os.environ | self.addresses.as_environment() | {"COLUMNS": "300"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    def close(self) -> None:
        self._letters.close()
        self._producer.close()


@pytest.fixture
def desk(stack: Addresses) -> Iterator[Desk]:
    made = Desk(stack)
    yield made
    made.close()


def test_dead_letters_are_counted_by_job_and_reason_and_one_is_shown(desk: Desk) -> None:
    desk.refuse(b"garbage", "expected 5 bytes, got 7")
    desk.refuse(b"more garbage", "expected 5 bytes, got 12", headers=TRACE)
    desk.refuse(desk.frame("b", "run", 3), "no such job", job="b", number=2)
    first, second = json.loads(desk.command("list", "--topic", desk.topic, "--json"))
    assert (first["job_id"], first["count"], first["reason"]) == ("b", 1, "no such job")
    assert (second["job_id"], second["count"], second["replayed"], second["stage"]) == ("a", 2, 0, "frame")
    assert second["oldest_ms"] <= second["refused_ms"]
    assert (second["topic"], second["partition"], second["offset"]) == (desk.topic, 0, 7)
    table = desk.command("list", "--topic", desk.topic, "--reason", "5 bytes")
    assert "s ago" in table
    assert second["place"] in table
    assert "no such job" not in table
    shown = json.loads(desk.command("show", second["place"]))
    assert shown["headers"] == [[name, value.decode()] for name, value in TRACE]
    assert shown["size_bytes"] == len(b"more garbage")
    assert shown["content"]["text"] == "more garbage"
    for wrong, says in (("nowhere", "expected TOPIC/PARTITION/OFFSET"), (f"{desk.topic}/0/999", "of a dead letter")):
        assert says in desk.command("show", wrong, code=1)
    of_frame = json.loads(desk.command("show", first["place"]))["content"]
    assert of_frame["frame"] == {"job_id": "b", "run_id": "run", "seq": 3}
    assert of_frame["schema_id"] > 0


def test_what_is_sent_back_is_the_same_bytes_and_headers_and_once_only(desk: Desk) -> None:
    values = [bytes([number]) * 9 for number in range(250)]  # more than two transactions
    for value in values:
        desk.refuse(value, "unreadable", number=value[0] % 2, headers=TRACE)
    desk.refuse(b"other", "another reason", job="b")
    chosen = Choice(reason="unread")
    assert desk.replay(chosen, dry_run=True).sent == 250
    assert desk.back() == []
    report = desk.replay(chosen)
    assert (report.chosen, report.sent, report.again, report.by_topic) == (250, 250, 0, {desk.topic: 250})
    back = desk.back()
    assert sorted(record.value or b"" for record in back) == values
    assert {(record.key, record.headers) for record in back} == {(b"a", TRACE)}
    assert all(record.partition == (record.value or b"?")[0] % 2 for record in back)
    report = desk.replay()
    assert (report.chosen, report.sent, report.again) == (251, 1, 250)
    assert len(desk.back()) == 251
    one = json.loads(desk.command("list", "--topic", desk.topic, "--job", "b", "--json"))[0]
    assert one["replayed"] == 1
    out = desk.command("replay", "--topic", desk.topic, "--place", one["place"], "--again", "--json")
    assert json.loads(out)["sent"] == 1
    assert [record.value for record in desk.back()].count(b"other") == 2


def test_a_replay_that_was_killed_in_a_transaction_sends_nothing_twice(desk: Desk, tmp_path: Path) -> None:
    for number in range(150):
        desk.refuse(bytes([number]), "unreadable")
    script = tmp_path / "killed.py"
    script.write_text(
        "import os, sys\n"
        "from posestream import dead_letters_replay as replays\n"
        "produce = replays._Sender._produce\n"
        "def dying(self, record, letter):\n"
        "    produce(self, record, letter)\n"
        "    if record.value == bytes([120]):\n"  # in the second transaction
        "        self._producer.flush(10)\n"
        "        os._exit(137)\n"
        "replays._Sender._produce = dying\n"
        "from posestream.__main__ import main\n"
        "main()\n"
    )
    environment = os.environ | desk.addresses.as_environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(script), "dlq", "replay", "--topic", desk.topic]
    assert subprocess.run(command, env=environment, check=False, timeout=60).returncode == 137
    report = desk.replay()
    assert (report.chosen, report.sent, report.again) == (150, 50, 100)
    assert [record.value for record in desk.back()] == [bytes([number]) for number in range(150)]


def test_frames_that_no_worker_would_answer_stay_where_they_are(desk: Desk) -> None:
    job = f"{desk.pool}-job"
    for run_id, seq in (("old", 9), ("now", 4), ("now", 5), ("now", 6)):
        desk.refuse(desk.frame(job, run_id, seq), "no room", job=job)
    desk.track(job, "now", 5)
    report = desk.replay()
    assert (report.chosen, report.sent, report.late, report.other_run) == (4, 1, 2, 1)
    assert desk.codec.decode(desk.back()[0].value or b"", Frame).seq == 6
    report = desk.replay(other_runs=True)
    assert (report.sent, report.again, report.late) == (1, 1, 2)
    assert desk.codec.decode(desk.back()[1].value or b"", Frame).run_id == "old"


def test_frames_of_a_job_that_was_made_too_late_are_answered_once_they_are_sent_back(
    stack: Addresses, tmp_path: Path
) -> None:
    world = World(stack.kafka, stack.registry, tmp_path)
    try:
        world.worker(job_wait_s=0.2)
        late = Job(f"{world.pool}-0", (), pool=world.pool)  # nobody made it yet
        world.frames(late, 0, 9)
        dead = dlq_topic(world.frames_topic)
        world.until(lambda: len(world.records(dead, late)) == 10)
        world.until(lambda: sum(len(one.frames or ()) for one in world.statuses(late, StatusKind.SKIPPED)) == 10)
        world.job(0)
        options = ReplayOptions(Choice(world.frames_topic))
        report = Replay(stack.kafka, world.broker, world.codec, options).run()
        assert (report.chosen, report.sent) == (10, 10)
        world.until(world.answered(late, 10))
        assert [event.seq for event in world.events(late)] == list(range(10))
        assert world.statuses(late, StatusKind.GAP) == []
    finally:
        world.close()


def test_a_topic_without_dead_letters_is_refused_by_name(desk: Desk) -> None:
    with pytest.raises(NoDeadLetters, match=r"topic nosuch: expected one that has dead letters, among .*status"):
        Replay(desk.addresses.kafka, desk.broker, desk.codec, ReplayOptions(Choice("nosuch"))).run()
    assert dlq_topic(STATUS) == "status.dlq"


def test_too_many_dead_letters_stop_the_worker_with_exit_code_3(desk: Desk) -> None:
    producer = desk.broker.producer()
    for number in range(30):
        producer.send(Partition(desk.topic, 0), b"a", bytes([255, number]))
    producer.flush(10)
    producer.close()
    command = [sys.executable, "-m", "posestream", "track", "--pool", desk.pool, "--dead-letter-limit", "20"]
    environment = os.environ | desk.addresses.as_environment()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3, done.stderr
    assert "more than 20 dead letters in a minute" in done.stderr.splitlines()[-1]
    letters = json.loads(desk.command("list", "--topic", desk.topic, "--json"))
    assert sum(group["count"] for group in letters) <= 20
