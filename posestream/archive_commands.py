"""``posestream record`` and ``posestream replay``."""

import json
import math
from dataclasses import asdict
from functools import partial
from pathlib import Path
from threading import Event
from typing import Annotated

import typer
from rich.console import Console

from consumers.kafka import KafkaBroker
from consumers.loop import stop_on_signals
from posestream.archive import NothingArchived, RunChoice, newest_run
from posestream.job_commands import LOCAL_KAFKA, LOCAL_REGISTRY, AsJson, JobId, Kafka, Registry, book
from posestream.options import OPTION_HELP, VERSION_HELP, named_values
from posestream.progress import advance, progress_bar
from producers.archive.span import Span, time_ns
from producers.sources.base import Source
from schemas import Job, Mode
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

        def on_full(problem: str) -> None:
            status.update(f"{job_id}: waiting for space: {problem}")

        recorder = Recorder(KafkaBroker(kafka), codec, RunChoice(job, run_id, span), stop, on_frame, on_full)
        report = recorder.record(to, follow=follow)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        console.print(
            f"run {report.run_id}: {report.frames} frames and {report.pose_events} pose events in {to}, "
            f"{report.size_bytes / 1e6:.1f} MB; {report.missing} numbers missing, {report.damaged} records damaged"
        )


def replay(
    job_id: JobId,
    since: FromTime = None,
    until: Annotated[str | None, typer.Option("--to", help="end of capture, not included")] = None,
    run: RunId = None,
    file: Annotated[Path | None, typer.Option(help="from this recording of the job, not from Kafka")] = None,
    speed: Annotated[str, typer.Option(help="times as fast as it was captured, or max")] = "1",
    new_job: Annotated[str | None, typer.Option("--as", metavar="NEWJOB", help="into a new job like this one")] = None,
    estimator: Annotated[str | None, typer.Option(help="of the new job")] = None,
    version: Annotated[str | None, typer.Option(help=VERSION_HELP)] = None,
    pool: Annotated[str | None, typer.Option(help="of the new job: where workers of that version are")] = None,
    mode: Annotated[Mode | None, typer.Option(help="of the new job; all tracks every frame at any speed")] = None,
    option: Annotated[list[str] | None, typer.Option(help=OPTION_HELP)] = None,
    kafka: Kafka = LOCAL_KAFKA,
    registry: Registry = LOCAL_REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Publish a stream that lies in Kafka or in a recording again, as a new run, with its old times of capture."""
    from posestream.replay import Changes, target
    from producers.service import produce
    from producers.settings import ProduceSettings

    times, codec, jobs = _speed(speed), Codec(registry), book(kafka, registry, pool or "default")
    span = span_of(since, until)
    if file is None:
        origin = jobs.job(job_id)
        source = _from_kafka(kafka, codec, origin, span, run, times)
    else:
        origin, source = _from_file(file, job_id, since, until, times)
    changes = Changes(new_job, estimator, version, pool, mode, named_values(option) if option else None)
    job = target(jobs, origin, changes)
    rate = 0.0 if math.isinf(times) else None
    settings = ProduceSettings.model_validate({"kafka": kafka, "registry": registry, "rate": rate})
    with stop_on_signals() as stop, progress_bar() as bar:
        on_frame = partial(advance, bar, bar.add_task(f"{job.id}: frames", total=source.frame_count))
        report = produce(settings, job, source, stop, on_frame)
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"job_id": job.id}))
    else:
        Console(stderr=True).print(
            f"job {job.id}, run {report.run_id}: {report.delivered} of {report.frames} frames delivered, "
            f"{report.dropped} dropped, in {report.seconds:.1f} s"
        )


def _speed(text: str) -> float:
    """How many times faster; infinity for ``max``."""
    try:
        speed = math.inf if text == "max" else float(text)
    except ValueError:
        speed = math.nan
    if not speed > 0 or (math.isinf(speed) and text != "max"):
        msg = f"expected a number above 0 or max, got {text!r}"
        raise typer.BadParameter(msg, param_hint="--speed")
    return speed


def _from_kafka(kafka: str, codec: Codec, job: Job, span: Span, run: str | None, speed: float) -> Source:
    from posestream.archived_source import ArchivedSource

    run_id = run or _run_of(kafka, codec, job, span, None)
    return ArchivedSource(KafkaBroker(kafka), codec, RunChoice(job, run_id, span), 1.0 if math.isinf(speed) else speed)


def _from_file(file: Path, job_id: str, since: str | None, until: str | None, speed: float) -> tuple[Job, Source]:
    from producers.archive.reader import Recording
    from producers.sources.mcap import McapSource
    from producers.sources.options import Address

    job = Recording(file).job
    if job.id != job_id:
        msg = f"{file}: expected a recording of job {job_id}, it is one of job {job.id}"
        raise NothingArchived(msg)
    given = {"from": since, "to": until, "speed": None if math.isinf(speed) else str(speed)}
    options = {name: text for name, text in given.items() if text is not None}
    query = "&".join(f"{name}={text}" for name, text in options.items())
    return job, McapSource(Address(f"mcap:{file}?{query}".rstrip("?"), "mcap", str(file), options))


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
