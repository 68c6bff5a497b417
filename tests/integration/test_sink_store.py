"""Rows and offsets on a real Postgres: each event once, whatever fails in between."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine, text

from posestream.stack import Addresses
from schemas import (
    Estimate,
    Job,
    JobObject,
    Overloaded,
    Pose,
    PoseEvent,
    SeqRange,
    State,
    StatusEvent,
    StatusKind,
)
from schemas.records.results import event_to
from sink.database import DatabaseUnusable, connect, migrate
from sink.queries import Queries
from sink.rows import EventRows, RecordPlace, event_rows, status_row
from sink.store import Batch, JobChange, Store
from tests.integration.databases import new_database

pytestmark = pytest.mark.integration

NOW_NS = 1_790_000_000_123_456_789
TURN = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@pytest.fixture
def empty(stack: Addresses) -> Iterator[str]:
    """The address of a new database without tables."""
    with new_database(stack, "sink") as address:
        yield address


@pytest.fixture
def engine(empty: str) -> Iterator[Engine]:
    engine = connect(empty)
    migrate(engine)
    yield engine
    engine.dispose()


def event(seq: int, run: str = "run", job: str = "job") -> PoseEvent:
    pose = Pose(TURN, np.array([0.1, 0.2, 0.3 + seq / 3]))
    estimates = {
        "mug": Estimate(pose, 0.75, State.TRACKED, np.eye(6) * 1e-6),
        "box": Estimate(None, 0.0, State.LOST),
    }
    skipped = SeqRange(1, 2) if seq == 3 else None
    times = (NOW_NS + seq * 33_000_000, NOW_NS + 1, NOW_NS + seq)
    return PoseEvent(job, run, seq, *times, "geometric", "1", "", estimates, {"track": 0.005}, skipped)


def rows_of(event: PoseEvent) -> EventRows:
    return event_rows(event_to(event))


def batch(seqs: range | list[int], next_offset: int = 0) -> Batch:
    offsets = [RecordPlace("id-1", "poses", 4, next_offset)]
    return Batch(events=[rows_of(event(seq)) for seq in seqs], offsets=offsets)


def count(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_events_come_back_as_they_went(engine: Engine) -> None:
    Store(engine).write(batch(range(5)))
    found = Queries(engine).events("job")
    assert [one.seq for one in found] == list(range(5))
    for one in found:
        expected = event(one.seq)
        for name in PoseEvent.__dataclass_fields__:
            if name != "estimates":
                assert getattr(one, name) == getattr(expected, name), name
        assert one.estimates.keys() == {"mug", "box"}
        mug, pose = one.estimates["mug"], expected.estimates["mug"].cam_from_obj
        assert mug.cam_from_obj is not None
        assert pose is not None
        assert (mug.cam_from_obj.matrix() == pose.matrix()).all()  # to the bit
        assert mug.covariance is not None
        assert (mug.covariance == np.eye(6) * 1e-6).all()
        assert one.estimates["box"].cam_from_obj is None


@pytest.mark.parametrize("first", [[0, 1, 2], [0, 1, 1, 2]], ids=["unaware", "already repeating"])
def test_a_batch_that_comes_twice_adds_nothing_and_the_first_result_stays(engine: Engine, first: list[int]) -> None:
    store = Store(engine)
    written = store.write(batch(first))
    assert (written.events, written.repeated) == (3, len(first) - 3)
    late = replace(event(1), estimates={"mug": Estimate(None, 0.0, State.LOST)})
    again = store.write(Batch(events=[rows_of(late), rows_of(event(3))]))
    assert (again.events, again.repeated) == (1, 1)
    assert count(engine, "pose_events") == 4
    assert count(engine, "object_poses") == 8
    assert Queries(engine).events("job")[1].estimates["mug"].state is State.TRACKED
    assert store.write(batch(range(4, 6))).events == 2  # and new ones go on as before


def test_two_sinks_that_write_the_same_at_once_write_it_once(engine: Engine) -> None:
    ready = threading.Barrier(2)
    added: list[int] = []

    def write(first: int) -> None:
        store = Store(engine)
        ready.wait(10)
        added.extend([store.write(batch(range(start, start + 60))).events for start in range(first, 400, 40)])

    threads = [threading.Thread(target=write, args=(first,)) for first in (0, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    found = count(engine, "pose_events")
    assert sum(added) == found == 440
    assert count(engine, "object_poses") == 2 * found


def test_offsets_only_rise_and_belong_to_one_life_of_a_topic(engine: Engine) -> None:
    store = Store(engine)
    for next_offset in (10, 7, 12, 11):
        store.write(batch([], next_offset))
    assert store.offsets({"poses": "id-1"}) == {("poses", 4): 12}
    assert store.offsets({"poses": "id-2"}) == {}  # the topic was made anew: its offsets begin again


def test_rows_and_offsets_are_written_together_or_not_at_all(engine: Engine) -> None:
    store = Store(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE sink_offsets ADD CONSTRAINT no_thirteen CHECK (next_offset <> 13)"))
    with pytest.raises(Exception, match="no_thirteen"):
        store.write(batch(range(3), 13))
    assert count(engine, "pose_events") == 0
    store.write(batch(range(3), 14))
    assert count(engine, "pose_events") == 3


def test_a_connection_cut_by_the_server_is_overload_and_the_next_try_goes_through(engine: Engine) -> None:
    store = Store(engine)
    store.write(batch(range(2), 2))
    cut_in_the_middle(engine, store)
    store.write(batch(range(2, 4), 4))
    assert [one.seq for one in Queries(engine).events("job")] == [0, 1, 2, 3]


def cut_in_the_middle(engine: Engine, store: Store) -> None:
    """Hold a lock that the write needs, end its connection from outside: nothing of it may stay."""
    blocker = engine.connect()
    blocker.execute(text("LOCK TABLE sink_offsets IN ACCESS EXCLUSIVE MODE"))
    failed: list[Exception] = []

    def write() -> None:
        try:
            store.write(batch(range(2, 4), 4))
        except Overloaded as error:
            failed.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    watcher = engine.connect().execution_options(isolation_level="AUTOCOMMIT")  # a transaction sees old statistics
    while not (pids := watcher.execute(text(waiting)).scalars().all()):
        assert thread.is_alive()
        time.sleep(0.02)
    watcher.execute(text(f"SELECT pg_terminate_backend({pids[0]})"))
    watcher.close()
    thread.join(20)
    blocker.rollback()
    blocker.close()
    assert len(failed) == 1
    assert count(engine, "pose_events") == 2


def test_two_sinks_may_make_the_tables_at_once(empty: str) -> None:
    engines = [connect(empty) for _ in range(3)]
    errors: list[BaseException] = []

    def make(engine: Engine) -> None:
        try:
            migrate(engine)
        except BaseException as error:  # noqa: BLE001 - any failure of a thread fails the test
            errors.append(error)

    threads = [threading.Thread(target=make, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    Store(engines[0]).write(batch(range(2)))
    assert Queries(engines[1]).counts("job")[0].events == 2
    for engine in engines:
        engine.dispose()


def test_jobs_and_their_states_are_kept_in_the_order_of_their_records(engine: Engine) -> None:
    store, queries = Store(engine), Queries(engine)
    job = Job("job", (JobObject("mug", "mug.ply", 0.001),), partition=4)
    made = JobChange("job", job, RecordPlace("id-j", "jobs", 4, 0))
    states = [
        status_row(
            StatusEvent("job", "", StatusKind.JOB, NOW_NS + at, word, "why"), RecordPlace("id-s", "status", 4, at)
        )
        for at, word in enumerate(("pending", "processing"))
    ]
    store.write(Batch(jobs=[made], statuses=states))
    store.write(Batch(jobs=[made], statuses=states))
    view = queries.job("job")
    assert view is not None
    assert (view.status, view.removed, view.objects[0].model_uri, view.partition) == ("processing", False, "mug.ply", 4)
    assert count(engine, "status_events") == 2
    store.write(Batch(jobs=[JobChange("job", None, RecordPlace("id-j", "jobs", 4, 1))]))
    assert [one.removed for one in queries.jobs()] == [True]


def test_runs_are_counted_apart(engine: Engine) -> None:
    first = [rows_of(event(seq)) for seq in range(4)]
    second = [rows_of(replace(event(seq, run="again"), produced_ns=NOW_NS + 10**9)) for seq in range(2)]
    Store(engine).write(Batch(events=first + second))
    runs = Queries(engine).counts("job")
    assert [(run.run_id, run.events, run.last_seq, run.skipped) for run in runs] == [
        ("run", 4, 3, 2),
        ("again", 2, 1, 0),
    ]
    assert [one.seq for one in Queries(engine).events("job", "run", after_seq=1, limit=1)] == [2]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("mysql://u@127.0.0.1/x", "expected a postgresql:// address, got mysql"),
        ("postgresql://u:hidden@127.0.0.1:1/x", "expected a Postgres that answers"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_without_its_password(url: str, reason: str) -> None:
    with pytest.raises(DatabaseUnusable, match=reason) as caught:
        migrate(connect(url))
    assert "hidden" not in str(caught.value)
