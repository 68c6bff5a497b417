"""From an answer to the event that says it."""

from consumers.asking import Answered
from consumers.outbox import Outbox
from consumers.streams import Stream
from consumers.trace import frame_trace
from estimators.base import Estimator
from schemas import Estimates, PoseEvent, SeqRange


def event_of(
    stream: Stream,
    estimator: Estimator,
    answered: Answered,
    estimates: Estimates,
    skipped: SeqRange | None,
    outbox: Outbox,
    now_s: float,
) -> PoseEvent:
    """The event of the frame at the head of a stream; a camera's clock that goes wrong with it is told.

    Args:
        stream: Whose frame it is.
        estimator: Who answered.
        answered: When it was captured, and seconds per stage.
        estimates: Without memory.
        skipped: Frames skipped just before it.
        outbox: Where the clock is told.
        now_s: By the worker's monotonic clock.
    """
    head = stream.pending[0]
    now_ns, published_ns = outbox.now_ns(), head.record.timestamp_ms * 1_000_000
    received_ns = now_ns - round((now_s - head.received_s) * 1e9)
    flag, told = stream.clock.judge(head.run_id, head.seq, answered.captured_ns, published_ns)
    if told:
        outbox.clock(stream, head.run_id, head.seq, told)
    return PoseEvent(
        job_id=stream.job_id,
        run_id=head.run_id,
        seq=head.seq,
        captured_ns=answered.captured_ns,
        published_ns=published_ns,
        produced_ns=now_ns,
        estimator=estimator.name,
        estimator_version=estimator.version,
        weights_digest=estimator.weights_digest,
        estimates=estimates,
        stage_s=answered.stage_s,
        skipped=skipped,
        traceparent=frame_trace(head.record, f"{stream.job_id}/{head.run_id}/{head.seq}"),
        received_ns=received_ns,
        started_ns=received_ns + round(answered.stage_s["queue"] * 1e9),
        capture_clock=flag,
    )
