"""``posestream compare`` on rows of a real Postgres."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from posestream.stack import Addresses
from schemas import Estimate, Pose, PoseEvent, State
from schemas.records.results import event_to
from sink.database import connect, migrate
from sink.rows import event_rows
from sink.store import Batch, Store
from tests.integration.databases import new_database

pytestmark = pytest.mark.integration

NOW_NS = 1_790_000_000_000_000_000


@pytest.fixture
def database(stack: Addresses) -> Iterator[str]:
    """The address of a new database with our tables and two runs of 1200 frames, the second 3 mm beside the first."""
    with new_database(stack, "compare") as address:
        engine = connect(address)
        migrate(engine)
        runs = (("a", 0.1), ("b", 0.103))
        events = [event_rows(event_to(event(seq, run, x_m))) for run, x_m in runs for seq in range(1200)]
        Store(engine).write(Batch(events=events))
        engine.dispose()
        yield address


def event(seq: int, run: str, x_m: float) -> PoseEvent:
    captured_ns = NOW_NS + seq * 33_000_000
    made_ns = NOW_NS + 10**12 * (1 if run == "a" else 2) + seq
    estimate = Estimate(Pose(np.eye(3), np.array([x_m, 0.0, 0.5])), 0.75, State.TRACKED)
    lost = Estimate(None, 0.0, State.LOST)
    held = run == "a" or seq % 4
    times = (captured_ns, made_ns - 7_000_000, made_ns)
    return PoseEvent(
        "job", run, seq, *times, "geometric", "1", "", {"mug": estimate if held else lost}, {"track": 0.004}
    )


def compare(database: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "posestream", "compare", *arguments]
    nowhere = {"POSESTREAM_KAFKA": "127.0.0.1:1", "POSESTREAM_REGISTRY": "http://127.0.0.1:1"}  # not needed for this
    environment = os.environ | nowhere | {"POSESTREAM_DATABASE": database}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_two_runs_are_set_side_by_side(database: str) -> None:
    done = compare(database, "job", "a", "b", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [(run["run_id"], run["frames"], run["missing"]) for run in found["runs"]] == [("a", 1200, 0), ("b", 1200, 0)]
    assert (found["matched_by"], found["common"]) == ("captured_ns", 1200)
    (mug,) = found["objects"]
    assert [run["lost"] for run in mug["runs"]] == pytest.approx([0.0, 0.25])
    assert (mug["both"], mug["only"]) == (900, [300, 0])
    assert mug["shift_mm"]["p50"] == pytest.approx(3.0)
    assert mug["turn_deg"]["p95"] == pytest.approx(0.0, abs=1e-6)
    assert found["runs"][0]["step_ms"]["p50"] == pytest.approx(4.0)
    assert found["runs"][0]["age_ms"]["p95"] == pytest.approx(7.0)


def test_the_table_names_runs_and_objects(database: str) -> None:
    done = compare(database, "job/a", "job")  # the newest run of the job is b
    assert done.returncode == 0, done.stderr
    for expected in ("job/a", "job/b", "mug", "25.0%", "3.00 / 3.00", "1200 frames in both, matched by captured_ns"):
        assert expected in done.stdout


def test_a_run_that_is_not_there_is_said(database: str, tmp_path: Path) -> None:
    done = compare(database, "job", "a", "c")
    assert done.returncode == 1
    assert "job job, run c: expected pose events in the database, found none" in done.stderr
    assert "Traceback" not in done.stderr
    away = compare(f"postgresql://u:secret@/x?host={tmp_path}", "job", "a", "b")
    assert away.returncode == 1
    assert "Traceback" not in away.stderr
    assert "secret" not in away.stderr
