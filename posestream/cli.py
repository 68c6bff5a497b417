"""The commands; each composes the rooms and holds no logic of its own."""

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from consumers.loop import stop_on_signals
from consumers.settings import WorkerSettings
from posestream.archive_commands import record, replay
from posestream.compare_commands import compare
from posestream.dlq_commands import app as dlq_app
from posestream.job_commands import app as job_app
from posestream.job_commands import job_to_feed
from posestream.objects_commands import app as objects_app
from posestream.options import OPTION_HELP, named_values, with_settings
from posestream.progress import advance, progress_bar
from posestream.stack.commands import app as stack_app
from posestream.train_commands import train
from posestream.user_commands import app as user_app
from posestream.watch_commands import watch
from posestream.weights_commands import app as weights_app
from producers.confinement.opening import open_confined
from producers.settings import ProduceSettings
from producers.sources.open import SOURCE_HELP, open_source
from sink.settings import SinkSettings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="RGB-D video in, continuous 6D poses out, through Kafka. Start with: posestream demo.\n\n"
    "Servers are those of POSESTREAM_KAFKA, POSESTREAM_REGISTRY and POSESTREAM_DATABASE, "
    "else those of the running local stack (posestream stack up).",
)
app.add_typer(stack_app, name="stack")
app.add_typer(job_app, name="job")
app.add_typer(objects_app, name="objects")
app.add_typer(dlq_app, name="dlq")
app.add_typer(user_app, name="user")
app.add_typer(weights_app, name="weights")
app.command()(record)
app.command()(replay)
app.command()(compare)
app.command()(watch)
app.command()(train)

console = Console(stderr=True)
_FILE_WIDTH = 140  # of a table that goes to a file
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON document to stdout")]


@app.command()
def demo(
    source: Annotated[str, typer.Option(help="what to stream; see posestream produce --help")] = "synthetic:",
    rate: Annotated[float | None, typer.Option(help="frames a second; 0 is as fast as possible")] = None,
    port: Annotated[int, typer.Option(help="of the page; a free one if it is taken")] = 8080,
    keep: Annotated[bool, typer.Option(help="go on with the clip again and again until Ctrl-C")] = False,
    as_json: AsJson = False,
) -> None:
    """Run everything on this machine: servers, worker, sink, live page and one clip; then sum it up."""
    from posestream.demo import Demo, DemoOptions

    with stop_on_signals() as stop:
        Demo(DemoOptions(source, rate, port, keep, as_json), console, stop).run()


@app.command(epilog=SOURCE_HELP.replace("\n", "\n\n"))
@with_settings(ProduceSettings)
def produce(
    settings: ProduceSettings,
    job_id: Annotated[str, typer.Argument(metavar="JOB", help="a job of posestream job create")],
    source: Annotated[str, typer.Argument(help="SCHEME:PLACE?OPTIONS, see below", envvar="POSESTREAM_SOURCE")],
    as_json: AsJson = False,
) -> None:
    """Publish a source's frames for a job; an interrupted run goes on after its last delivered frame."""
    from producers.managed import NOT_AT_ITS_END, end_with_parent
    from producers.service import produce as run

    with stop_on_signals() as stop, progress_bar() as bar:
        if settings.managed:
            end_with_parent(stop)
        job = job_to_feed(settings.kafka, settings.registry, job_id)
        opened = open_confined(source, settings.rules()) if settings.managed else open_source(source)
        on_frame = partial(advance, bar, bar.add_task(f"{job_id}: frames", total=opened.frame_count or None))
        report = run(settings, job, opened, stop, on_frame)
    if as_json:
        typer.echo(json.dumps(asdict(report)))
    else:
        console.print(
            f"run {report.run_id}: {report.delivered} of {report.frames} frames delivered from number "
            f"{report.first_seq} on, {report.dropped} dropped, "
            f"{report.sent_bytes / 1e6:.1f} MB in {report.seconds:.1f} s"
        )
    if settings.managed and not report.ended:
        raise typer.Exit(NOT_AT_ITS_END)


@app.command()
@with_settings(WorkerSettings)
def track(settings: WorkerSettings) -> None:
    """Work: track the objects of a pool's jobs until stopped; start more to share the jobs."""
    from consumers.service import run_worker

    with stop_on_signals() as stop:
        run_worker(settings, stop)


