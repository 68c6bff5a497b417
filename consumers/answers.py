"""One bounded piece of the worker's work: at most one waiting frame of each stream, answered in batches."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from consumers.ages import FrameAges
from consumers.broker import Record
from consumers.estimation import Question, answer, question, without_memory
from consumers.jobs import JobDirectory
from consumers.metrics import WorkerMetrics
from consumers.objects import tell_refused, tell_unfound, usable_objects, with_refused
from consumers.outbox import Outbox
from consumers.positions import OpenRecords
from consumers.settings import WorkerSettings
from consumers.streams import PassedFrame, PendingFrame, Stream, ranges
from consumers.trace import frame_trace
from estimators.base import Estimator
from estimators.crew import Crew
from schemas import BadJob, BadMessage, Estimates, Frame, Job, JobStatus, Mode, PoseEvent, SeqRange, State
from schemas.codec import Codec

_log = logging.getLogger("posestream.consumers")

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
    """

    def __init__(self, tools: Tools, loader: Callable[[str], Estimator]) -> None:
        self._tools = tools
        self._loader = loader
        self._estimators: dict[str, Estimator] = {}
        self._crew = Crew(tools.settings.threads)
        self.ages = FrameAges(tools.metrics, tools.outbox.now_ns)
        self.flush_wanted = False

    def work(self, streams: Iterable[Stream]) -> bool:
        """Answer one batch; whether more waits that could be answered now.

        ``flush_wanted`` is True afterwards where a stream's new run waits for its old one to be durable.
        """
        self.flush_wanted = False
        ready = [(stream, job) for stream in streams if stream.pending and (job := self._runnable(stream))]
        ready.sort(key=lambda item: (-item[1].priority, item[0].pending[0].received_s))
        batch = ready[: self._tools.settings.batch]
        by_estimator: dict[str, list[tuple[Stream, Job]]] = {}
        for stream, job in batch:
            by_estimator.setdefault(job.estimator, []).append((stream, job))
        for name, items in by_estimator.items():
            self._answer(self._estimators[name], items)
        return any(stream.pending for stream, _ in ready)

    def release(self, stream: Stream) -> None:
        """Let the estimators forget a stream's job."""
        for estimator in self._estimators.values():
            estimator.release(stream.job_id)
        stream.prepared = False

    def close(self) -> None:
        """End its threads."""
        self._crew.close()

    def drop(self, stream: Stream, reason: str) -> None:
        """Say that all waiting frames are not worked on, and why."""
        waiting = [PassedFrame(f.record.source, f.record.offset, f.run_id, f.seq) for f in stream.pending]
        for run_id, frames in ranges(stream.passed + waiting):
            self._tools.outbox.skipped(stream, run_id, frames, reason)
        stream.pending.clear()
        stream.passed += waiting
        self._close_passed(stream)

    def _runnable(self, stream: Stream) -> Job | None:
        tools = self._tools
        head = stream.pending[0]
        job = stream.job
        if stream.ended:
            self.drop(stream, stream.ended)
            return None
        if job is None:
            if tools.clock() - head.received_s >= tools.settings.job_wait_s:
                self._refuse_unknown(stream)
            return None
        if job.mode is Mode.LIVE:
            stream.pass_over()
        elif job.mode is Mode.BOUNDED:
            stream.pass_over(before_ms=tools.outbox.now_ns() / 1e6 - job.deadline_s * 1e3)
        head = stream.pending[0]
        if stream.run_id not in ("", head.run_id) and stream.settled_run != head.run_id:
            # redelivery must never reach back over a change of run: the old run's state is gone then
            self.flush_wanted = True
            return None
        return job if stream.prepared or self._prepare(stream, job) else None

    def _refuse_unknown(self, stream: Stream) -> None:
        wait_s = self._tools.settings.job_wait_s
        reason = f"job {stream.job_id}: not in topic jobs, partition {stream.source.number}, after {wait_s:g} s"
        frames = [PassedFrame(f.record.source, f.record.offset, f.run_id, f.seq) for f in stream.pending]
        while stream.pending:
            self._tools.refuse(stream.pending.popleft().record, BadMessage(reason, "frame"))
        for run_id, span in ranges(frames):
            self._tools.outbox.skipped(stream, run_id, span, f"dead-lettered: {reason}")
        # when they are sent back, they are no repetition
        stream.taken_run, stream.taken_seq = stream.run_id, stream.seq

    def _prepare(self, stream: Stream, job: Job) -> bool:
        try:
            if job.estimator not in self._estimators:
                self._estimators[job.estimator] = self._loader(job.estimator)
            refused = self._estimators[job.estimator].prepare(job)
        except BadJob as error:
            self._fail(stream, error)
        else:
            tell_refused(self._tools.outbox, stream, refused)
            stream.prepared = True
        return stream.prepared

    def _fail(self, stream: Stream, error: BadJob) -> None:
        _log.error("job %s failed: %s", stream.job_id, error)
        self._tools.outbox.job_status(stream, JobStatus.FAILED, str(error))
        stream.ended = f"job failed: {error}"
        self.drop(stream, stream.ended)

    def _answer(self, estimator: Estimator, items: list[tuple[Stream, Job]]) -> None:
        asked: list[tuple[Stream, Question, int]] = []
        decoded = self._crew.each(self._decoded, [stream.pending[0] for stream, _ in items])
        for (stream, job), (frame, stage_s) in zip(items, decoded, strict=True):
            if isinstance(frame, BadMessage):
                self._refuse_head(stream, frame)
                continue
            item, prompt_offset = self._question(stream, job, frame)
            item.stage_s |= stage_s
            asked.append((stream, item, prompt_offset))
        answers = answer(estimator, [item for _, item, _ in asked])
        for (stream, item, prompt_offset), found in zip(asked, answers, strict=True):
            if isinstance(found, BadMessage):
                self._refuse_head(stream, found)
            elif isinstance(found, BadJob):
                self._fail(stream, found)
            else:
                if prompt_offset != stream.prompt_offset:  # somebody asked, and is to have an answer
                    stream.unfound.clear()
                self._send(estimator, stream, item, found)
                stream.prompt_offset = prompt_offset

    def _decoded(self, head: PendingFrame) -> tuple[Frame | BadMessage, dict[str, float]]:
        """A frame, or why it is none, and the seconds until then; called by several threads."""
        started_s = self._tools.clock()
        try:
            frame = self._tools.codec.decode(head.record.value or b"", Frame)
        except BadMessage as error:
            return error, {}
        return frame, self._times(head, started_s)

    def _question(self, stream: Stream, job: Job, frame: Frame) -> tuple[Question, int]:
        priors = stream.estimates if frame.run_id == stream.run_id else {}
        prompts, after = self._tools.directory.prompts(stream.job_id, frame.run_id, stream.prompt_offset)
        return question(frame, usable_objects(stream, job), priors, prompts), after

    def _times(self, head: PendingFrame, started_s: float) -> dict[str, float]:
        """Seconds from publishing to taking (two clocks), waiting here, and decoding."""
        queue_s = started_s - head.received_s
        decode_s = self._tools.clock() - started_s
        age_s = self._tools.outbox.now_ns() / 1e9 - head.record.timestamp_ms / 1e3
        return {"transport": max(0.0, age_s - queue_s - decode_s), "queue": queue_s, "decode": decode_s}

    def _send(self, estimator: Estimator, stream: Stream, item: Question, estimates: Estimates) -> None:
        head = stream.pending[0]
        outbox = self._tools.outbox
        if head.run_id != stream.run_id:
            outbox.job_status(stream, JobStatus.PROCESSING, f"run {head.run_id} started")
        skipped = outbox.passed(stream, head.run_id, head.seq)
        event = self._event(estimator, stream, item, without_memory(with_refused(stream, estimates)), skipped)
        stream.trace = event.traceparent
        tell_unfound(outbox, stream, head.run_id, head.seq, estimates)
        stream.event_ticket = outbox.event(event, stream.source.number)
        self.ages.answered(head.record, event)
        self._done_head(stream, estimates)
        self._count(event)

    def _event(
        self, estimator: Estimator, stream: Stream, item: Question, estimates: Estimates, skipped: SeqRange | None
    ) -> PoseEvent:
        head, outbox = stream.pending[0], self._tools.outbox
        now_ns, published_ns = outbox.now_ns(), head.record.timestamp_ms * 1_000_000
        received_ns = now_ns - round((self._tools.clock() - head.received_s) * 1e9)
        flag, told = stream.clock.judge(head.run_id, head.seq, item.frame.captured_ns, published_ns)
        if told:
            outbox.clock(stream, head.run_id, head.seq, told)
        return PoseEvent(
            job_id=stream.job_id,
            run_id=head.run_id,
            seq=head.seq,
            captured_ns=item.frame.captured_ns,
            published_ns=published_ns,
            produced_ns=now_ns,
            estimator=estimator.name,
            estimator_version=estimator.version,
            weights_digest=estimator.weights_digest,
            estimates=estimates,
            stage_s=item.stage_s,
            skipped=skipped,
            traceparent=frame_trace(head.record, f"{stream.job_id}/{head.run_id}/{head.seq}"),
            received_ns=received_ns,
            started_ns=received_ns + round(item.stage_s["queue"] * 1e9),
            capture_clock=flag,
        )

    def _refuse_head(self, stream: Stream, error: BadMessage) -> None:
        head = stream.pending[0]
        self._tools.outbox.refused(stream, head.run_id, head.seq, error)
        self._tools.refuse(head.record, error)
        kept = stream.estimates if head.run_id == stream.run_id else {}
        self._done_head(stream, kept)

    def _done_head(self, stream: Stream, estimates: Estimates) -> None:
        head = stream.pending.popleft()
        stream.advance(head.run_id, head.seq, estimates)
        self._tools.opened.done(head.record.source, head.record.offset)
        self._close_passed(stream)

    def _close_passed(self, stream: Stream) -> None:
        for frame in stream.passed:
            self._tools.opened.done(frame.source, frame.offset)
        stream.passed.clear()

    def _count(self, event: PoseEvent) -> None:
        metrics = self._tools.metrics
        metrics.processed.labels(event.job_id).inc()
        if event.skipped:
            metrics.skipped.labels(event.job_id).inc(len(event.skipped))
        for stage, seconds in event.stage_s.items():
            metrics.stage_s.labels(stage).observe(seconds)
        for name, estimate in event.estimates.items():
            metrics.score.labels(event.job_id, name).set(estimate.score)
            if estimate.state is State.REGISTERED:
                metrics.registrations.labels(event.job_id, name).inc()
