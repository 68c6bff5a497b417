"""The results query of the REST interface over ten million rows in a real Postgres: time of an answer, and the plan.

    python tests/bench/results.py [--rows 10000000] [--plans] [--requests 200]

Rows are made by one INSERT ... SELECT from generate_series: half of them are one long job's, the others of five jobs
that ran at the same time, four objects each. 4 GB of disk while it runs. Answers go through the whole application (in
this process, without accounts); each request is for another place. A table, no assertion.
"""

import argparse
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, create_engine, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url
from starlette.testclient import TestClient

from consumers.book import JobBook
from posestream.stack import Addresses, passing_stack
from sink.api.pose_pages import PoseQuery, cursor_of, page, statements
from sink.api.services import Services
from sink.database import connect, migrate
from sink.queries import Queries
from sink.web import make_web
from tests.bench.pipeline_parts.line import share

HOST, DATABASE = "127.0.0.1:8080", "bench_results"
START = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
STEP = timedelta(milliseconds=40)
OBJECTS, SHORT_JOBS, RUN = 4, 5, "20261101T000000-0a1b"

FILL = """
INSERT INTO object_poses (captured_at, job_id, run_id, seq, object_id, state, score, rotation, translation_m)
SELECT CAST(:start AS timestamptz) + seq * interval '40 milliseconds', jobs.name, :run, seq, 'obj_' || object,
  'tracked', 0.9, ARRAY[1,0,0,0,1,0,0,0,1]::float8[], ARRAY[0.1, 0.2, 0.5 + seq * 1e-6]
FROM generate_series(0, :frames - 1) seq
JOIN (VALUES ('long', :frames), ('job-1', :short), ('job-2', :short), ('job-3', :short), ('job-4', :short),
  ('job-5', :short)) jobs(name, frames) ON seq < jobs.frames
CROSS JOIN generate_series(1, :objects) object
"""
JOBS = """
INSERT INTO jobs (id, pool, estimator, mode, partition, priority, options, topic_id, record_offset)
SELECT name, 'default', 'geometric', 'all', 0, 0, '{}', 'bench', 0
FROM (VALUES ('long'), ('job-1'), ('job-2'), ('job-3'), ('job-4'), ('job-5')) jobs(name)
"""


@dataclass(frozen=True)
class Case:
    """A kind of question; ``ask`` gives one for a frame of the job, ``frames`` of which there are."""

    what: str
    job: str
    ask: Callable[[str, int, int], PoseQuery]


def first(limit: int, object_id: str | None = None) -> Callable[[str, int, int], PoseQuery]:
    return lambda job, _at, _frames: PoseQuery(job, object_id, None, None, None, None, limit)


def deep(limit: int, object_id: str | None = None) -> Callable[[str, int, int], PoseQuery]:
    return lambda job, at, _frames: PoseQuery(
        job, object_id, None, None, None, cursor_of(RUN, at, object_id or "obj_2"), limit
    )


def spanning(share_of_job: float, limit: int, *, late: bool = False) -> Callable[[str, int, int], PoseQuery]:
    """One object in so much of the job's time."""

    def ask(job: str, at: int, frames: int) -> PoseQuery:
        long = max(1, int(share_of_job * frames))
        begin = frames - long if late else min(at, frames - long)
        times = START + begin * STEP, START + (begin + long) * STEP
        return PoseQuery(job, "obj_3", None, *times, None, limit)

    return ask


CASES = (
    Case("first page, 1000 rows", "long", first(1000)),
    Case("first page, 100 rows", "job-3", first(100)),
    Case("page anywhere, by cursor, 1000 rows", "long", deep(1000)),
    Case("the same, 100 rows", "long", deep(100)),
    Case("the same of one object, 100 rows", "long", deep(100, "obj_3")),
    Case("one object in 1/10,000 of the time", "long", spanning(1e-4, 1000)),
    Case("one object in 1/100 of the time, 100 rows", "long", spanning(1e-2, 100)),
    Case("one object in the last half of the time, 100 rows", "long", spanning(0.5, 100, late=True)),
    Case("one object in the last half of the time, 100 rows", "job-3", spanning(0.5, 100, late=True)),
)


