"""What one would write by hand to store pose events: lines of text for COPY into staging tables, then INSERT.

No Avro, no models, no checks; the rows are there as Python values before the time starts.
"""

import io
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
from sqlalchemy.engine import make_url

from schemas import PoseEvent
from sink.database import connect, migrate
from sink.rows import EVENT_COLUMNS, OBJECT_COLUMNS

BATCH = 1000  # as the sink writes
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Value = str | int | float | datetime | Sequence[float] | Mapping[str, float] | None
Row = tuple[Value, ...]


def rows_of(event: PoseEvent) -> tuple[Row, list[Row]]:
    """Values of the row of ``pose_events``, and of those of ``object_poses``."""
    captured_at = _EPOCH + timedelta(microseconds=event.captured_ns // 1000)
    key: Row = (captured_at, event.job_id, event.run_id, event.seq)
    about = (event.estimator, event.estimator_version, event.weights_digest, event.frame_of_reference)
    times = (event.captured_ns, event.published_ns, event.produced_ns)
    later = (event.received_ns, event.started_ns, event.capture_clock)
    row = (*key, *times, *about, event.traceparent, dict(event.stage_s), None, None, *later)
    return row, [(*key, *_object_values(name, event)) for name in event.estimates]


def _object_values(name: str, event: PoseEvent) -> Row:
    one = event.estimates[name]
    pose, covariance = one.cam_from_obj, one.covariance
    return (
        *(name, one.state.value, one.score),
        None if pose is None else pose.rotation.ravel().tolist(),
        None if pose is None else pose.translation_m.tolist(),
        None if covariance is None else covariance.ravel().tolist(),
    )


def write(database: str, rows: Sequence[tuple[Row, Sequence[Row]]]) -> float:
    """Events a second, a transaction a batch, into a database without tables yet."""
    engine = connect(database)
    migrate(engine)
    engine.dispose()
    names, object_names = ", ".join(EVENT_COLUMNS), ", ".join(OBJECT_COLUMNS)
    connection = psycopg2.connect(make_url(database).set(drivername="postgresql").render_as_string(hide_password=False))
    start_s = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE stage_e (LIKE pose_events INCLUDING DEFAULTS) ON COMMIT DELETE ROWS")
        cursor.execute("CREATE TEMP TABLE stage_o (LIKE object_poses INCLUDING DEFAULTS) ON COMMIT DELETE ROWS")
        for at in range(0, len(rows), BATCH):
            part = rows[at : at + BATCH]
            cursor.copy_expert(f"COPY stage_e ({names}) FROM STDIN", _lines([event for event, _ in part]))
            cursor.copy_expert(
                f"COPY stage_o ({object_names}) FROM STDIN", _lines([o for _, many in part for o in many])
            )
            cursor.execute(f"INSERT INTO pose_events ({names}) SELECT {names} FROM stage_e ON CONFLICT DO NOTHING")
            cursor.execute(
                f"INSERT INTO object_poses ({object_names}) SELECT {object_names} FROM stage_o ON CONFLICT DO NOTHING"
            )
            connection.commit()
    seconds = time.perf_counter() - start_s
    connection.close()
    return len(rows) / seconds


def _lines(rows: Sequence[Row]) -> io.StringIO:
    return io.StringIO("".join("\t".join([_WRITTEN[type(value)](value) for value in row]) + "\n" for row in rows))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _array(value: Sequence[float]) -> str:
    return "{" + ",".join(map(repr, value)) + "}"


_WRITTEN: dict[type, Callable[[Any], str]] = {
    type(None): lambda _: r"\N",
    str: _escaped,
    int: repr,
    float: repr,
    datetime: datetime.isoformat,
    list: _array,
    dict: lambda value: _escaped(json.dumps(value)),
}
