"""Everything on one machine: servers, sink, worker, page and one clip, then what came of it."""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consumers.book import JobBook
from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.children import ChildFailed, Children
from posestream.stack import Addresses, NewerData, Stack, addresses_from_environment, console_progress
from posestream.summary import Summary, accuracy_of, ages_ms, as_table, stages_ms
from producers.service import new_run_id
from producers.sources.base import Source
from producers.sources.open import open_source
from schemas import Job, PoseEvent
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, POSES, frames_topic, specs
from sink.database import connect, migrate
from sink.queries import Queries

_POLL_S = 0.1
_PATIENCE_S = 60.0  # nothing new for so long: something is wrong
_PAGE = 1000
_STORED, _ESTIMATORS = "frames answered and stored", "posestream.estimators"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the demo is asked for; see ``posestream demo --help``."""

    source: str
    rate: float | None
    port: int
    keep: bool
    as_json: bool


class Demo:
    """One run of the demo.

    Args:
        options: What is asked for.
        console: Where progress is shown.
        stop: Ends it early, with everything stopped.
    """

    def __init__(self, options: DemoOptions, console: Console, stop: Event) -> None:
        self._options = options
        self._console = console
        self._stop = stop
        self._began_s = time.monotonic()
        self._first_pose_s = 0.0

    def run(self) -> None:
        """Run it; servers that it started are stopped at the end.

        Raises:
            PosestreamError: A server or a service failed; the message says which and why.
        """
        source = open_source(self._options.source)
        with ExitStack() as cleanup:
            addresses = self._servers(cleanup)
            broker, codec = KafkaBroker(addresses.kafka), Codec(addresses.registry)
            broker.ensure_topics(specs(["default"], DEFAULT_PARTITIONS))
            children = Children.beside(addresses, Stack("demo").folder / "services", dict(os.environ))
            cleanup.callback(children.stop)
            page = f"http://127.0.0.1:{_free_port(self._options.port)}/"
            meshes = str(Stack("demo").folder / "meshes")
            children.start("sink", "--port", page.rsplit(":", 1)[1].rstrip("/"), "--mesh-folder", meshes)
            children.start("track")
            job_id = f"demo-{new_run_id(datetime.now(UTC)).lower()}"
            job = JobBook(broker, codec, DEFAULT_PARTITIONS).create(Job(job_id, source.objects))
            shown = f"{page}#job={job.id}"
            self._console.print(f"live page: [link={shown}]{shown}[/link]", soft_wrap=True)
            engine = connect(addresses.database)
            cleanup.callback(engine.dispose)
            migrate(engine)
            self._stream(children, broker, job, source, Queries(engine))

    def _servers(self, cleanup: ExitStack) -> Addresses:
        given = addresses_from_environment()
        if given is not None:
            return given
        stack = Stack("demo")
        cleanup.callback(stack.down)
        with console_progress(self._console) as report:
            try:
                return stack.up(report)
            except NewerData:  # a demo's streams are made again in a minute
                self._console.print(f"its data are of a newer Kafka: set aside as {stack.set_aside()}")
                return stack.up(report)

    def _stream(self, children: Children, broker: KafkaBroker, job: Job, source: Source, queries: Queries) -> None:
        first = _ends(broker, job)
        run_id = self._clip(children, job, source, queries)
        if run_id is None:
            return
        summary = self._summary(broker, job, run_id, source, queries, first)
        if self._options.as_json:
            typer.echo(json.dumps(summary.as_json()))
        else:
            self._console.print(as_table(summary))
        if not summary.frames_in == summary.events == summary.rows:
            msg = f"frames, events and rows differ: {summary.frames_in}, {summary.events}, {summary.rows}"
            raise ChildFailed(msg)
        if self._options.keep:
            self._console.print("the clip goes on until Ctrl-C")
            while self._clip(children, job, source, queries) is not None:
                pass

    def _clip(self, children: Children, job: Job, source: Source, queries: Queries) -> str | None:
        """Play the clip once; its run's id, None where it was stopped."""
        known = {run.run_id for run in queries.counts(job.id)} if self._first_pose_s else set[str]()
        rate = [] if self._options.rate is None else ["--rate", str(self._options.rate)]
        producer = children.start("produce", job.id, self._options.source, "--json", *rate)
        changed_s, rows = time.monotonic(), 0
        with self._bar() as bar:
            task = bar.add_task(_STORED, total=source.frame_count)
            while not self._stop.wait(_POLL_S):
                children.check()
                found = _rows(queries, job.id, known)
                if found is not None and found[1] > rows:
                    changed_s, rows = time.monotonic(), found[1]
                    bar.update(task, completed=rows, description=_STORED)
                    self._note_first_pose(bar)
                elif not rows and (waits_for := children.said("track", _ESTIMATORS)):
                    bar.update(task, description=f"worker: {waits_for}")
                if found is not None and producer.process.poll() == 0 and rows >= source.frame_count:
                    children.running.remove(producer)
                    return found[0]
                if time.monotonic() - changed_s > _PATIENCE_S:
                    at = f"{rows} of {source.frame_count} frames"
                    msg = f"nothing new for {_PATIENCE_S:.0f} s at {at}; see {children.logs}"
                    raise ChildFailed(msg)
        return None

    def _note_first_pose(self, bar: Progress) -> None:
        if not self._first_pose_s:
            self._first_pose_s = time.monotonic() - self._began_s
            bar.console.print(f"first pose after {self._first_pose_s:.1f} s")

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        return Progress(*columns, console=self._console, transient=True)

    def _summary(
        self, broker: KafkaBroker, job: Job, run_id: str, source: Source, queries: Queries, first: tuple[int, int]
    ) -> Summary:
        events = list(_events(queries, job.id, run_id))
        frames = _keys(broker, Partition(frames_topic(job.pool), job.partition), first[0], job)
        published = _keys(broker, Partition(POSES, job.partition), first[1], job)
        age_p50_ms, age_p99_ms = ages_ms(events)
        seqs = [event.seq for event in events]
        return Summary(
            job_id=job.id,
            run_id=run_id,
            frames_in=frames,
            events=published,
            rows=len(events),
            skipped=sum(len(event.skipped) for event in events if event.skipped),
            in_order=seqs == sorted(set(seqs)),
            first_pose_s=self._first_pose_s,
            age_p50_ms=age_p50_ms,
            age_p99_ms=age_p99_ms,
            stage_p50_ms=stages_ms(events),
            accuracy=accuracy_of(source, events),
        )


