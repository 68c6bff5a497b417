"""The event that answers a frame."""

from consumers.asking import Answered
from consumers.outbox import Outbox
from consumers.streams import Stream
from consumers.trace import frame_trace
from estimators.base import Estimator
from schemas import Estimates, PoseEvent


def pose_event(
    outbox: Outbox, now_s: float, estimator: Estimator, stream: Stream, answered: Answered, estimates: Estimates
) -> PoseEvent:
    """The answer to the frame at a stream's head.

    Frames that were passed over before it, and a camera's clock that went wrong with it, are told on the way.

    Args:
        outbox: Where they are told; knows the time.
        now_s: Seconds of the worker's monotonic clock.
        estimator: Answered it.
        stream: Its stream.
        answered: Times and stages.
        estimates: As they are to be said, without memory.
    """
    head = stream.pending[0]
    skipped = outbox.passed(stream, head.run_id, head.seq)
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