@app.command()
@with_settings(SinkSettings)
def sink(settings: SinkSettings) -> None:
    """Store pose events in Postgres and serve the live page, the websocket and /metrics."""
    from sink.service import run_sink

    with stop_on_signals() as stop:
        run_sink(settings, stop, lambda address: console.print(f"page at {address}"))


@app.command(name="eval")
def evaluate(
    sources: Annotated[list[str], typer.Argument(help="recordings with ground truth: addresses or folders of them")],
    estimator: Annotated[str, typer.Option(help="name of the estimator")] = "geometric",
    init: Annotated[
        str, typer.Option(help="first pose from the first frame's mask, or its truth: mask | truth")
    ] = "mask",
    csv: Annotated[Path | None, typer.Option(help="write BOP results: scene_id,im_id,obj_id,score,R,t,time")] = None,
    option: Annotated[list[str] | None, typer.Option(help=OPTION_HELP)] = None,
    references: Annotated[
        list[str] | None, typer.Option(help="ID=FOLDER of posed photos that an object is to be known by; for gen6d")
    ] = None,
    threads: Annotated[
        int,
        typer.Option(min=0, help="of the estimator; steps are timed in CPU time on 1, in wall time on more; 0: all"),
    ] = 1,
    weights: Annotated[
        Path | None,
        typer.Option(envvar="POSESTREAM_WEIGHTS", help="folder with weights; default: where weights import puts them"),
    ] = None,
    device: Annotated[str, typer.Option(help="of networks: auto, cpu, cuda or cuda:N")] = "auto",
    precision: Annotated[str, typer.Option(help="of networks: auto, fp32, bf16 or fp16")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Run an estimator on recordings, without Kafka, and score it against their ground truth."""
    from estimators.registry import Resources
    from posestream.evaluate import Start, find_recordings
    from posestream.evaluate import evaluate as run
    from posestream.figures import as_json as json_of
    from posestream.figures import as_table, courses_of
    from posestream.results import write_csv

    if init not in list(Start):
        msg = f"expected mask or truth, got {init!r}"
        raise typer.BadParameter(msg, param_hint="--init")
    recordings, resources = [], Resources(threads, weights, device, precision)
    for uri in find_recordings(sources):
        with progress_bar() as bar:
            on_frame = partial(advance, bar, bar.add_task(uri, total=None))
            known = named_values(references or [])
            options = named_values(option or [])
            recordings.append(run(uri, estimator, Start(init), on_frame, options, resources, references=known))
    courses = [course for recording in recordings for course in courses_of(recording)]
    if csv is not None:
        console.print(f"{write_csv(csv, recordings)} rows in {csv}")
    if as_json:
        typer.echo(json.dumps(json_of(courses)))
    else:
        Console(width=None if Console().is_terminal else _FILE_WIDTH).print(as_table(courses))


@app.command()
def animate(
    source: Annotated[str, typer.Argument(help=SOURCE_HELP)],
    to: Annotated[Path, typer.Option(help="the file to write: .webp, .gif or .png (animated)")],
    estimator: Annotated[str, typer.Option(help="name of the estimator")] = "geometric",
    width_px: Annotated[int, typer.Option(help="width of the picture, pixels")] = 480,
    rate: Annotated[float, typer.Option(help="pictures a second when it is played")] = 10.0,
    every: Annotated[int, typer.Option(help="draw every n-th frame; all are tracked")] = 1,
) -> None:
    """Track a recording, without Kafka, and draw outline and axes of its objects (x red, y green, z blue).

    Example: posestream animate bop:shared/data/desk_cube --to cube.webp --every 2
    """
    from posestream.animate import animate as run

    with progress_bar() as bar:
        on_frame = partial(advance, bar, bar.add_task(source, total=None))
        count = run(source, to, estimator, width_px, rate, every, on_frame)
    console.print(f"{count} pictures in {to}")


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, what can be reached and what to do about the rest; exits 1 if something is missing."""
    from posestream.doctor import Verdict, examine

    table = Table("", "what", "found", "what to do")
    marks = {Verdict.OK: "[green]ok[/]", Verdict.OPTIONAL: "[yellow]--[/]", Verdict.MISSING: "[red]no[/]"}
    checks = list(examine())
    for check in checks:
        table.add_row(marks[check.verdict], *map(escape, (check.what, check.found, check.advice)))
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks]))
    else:
        Console().print(table)
    if any(check.verdict is Verdict.MISSING for check in checks):
        raise typer.Exit(1)
