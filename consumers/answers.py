"""One bounded piece of the worker's work: at most one waiting frame of each stream, answered on the lanes."""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

from consumers.ages import FrameAges
from consumers.asking import Answered, Asked, Desk
from consumers.broker import Record
from consumers.estimation import without_memory
from consumers.events import pose_event
from consumers.jobs import JobDirectory
from consumers.lanes import Flight, Lanes
from consumers.metrics import WorkerMetrics
from consumers.objects import tell_refused, tell_unfound, with_refused
from consumers.outbox import Outbox, tell_begun
from consumers.positions import OpenRecords
from consumers.settings import WorkerSettings
from consumers.streams import PendingFrame, Stream, passed_frame, ranges
from estimators.base import Estimator
from estimators.crew import Crew
from schemas import BadJob, BadMessage, Estimates, Job, JobStatus, Mode
from schemas.codec import Codec

_log = logging.getLogger("posestream.consumers")

_PARKED_S = 1.0
_WAIT_S = 0.005  # for a call to end, before the loop looks for records again

Refuse = Callable[[Record, BadMessage], None]
"""Takes a record that can never be handled; it is done with that."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What answering needs of the worker.

    Attributes:
        codec: Reads frames.
        directory: Knows jobs and prompts.
        outbox: Where events and status go.
        opened: Which records are not done.
        metrics: Where it counts.
        settings: The worker's.
        refuse: Where frames go that cannot be handled.
        clock: Seconds, monotonic.
    """

    codec: Codec
    directory: JobDirectory
    outbox: Outbox
    opened: OpenRecords
    metrics: WorkerMetrics
    settings: WorkerSettings
    refuse: Refuse
    clock: Callable[[], float]