def parameters(query: PoseQuery) -> dict[str, str | int]:
    """As the route takes them."""
    found = {"object": query.object_id, "cursor": query.cursor, "limit": query.limit}
    times = {name: at.isoformat() for name in ("since", "until") if (at := getattr(query, name)) is not None}
    return {name: value for name, value in (found | times).items() if value is not None}


def plan(engine: Engine, query: PoseQuery) -> str:
    """EXPLAIN ANALYZE of one question."""
    first = statements(query)[0].limit(query.limit + 1)
    compiled = first.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("EXPLAIN (ANALYZE, BUFFERS) " + str(compiled).replace("%", "%%"))
        return "\n".join(row[0] for row in rows)


@contextmanager
def filled(addresses: Addresses, rows: int) -> Iterator[Engine]:
    """A database of its own with so many rows, gone afterwards."""
    admin = create_engine(addresses.database, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {DATABASE}"))
    engine = connect(make_url(addresses.database).set(database=DATABASE).render_as_string(hide_password=False))
    try:
        migrate(engine)
        begin_s = time.monotonic()
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text(JOBS))
            connection.execute(text(FILL), {"start": START, "run": RUN, "objects": OBJECTS} | sizes(rows))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("SET statement_timeout = 0"))
            connection.execute(text("VACUUM (ANALYZE) object_poses"))
            size = connection.execute(text("SELECT pg_size_pretty(pg_database_size(current_database()))")).scalar()
        print(f"{rows:,} rows, {size}, made in {time.monotonic() - begin_s:.0f} s")
        yield engine
    finally:
        engine.dispose()
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {DATABASE} WITH (FORCE)"))
        admin.dispose()


def sizes(rows: int) -> dict[str, int]:
    """Frames of the long job, and of each short one."""
    return {"frames": rows // 2 // OBJECTS, "short": rows // 2 // OBJECTS // SHORT_JOBS}


def measure(client: TestClient, engine: Engine, case: Case, rows: int, requests: int) -> str:
    """One line: times of the answers, and of the query alone."""
    frames = sizes(rows)["frames" if case.job == "long" else "short"]
    randoms = random.Random(case.what)
    wall_ms, query_ms, came = list[float](), list[float](), 0
    for _ in range(requests):
        query = case.ask(case.job, randoms.randrange(frames), frames)
        begin_s = time.perf_counter()
        page(engine, query)
        query_ms.append(1000 * (time.perf_counter() - begin_s))
        begin_s = time.perf_counter()
        answer = client.get(f"/api/v1/jobs/{case.job}/poses", params=parameters(query))
        wall_ms.append(1000 * (time.perf_counter() - begin_s))
        came = len(answer.raise_for_status().json()["poses"])
    figures = [f"{share(found, part):9.1f}" for found in (wall_ms, query_ms) for part in (0.5, 0.99)]
    return f"{case.what:<52} {case.job:<6} {came:>5} {' '.join(figures)}"


def no_book() -> JobBook:
    msg = "this bench has no Kafka"
    raise AssertionError(msg)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--requests", type=int, default=200, help="of each kind")
    parser.add_argument("--plans", action="store_true", help="print the plan of each kind, too")
    options = parser.parse_args()
    with passing_stack("bench") as addresses, filled(addresses, options.rows) as engine:
        web = make_web(Services(engine, Queries(engine), no_book), (), None, {HOST})
        with TestClient(web, base_url=f"http://{HOST}") as client:
            columns = " ".join(f"{name:>9}" for name in ("p50 ms", "p99 ms", "query p50", "p99"))
            print(f"{'question':<52} {'job':<6} {'rows':>5} {columns}")
            for case in CASES:
                print(measure(client, engine, case, options.rows, options.requests), flush=True)
        if options.plans:
            for case in CASES:
                frames = sizes(options.rows)["frames" if case.job == "long" else "short"]
                print(f"\n== {case.what}, {case.job}\n{plan(engine, case.ask(case.job, frames // 2, frames))}")


if __name__ == "__main__":
    main()
