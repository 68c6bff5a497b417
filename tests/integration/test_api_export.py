"""All poses of a job in one answer: every format says the same, whatever number of pages it took."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from posestream.stack import Addresses
from schemas import Estimate, Pose, PoseEvent, State
from schemas.records.results import event_to
from sink.api import export_routes
from sink.rows import RecordPlace, event_rows
from sink.store import Batch, JobChange, Store
from tests.integration.api_world import ApiWorld, database

pytestmark = pytest.mark.integration

START = datetime(2026, 11, 1, tzinfo=UTC)
COUNT = 50


@pytest.fixture(scope="module")
def world(stack: Addresses) -> Iterator[ApiWorld]:
    with database(stack) as engine:
        made = ApiWorld(engine)
        rows = [event_rows(event_to(event(seq))) for seq in range(COUNT)]
        known = JobChange("a", made.book.job("a"), RecordPlace("id", "jobs", 0, 0))
        Store(engine).write(Batch(jobs=[known], events=rows))
        yield made


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_routes, "LIMIT", 7)


def event(seq: int) -> PoseEvent:
    captured_ns = round((START + seq * timedelta(milliseconds=33)).timestamp() * 1e6) * 1000
    seen = Estimate(Pose(np.eye(3), np.array([0.0, 0.25, seq])), 0.5, State.TRACKED)
    return PoseEvent("a", "r1", seq, captured_ns, 1, 2, "geometric", "1", "", {"cube": seen})


def export(world: ApiWorld, as_: str, who: str = "ann", **query: str) -> Any:
    return world.ask("GET", "/api/v1/jobs/a/poses/export", who, params={"format": as_} | query)


def exported(world: ApiWorld, as_: str, **query: str) -> list[int]:
    answer = export(world, as_, **query)
    assert answer.status_code == 200, answer.text
    return seqs(as_, answer.content)


def seqs(as_: str, data: bytes) -> list[int]:
    if as_ == "ndjson":
        return [json.loads(line)["seq"] for line in data.splitlines()]
    if as_ == "csv":
        return [int(row["seq"]) for row in csv.DictReader(io.StringIO(data.decode()))]
    pytest.importorskip("pyarrow", reason="the extra 'arrow' is not installed")
    from pyarrow.ipc import open_stream
    from pyarrow.parquet import ParquetFile

    table = open_stream(data).read_all() if as_ == "arrow" else ParquetFile(io.BytesIO(data)).read()
    return table.column("seq").to_pylist()


@pytest.mark.parametrize("as_", ["ndjson", "csv", "arrow", "parquet"])
def test_every_pose_comes_once_in_its_order(world: ApiWorld, as_: str) -> None:
    assert exported(world, as_) == list(range(COUNT))
    answer = export(world, as_)
    assert answer.headers["content-disposition"] == f'attachment; filename="a.{as_}"'
    until = (START + 10 * timedelta(milliseconds=33)).isoformat()
    assert exported(world, as_, until=until) == list(range(10))
    assert exported(world, as_, object="none") == []


def test_it_is_for_those_who_may_read_the_job(world: ApiWorld) -> None:
    assert export(world, "csv", "bob").status_code == 404
    assert export(world, "exe").status_code == 422
    assert world.ask("GET", "/api/v1/jobs/none/poses/export?format=csv", "root").status_code == 404