class Answerer:
    """Turns waiting frames into events; all state is in the streams.

    Args:
        tools: Of the worker.
        loader: Estimator's name -> estimator; BadJob where there is none of that name.
        executor: Runs the calls of estimators; threads of its own if None.
    """

    def __init__(self, tools: Tools, loader: Callable[[str], Estimator], executor: Executor | None = None) -> None:
        self._tools = tools
        self._crew = Crew(tools.settings.threads)
        desk = Desk(tools.codec, self._crew, tools.clock, tools.outbox.now_ns)
        self.ages = FrameAges(tools.metrics, tools.outbox.now_ns)
        self._lanes = Lanes(desk, loader, self._crew.threads, executor)
        self.flush_wanted = False

    def work(self, streams: Iterable[Stream]) -> bool:
        """Begin what can be begun, and send what is answered; whether there is more to do right away.

        Between an answer and the stream's next frame the loop looks for records, so that the newest is known.
        ``flush_wanted`` is True afterwards where a stream's new run waits for its old one to be durable, and after the
        first answer about a stream.

        Raises:
            Overloaded: An estimator has no room; its frames still wait.
        """
        self.flush_wanted = False
        ready = [(stream, job) for stream in streams if stream.pending and (job := self._runnable(stream))]
        ready.sort(key=lambda item: (-item[1].priority, item[0].pending[0].received_s))
        by_estimator: dict[str, list[tuple[Stream, Job]]] = {}
        for stream, job in ready:
            by_estimator.setdefault(job.estimator, []).append((stream, job))
        for name, items in by_estimator.items():
            self._begin(name, items)
        flights, overloaded = self._lanes.landed(_WAIT_S)
        for flight in flights:
            self._take(flight)
        if overloaded:
            raise overloaded
        # after an answer the next frame of its stream may wait already
        return bool(flights) or self._lanes.busy or any(stream.pending for stream, _ in ready)

    def release(self, stream: Stream) -> None:
        """Let the estimators forget a stream's job; what is under way about it is not sent."""
        self._lanes.release(stream.job_id)
        stream.prepared = False

    def close(self) -> None:
        """Wait for the calls under way and end all threads."""
        self._lanes.close()
        self._crew.close()

    def drop(self, stream: Stream, reason: str) -> None:
        """Say that all waiting frames are not worked on, and why."""
        waiting = sorted([*map(passed_frame, stream.pending), *stream.passed_behind], key=lambda one: one.offset)
        for run_id, frames in ranges(stream.passed + waiting):
            self._tools.outbox.skipped(stream, run_id, frames, reason)
        stream.pending.clear()
        stream.passed_behind.clear()
        stream.passed += waiting
        self._close_passed(stream)

    def _runnable(self, stream: Stream) -> Job | None:
        tools, job = self._tools, stream.job
        if self._lanes.has(stream.job_id):
            if job is not None:
                self._pass_over(stream, job, behind_head=True)
            return None
        head = stream.pending[0]
        if stream.ended:
            self.drop(stream, stream.ended)
            return None
        if stream.paused:
            self._park(stream, head)
            return None
        if job is None:
            if tools.clock() - head.received_s >= tools.settings.job_wait_s:
                self._refuse_unknown(stream)
            return None
        self._pass_over(stream, job)
        head = stream.pending[0]
        if stream.run_id not in ("", head.run_id) and stream.settled_run != head.run_id:
            # redelivery must never reach back over a change of run: the old run's state is gone then
            self.flush_wanted = True
            return None
        return job if self._loaded(stream, job) else None

    def _park(self, stream: Stream, head: PendingFrame) -> None:
        """Frames of a paused job wait in mode ``all``; in the others they are of no use later and are skipped."""
        waits = stream.job is None or stream.job.mode is Mode.ALL
        if not waits and self._tools.clock() - head.received_s >= _PARKED_S:  # one range a second, not one a frame
            self.drop(stream, "job paused")

    def _pass_over(self, stream: Stream, job: Job, *, behind_head: bool = False) -> None:
        if job.mode is Mode.LIVE:
            stream.pass_over(behind_head=behind_head)
        elif job.mode is Mode.BOUNDED:
            oldest_ms = self._tools.outbox.now_ns() / 1e6 - job.deadline_s * 1e3
            stream.pass_over(oldest_ms, behind_head=behind_head)

    def _refuse_unknown(self, stream: Stream) -> None:
        wait_s = self._tools.settings.job_wait_s
        reason = f"job {stream.job_id}: not in topic jobs, partition {stream.source.number}, after {wait_s:g} s"
        frames = list(map(passed_frame, stream.pending))
        while stream.pending:
            self._tools.refuse(stream.pending.popleft().record, BadMessage(reason, "frame"))
        for run_id, span in ranges(frames):
            self._tools.outbox.skipped(stream, run_id, span, f"dead-lettered: {reason}")
        # when they are sent back, they are no repetition
        stream.taken_run, stream.taken_seq = stream.run_id, stream.seq

    def _loaded(self, stream: Stream, job: Job) -> bool:
        try:
            return self._lanes.loaded(job.estimator, job.estimator_version)
        except BadJob as error:
            self._fail(stream, error)
            return False

    def _fail(self, stream: Stream, error: BadJob) -> None:
        _log.error("job %s failed: %s", stream.job_id, error)
        self._tools.outbox.job_status(stream, JobStatus.FAILED, str(error))
        stream.ended = f"job failed: {error}"
        self.drop(stream, stream.ended)

    def _begin(self, name: str, items: list[tuple[Stream, Job]]) -> None:
        """Ask for as many of these as there is room for."""
        room = self._lanes.room(name)
        if not room:
            return
        if self._lanes.side_by_side(name):
            for stream, job in items[:room]:
                self._lanes.ask(name, [self._asked(stream, job)])
        else:
            batch = items[: self._tools.settings.batch]
            self._lanes.ask(name, [self._asked(stream, job) for stream, job in batch])

    def _asked(self, stream: Stream, job: Job) -> Asked:
        head = stream.pending[0]
        priors = stream.estimates if head.run_id == stream.run_id else {}
        prompts, after = self._tools.directory.prompts(stream.job_id, head.run_id, stream.prompt_offset)
        return Asked(stream, job, head, stream.refused if stream.prepared else None, priors, prompts, after)

    def _take(self, flight: Flight) -> None:
        for one, answered in zip(flight.asked, flight.future.result(), strict=True):
            if not one.abandoned:
                self._answer(flight.estimator, one, answered)

    def _answer(self, estimator: Estimator, one: Asked, answered: Answered) -> None:
        stream, found = one.stream, answered.answer
        if isinstance(found, BadJob):
            self._fail(stream, found)
            return
        if not stream.prepared:
            tell_refused(self._tools.outbox, stream, answered.refused)
            stream.prepared = True
        if isinstance(found, BadMessage):
            self._refuse_head(stream, found)
            return
        if one.prompt_offset != stream.prompt_offset:  # somebody asked, and is to have an answer
            stream.unfound.clear()
        self._send(estimator, stream, answered, found)
        stream.prompt_offset = one.prompt_offset

    def _send(self, estimator: Estimator, stream: Stream, answered: Answered, estimates: Estimates) -> None:
        head = stream.pending[0]
        outbox = self._tools.outbox
        tell_begun(outbox, stream, head)
        said = without_memory(with_refused(stream, estimates))
        event = pose_event(outbox, self._tools.clock(), estimator, stream, answered, said)
        stream.trace = event.traceparent
        tell_unfound(outbox, stream, head.run_id, head.seq, estimates)
        stream.event_ticket = outbox.event(event, stream.source.number)
        self.ages.answered(head.record, event)
        self._done_head(stream, estimates)
        self._tools.metrics.count(event)

    def _refuse_head(self, stream: Stream, error: BadMessage) -> None:
        head = stream.pending[0]
        self._tools.outbox.refused(stream, head.run_id, head.seq, error)
        self._tools.refuse(head.record, error)
        kept = stream.estimates if head.run_id == stream.run_id else {}
        self._done_head(stream, kept)

    def _done_head(self, stream: Stream, estimates: Estimates) -> None:
        head = stream.pending.popleft()
        stream.advance(head.run_id, head.seq, estimates)
        self.flush_wanted = self.flush_wanted or not stream.answered  # others waited for it while it was handed over
        stream.answered += 1
        stream.done_offset = head.record.offset
        self._tools.opened.done(head.record.source, head.record.offset)
        self._close_passed(stream)

    def _close_passed(self, stream: Stream) -> None:
        for frame in stream.passed:
            self._tools.opened.done(frame.source, frame.offset)
        stream.passed, stream.passed_behind = stream.passed_behind, []
