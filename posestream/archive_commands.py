"""``posestream record`` and ``posestream replay``."""

import json
from dataclasses import asdict
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console

from consumers.kafka import KafkaBroker
from consumers.loop import stop_on_signals
from posestream.archive import NothingArchived, RunChoice, newest_run
from posestream.job_commands import LOCAL_KAFKA, LOCAL_REGISTRY, AsJson, JobId, Kafka, Registry, book
from producers.archive.span import Span, time_ns
from schemas import Job
from schemas.codec import Codec

FromTime = Annotated[
    str | None,
    typer.Option("--from", help="first time of capture: ISO 8601 (UTC where it names no zone) or Unix seconds"),
]
ToTime = Annotated[str | None, typer.Option("--to-time", help="end of capture, not included")]
RunId = Annotated[str | None, typer.Option("--run", help="the run; the newest of the job in that time if not given")]
_LOOK_S = 0.5


def record(
    job_id: JobId,
    to: Annotated[Path, typer.Option(help="the MCAP file to write; must not exist")],
    since: FromTime = None,
    until: ToTime = None,
    run: RunId = None,
    follow: Annotated[bool, typer.Option(help="go on with what comes, until Ctrl-C")] = False,
    kafka: Kafka = LOCAL_KAFKA,
    registry: Registry = LOCAL_REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Write a run of a job, frames and poses, into an MCAP file that Foxglove opens and produce plays as mcap:FILE."""
    from posestream.record import Recorder

    console, codec, job = Console(stderr=True), Codec(registry), book(kafka, registry).job(job_id)
    span = span_of(since, until)
    with stop_on_signals() as stop, console.status(f"{job_id}: looking for frames") as status:
        run_id = run or _run_of(kafka, codec, job, span, stop if follow else None)

        def on_frame(count: int) -> None:
            status.update(f"{job_id}, run {run_id}: {count} frames")

        recorder = Recorder(KafkaBroker(kafka), codec, RunChoice(job, run_id, span), stop, on_frame)
        report = recorder.record(to, follow=follow)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        console.print(
            f"run {report.run_id}: {report.frames} frames and {report.pose_events} pose events in {to}, "
            f"{report.size_bytes / 1e6:.1f} MB; {report.missing} numbers missing, {report.damaged} records damaged"
        )


def span_of(since: str | None, until: str | None) -> Span:
    """A span from two options.

    Raises:
        BadTime: One is no time.
    """
    return Span(*(None if text is None else time_ns(text) for text in (since, until)))


def _run_of(kafka: str, codec: Codec, job: Job, span: Span, stop: Event | None) -> str:
    """The newest run; with ``stop`` waits for the first frame until that is set."""
    while True:
        found = newest_run(kafka, codec, job, span)
        if found is not None:
            return found
        if stop is None or stop.wait(_LOOK_S):
            msg = f"job {job.id}: expected frames of that time in Kafka, which keeps them for a day; found none"
            raise NothingArchived(msg)