def _rows(queries: Queries, job_id: str, known: set[str]) -> tuple[str, int] | None:
    """The new run's id and its rows; None before its first row, or before the sink has made the tables."""
    fresh = [run for run in queries.counts(job_id) if run.run_id not in known]
    return (fresh[-1].run_id, fresh[-1].events) if fresh else None


def _events(queries: Queries, job_id: str, run_id: str) -> Iterator[PoseEvent]:
    after = -1
    while page := queries.events(job_id, run_id, after, _PAGE):
        yield from page
        after = page[-1].seq


def _ends(broker: KafkaBroker, job: Job) -> tuple[int, int]:
    """Where the frames and the poses of the job's partition end now."""
    reader = broker.reader()
    try:
        return (
            reader.end(Partition(frames_topic(job.pool), job.partition)),
            reader.end(Partition(POSES, job.partition)),
        )
    finally:
        reader.close()


def _keys(broker: KafkaBroker, partition: Partition, start: int, job: Job) -> int:
    """How many records of the job lie in a partition from an offset on."""
    reader = broker.reader()
    try:
        return sum(record.key == job.id.encode() for record in reader.read_to_end({partition: start}, _PATIENCE_S))
    finally:
        reader.close()


def _free_port(wanted: int) -> int:
    """``wanted`` where it is free on loopback, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0
