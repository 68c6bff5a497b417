"""``posestream dlq``: records that could not be handled, for people."""

import json
import string
import time
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from consumers.broker import Record
from consumers.kafka import KafkaBroker
from posestream.dead_letters import (
    Choice,
    DeadLetter,
    Letters,
    NoDeadLetters,
    dead_partitions,
    letter_of,
    original_headers,
    place_of,
    record_at,
    scanned,
)
from posestream.job_commands import LOCAL_KAFKA, LOCAL_REGISTRY, AsJson, Kafka, Registry
from posestream.progress import advance, progress_bar
from schemas import BadMessage
from schemas.codec import Codec

app = typer.Typer(
    no_args_is_help=True,
    help="Look at dead letters, the records that could not be handled, and send them back.",
)

Topic = Annotated[str | None, typer.Option(help="only those that were read from this topic, such as frames.default")]
JobOf = Annotated[str | None, typer.Option("--job", help="only those of this job")]
Stage = Annotated[str | None, typer.Option(help="only those refused at this stage, such as decode or frame")]
Reason = Annotated[str, typer.Option(help="only those with this text in the reason")]
_HINT_BYTES = 48
_PRINTABLE = frozenset(string.printable.encode()) - frozenset(b"\t\n\r\x0b\x0c")


@app.command(name="list")
def list_letters(
    topic: Topic = None,
    job: JobOf = None,
    stage: Stage = None,
    reason: Reason = "",
    kafka: Kafka = LOCAL_KAFKA,
    as_json: AsJson = False,
) -> None:
    """Count dead letters by topic, job and reason; PLACE is the newest of each, for dlq show."""
    records = scanned(KafkaBroker(kafka), dead_partitions(kafka, topic))
    groups = Letters.among(records, Choice(topic, job, stage, reason)).groups()
    if as_json:
        same = ("count", "replayed", "oldest_ms")
        typer.echo(json.dumps([{name: getattr(one, name) for name in same} | _as_json(one.newest) for one in groups]))
        return
    table = Table("topic", "job", "stage", "count", "sent back", "oldest", "newest", "place", "reason")
    for group in groups:
        one = group.newest
        ages = (_ago(group.oldest_ms), _ago(one.refused_ms))
        texts = (one.source.topic, one.job_id, one.stage, str(group.count), str(group.replayed))
        table.add_row(*map(escape, (*texts, *ages, one.place, one.reason)))
    Console().print(table if groups else "no dead letters")


@app.command()
def show(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="TOPIC/PARTITION/OFFSET as dlq list prints it")],
    kafka: Kafka = LOCAL_KAFKA,
    registry: Registry = LOCAL_REGISTRY,
) -> None:
    """Print one dead letter as JSON: why it was refused, where it was, its headers, and what its bytes begin with."""
    for record in record_at(KafkaBroker(kafka), *place_of(kafka, place)):
        letter = letter_of(record)
        if letter is not None:
            headers = [[name, value.decode(errors="backslashreplace")] for name, value in original_headers(record)]
            about = _as_json(letter) | {"headers": headers, "content": _hint(record, Codec(registry))}
            typer.echo(json.dumps(about, indent=2))
            return
    msg = f"{place}: expected TOPIC/PARTITION/OFFSET of a dead letter; posestream dlq list names some"
    raise NoDeadLetters(msg)


@app.command()
def replay(
    topic: Topic = None,
    job: JobOf = None,
    stage: Stage = None,
    reason: Reason = "",
    place: Annotated[str | None, typer.Option(help="only this one: TOPIC/PARTITION/OFFSET")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be sent")] = False,
    again: Annotated[bool, typer.Option("--again", help="also what was sent back before")] = False,
    other_runs: Annotated[
        bool,
        typer.Option(
            "--other-runs",
            help="also frames of another run than the one that their job stands at: they make the job begin anew, "
            "so only while nothing else feeds it",
        ),
    ] = False,
    kafka: Kafka = LOCAL_KAFKA,
    registry: Registry = LOCAL_REGISTRY,
    as_json: AsJson = False,
) -> None:
    """Send dead letters back to the topics they came from, bytes and headers as they were, each once.

    A frame whose stream has passed it is left out: a worker would not answer it any more.
    """
    from posestream.dead_letters_replay import Replay, ReplayOptions

    options = ReplayOptions(Choice(topic, job, stage, reason, place), dry_run, again, other_runs)
    with progress_bar() as bar:
        on_progress = partial(advance, bar, bar.add_task("dead letters", total=None))
        report = Replay(kafka, KafkaBroker(kafka), Codec(registry), options, on_progress).run()
    if as_json:
        typer.echo(json.dumps(asdict(report) | {"dry_run": dry_run}))
        return
    topics = ", ".join(f"{count} to {name}" for name, count in report.by_topic.items()) or "none"
    left_out = (
        (report.again, "sent back before (--again)"),
        (report.late, "frames that their streams have passed"),
        (report.other_run, "frames of another run (--other-runs)"),
    )
    why = "".join(f"; left out: {count} {text}" for count, text in left_out if count)
    Console(stderr=True).print(f"{'would send' if dry_run else 'sent'} {topics}, of {report.chosen} dead letters{why}")


def _as_json(letter: DeadLetter) -> dict[str, Any]:
    same = ("place", "job_id", "stage", "reason", "size_bytes", "published_ms", "refused_ms")
    source = {"topic": letter.source.topic, "partition": letter.source.number, "offset": letter.source_offset}
    return source | {name: getattr(letter, name) for name in same}


def _ago(time_ms: int) -> str:
    seconds = max(0, round(time.time() - time_ms / 1000))
    if seconds < 120:
        return f"{seconds} s ago"
    if seconds < 7200:
        return f"{seconds // 60} min ago"
    return f"{datetime.fromtimestamp(time_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def _hint(record: Record, codec: Codec) -> dict[str, Any]:
    """What a value looks like, without trusting it."""
    value = record.value
    if value is None:
        return {"kind": "tombstone"}
    start = value[:_HINT_BYTES]
    hint: dict[str, Any] = {"first_bytes": start.hex(" ")}
    if start and set(start) <= _PRINTABLE:
        hint["text"] = start.decode()
    if len(value) > 5 and value[0] == 0:
        hint["schema_id"] = int.from_bytes(value[1:5])
    try:
        header = codec.decode_frame_header(value)
    except BadMessage as error:
        hint["not_a_frame"] = error.reason
    else:
        hint["frame"] = {"job_id": header.job_id, "run_id": header.run_id, "seq": header.seq}
    return hint
