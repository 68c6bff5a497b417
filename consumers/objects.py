"""What is said of single objects of a stream: that they cannot be used, or were not found; the others go on."""

from collections.abc import Mapping

from consumers.outbox import Outbox
from consumers.streams import Stream
from schemas import Estimate, Estimates, SeqRange, State


def tell_refused(outbox: Outbox, stream: Stream, refused: Mapping[str, str]) -> None:
    """Keep what ``Estimator.prepare`` refused, and say each once."""
    stream.refused = refused
    for reason in refused.values():
        outbox.object(stream, "", None, reason)


def tell_unfound(outbox: Outbox, stream: Stream, run_id: str, seq: int, estimates: Estimates) -> None:
    """Say why objects were not found; once until they are, since some sources ask again in every frame."""
    for name, estimate in estimates.items():
        if estimate.state is not State.LOST:
            stream.unfound.discard(name)
        elif estimate.reason and name not in stream.unfound:
            outbox.object(stream, run_id, SeqRange(seq, seq), estimate.reason)
            stream.unfound.add(name)


def with_refused(stream: Stream, estimates: Estimates) -> dict[str, Estimate]:
    """Estimates for all objects of the job: one that cannot be used is lost, and never had a pose."""
    return {**estimates, **{name: Estimate(None, 0.0, State.LOST) for name in stream.refused}}
