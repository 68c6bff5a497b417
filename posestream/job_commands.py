"""``posestream job``: the book of jobs, for people."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from consumers.book import JobBook, job_in
from consumers.kafka import KafkaBroker
from estimators.references.keeping import objects_folder
from posestream.job_view import as_table, job_view
from posestream.options import OPTION_HELP, VERSION_HELP, named_values
from producers.sources.open import open_source
from schemas import Job, JobObject, Mode
from schemas.codec import Codec
from schemas.job import MAX_RETRIES
from schemas.topics import DEFAULT_PARTITIONS, specs

app = typer.Typer(
    no_args_is_help=True, help="Make and look at jobs: one job is one stream and the objects to find in it."
)

Kafka = Annotated[str, typer.Option(envvar="POSESTREAM_KAFKA", help="Kafka bootstrap servers")]
Registry = Annotated[str, typer.Option(envvar="POSESTREAM_REGISTRY", help="schema registry")]
JobId = Annotated[str, typer.Argument(metavar="JOB", help="the job's id")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document to stdout")]
LOCAL_KAFKA, LOCAL_REGISTRY = "127.0.0.1:9092", "http://127.0.0.1:8081"


def book(kafka: str, registry: str, pool: str = "default") -> JobBook:
    """The book of jobs; makes the topics where they are missing."""
    broker = KafkaBroker(kafka)
    broker.ensure_topics(specs([pool], DEFAULT_PARTITIONS))
    return JobBook(broker, Codec(registry), DEFAULT_PARTITIONS)


def job_to_feed(kafka: str, registry: str, job_id: str) -> Job:
    """A job that frames are about to be sent to; makes its pool's topic where it is missing."""
    broker = KafkaBroker(kafka)
    broker.ensure_topics(specs([], DEFAULT_PARTITIONS))
    job = JobBook(broker, Codec(registry), DEFAULT_PARTITIONS).job(job_id)
    broker.ensure_topics(specs([job.pool], DEFAULT_PARTITIONS))
    return job


@app.command()
def create(
    job_id: JobId,
    source: Annotated[str | None, typer.Option(help="take the objects that this source knows, as produce does")] = None,
    mesh: Annotated[
        list[str] | None,
        typer.Option(
            "--object",
            help="ID=MESH_FILE or ID=MESH_FILE@METRES_PER_UNIT, for gen6d ID=FOLDER with posed photos, "
            "or the name of posestream objects add; repeatable",
        ),
    ] = None,
    pool: Annotated[str, typer.Option(help="kind of worker")] = "default",
    estimator: Annotated[str, typer.Option(help="name of the estimator")] = "geometric",
    version: Annotated[str, typer.Option(help=VERSION_HELP)] = "",
    mode: Annotated[
        Mode,
        typer.Option(help="live: newest frame wins; bounded: in order up to a deadline; all: nothing is skipped"),
    ] = Mode.ALL,
    deadline_s: Annotated[
        float, typer.Option(help="mode bounded: frames published longer ago give way to newer ones, seconds")
    ] = 1.0,
    priority: Annotated[int, typer.Option(help="higher first, where a worker is short of time")] = 0,
    retries: Annotated[
        int, typer.Option(min=0, max=MAX_RETRIES, help="how often it is tried again after it failed")
    ] = 0,
    option: Annotated[list[str] | None, typer.Option(help=OPTION_HELP)] = None,
    kafka: Kafka = LOCAL_KAFKA,
    registry: Registry = LOCAL_REGISTRY,
) -> None:
    """Make a job; workers of its pool wait for its frames from then on."""
    objects = (*(open_source(source).objects if source else ()), *(_object(text) for text in mesh or []))
    if not objects:
        msg = "expected at least one object: --object ID=MESH_FILE, or --source that knows some"
        raise typer.BadParameter(msg)
    asked = _job(
        *(job_id, objects, pool, estimator, mode),
        options=named_values(option or []),
        priority=priority,
        retries=retries,
        deadline_s=deadline_s,
        estimator_version=version,
    )
    job = book(kafka, registry, pool).create(asked)
    Console(stderr=True).print(
        f"job {job.id}: {len(job.objects)} object(s), pool {job.pool}, partition {job.partition}"
    )


@app.command(name="list")
def list_jobs(kafka: Kafka = LOCAL_KAFKA, registry: Registry = LOCAL_REGISTRY, as_json: AsJson = False) -> None:
    """List all jobs: their states, how far they are and how fast they go."""
    with book(kafka, registry).ledger() as ledger:
        views = [job_view(ledger, job) for _, job in sorted(ledger.jobs.items())]
    if as_json:
        typer.echo(json.dumps(views))
    else:
        Console().print(as_table(views) if views else "no job yet: posestream job create")


@app.command()
def show(job_id: JobId, kafka: Kafka = LOCAL_KAFKA, registry: Registry = LOCAL_REGISTRY) -> None:
    """Print a job, its state and its progress as JSON."""
    with book(kafka, registry).ledger() as ledger:
        typer.echo(json.dumps(job_view(ledger, job_in(ledger, job_id)), indent=2))


@app.command()
def pause(job_id: JobId, kafka: Kafka = LOCAL_KAFKA, registry: Registry = LOCAL_REGISTRY) -> None:
    """Begin no more frames of a job; its track is kept, and its producer waits."""
    book(kafka, registry).pause(job_id)


@app.command()
def resume(job_id: JobId, kafka: Kafka = LOCAL_KAFKA, registry: Registry = LOCAL_REGISTRY) -> None:
    """Go on with a paused job, from its track."""
    book(kafka, registry).resume(job_id)


@app.command()
def cancel(job_id: JobId, kafka: Kafka = LOCAL_KAFKA, registry: Registry = LOCAL_REGISTRY) -> None:
    """End a job for good: frames that wait are skipped, its producer ends; its results stay."""
    book(kafka, registry).cancel(job_id)


@app.command()
def retry(job_id: JobId, kafka: Kafka = LOCAL_KAFKA, registry: Registry = LOCAL_REGISTRY) -> None:
    """Try a failed job again, with the frames that come from now on."""
    book(kafka, registry).retry(job_id)


@app.command()
def remove(job_id: JobId, kafka: Kafka = LOCAL_KAFKA, registry: Registry = LOCAL_REGISTRY) -> None:
    """Take a job away: workers forget its tracks; its results stay in the database."""
    book(kafka, registry).remove(job_id)


def _job(*same: Any, **others: Any) -> Job:  # noqa: ANN401 - what Job takes
    try:
        return Job(*same, **others)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _object(text: str) -> JobObject:
    name, equals, rest = text.partition("=")
    if not equals and (kept := objects_folder() / name).is_dir():
        return JobObject(name, str(kept))
    path, at, unit = rest.rpartition("@")
    path, unit = (path, unit) if at else (rest, "1")
    place, question, rest = path.partition("?")
    if not equals or not Path(place).exists():
        msg = f"expected ID=MESH_FILE or ID=FOLDER that exists, or a name of posestream objects list, got {text!r}"
        raise typer.BadParameter(msg)
    try:
        return JobObject(name, f"{Path(place).resolve()}{question}{rest}", float(unit))
    except ValueError as error:
        msg = f"{text!r}: {error}"
        raise typer.BadParameter(msg) from error
