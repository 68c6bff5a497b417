"""``posestream compare``: its command and its tables."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from posestream.compare import Comparison, Spread, all_events, compared
from posestream.job_commands import AsJson

Database = Annotated[str, typer.Option(envvar="POSESTREAM_DATABASE", help="Postgres, postgresql://user:pw@host/name")]
_LOCAL_DATABASE = "postgresql://postgres@127.0.0.1:5432/posestream"
_FILE_WIDTH = 140  # of a table that goes to a file


def compare(
    what: Annotated[list[str], typer.Argument(metavar="JOB RUN_A RUN_B | JOB_A[/RUN] JOB_B[/RUN]", show_default=False)],
    database: Database = _LOCAL_DATABASE,
    plot: Annotated[Path | None, typer.Option(help="also draw it over time: a .png, .svg or .pdf file")] = None,
    as_json: AsJson = False,
) -> None:
    """Set two runs side by side, as the database has them: losses, differences of pose, scores, times.

    Frames are matched by time of capture, which a replay keeps; without a RUN the job's newest is taken.
    """
    from sink.database import connect
    from sink.queries import Queries

    engine = connect(database)
    try:
        events = Queries(engine).events
        first, second = (all_events(events, *one) for one in runs_of(what))
    finally:
        engine.dispose()
    result = compared(first, second)
    if plot is not None:
        from posestream.compare_plot import save

        save(first, second, plot)
    if as_json:
        typer.echo(json.dumps(asdict(result)))
        return
    console = Console(width=None if Console().is_terminal else _FILE_WIDTH)
    console.print(_runs(result), _objects(result))
    console.print(f"{result.common} frames in both, matched by {result.matched_by}")


def runs_of(what: list[str]) -> tuple[tuple[str, str | None], tuple[str, str | None]]:
    """Job and run of both sides; None is the newest run.

    Raises:
        BadParameter: Neither JOB RUN RUN nor JOB[/RUN] JOB[/RUN].
    """
    if len(what) == 3 and not any("/" in text for text in what):
        return (what[0], what[1]), (what[0], what[2])
    if len(what) == 2:
        (job_a, _, run_a), (job_b, _, run_b) = (text.partition("/") for text in what)
        return (job_a, run_a or None), (job_b, run_b or None)
    msg = f"expected JOB RUN_A RUN_B or JOB_A[/RUN] JOB_B[/RUN], got {' '.join(what)!r}"
    raise typer.BadParameter(msg)


def _runs(result: Comparison) -> Table:
    table = Table("run", "estimator", "frames", "skipped", "missing", "ms a frame p50/p95", "age ms p50/p95")
    for run in result.runs:
        counts = (str(count) for count in (run.frames, run.skipped, run.missing))
        table.add_row(f"{run.job_id}/{run.run_id}", run.estimator, *counts, _pair(run.step_ms), _pair(run.age_ms))
    return table


def _objects(result: Comparison) -> Table:
    table = Table(
        "object", "", "lost", "registered", "score p50/p95", "only here", "turn deg p50/p95", "shift mm p50/p95"
    )
    for item in result.objects:
        differences = (_pair(item.turn_deg, 2), _pair(item.shift_mm, 2))
        for index, side in enumerate("AB"):
            one = item.runs[index]
            mine = (f"{one.lost:.1%}", str(one.registered), _pair(one.score, 2), str(item.only[index]))
            table.add_row(*(("", side, *mine, "", "") if index else (item.object_id, side, *mine, *differences)))
    return table


def _pair(spread: Spread, digits: int = 1) -> str:
    if spread.p50 is None or spread.p95 is None:
        return "-"
    return f"{spread.p50:.{digits}f} / {spread.p95:.{digits}f}"
