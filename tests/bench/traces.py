"""What traces cost: CPU time of a light worker's frame, in memory, and of its spans, without and with an SDK.

The frame is 640x480 with depth, decoded, answered by an estimator that does nothing and encoded; one thread.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import set_tracer_provider
from rich.console import Console
from rich.table import Table

from consumers.broker import Record
from consumers.trace import AnswerTraces, frame_trace
from producers.sources.open import open_source
from producers.trace import FrameTraces
from schemas import Frame, PoseEvent
from schemas.traces import TRACEPARENT, new_traceparent
from tests.unit.consumers_world import Worker, World

FRAMES = 150
CALLS = 5000


class Nowhere(SpanExporter):
    """Takes spans and drops them."""

    def export(self, spans: object) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def frame_us() -> float:
    """CPU time of a frame in a worker, microseconds."""
    world = World()
    source = open_source("synthetic:?frames=1")
    shot = next(source.shots())
    world.job(objects=source.objects)
    world.frames(*(Frame("a", "run", n, n, source.camera, shot.rgb, shot.depth_m) for n in range(FRAMES)))
    worker = Worker(world, threads=1, queue_frames=2 * FRAMES)
    worker.rounds(1)
    began_s = time.process_time()
    worker.rounds(FRAMES + 3)
    spent_s = time.process_time() - began_s
    assert len(world.events()) == FRAMES
    return spent_s / FRAMES * 1e6


def cost_us(call: Callable[[], object]) -> float:
    """CPU time of a call, microseconds, what its exporter's thread does included; the least of five rounds."""
    rounds: list[float] = []
    for _ in range(5):
        began_s = time.process_time()
        for _ in range(CALLS):
            call()
        rounds.append((time.process_time() - began_s) / CALLS * 1e6)
    return min(rounds)


def costs(share: float = 1.0) -> tuple[float, float]:
    """Of a frame at the producer, and at the worker, where this share of traces is marked to be recorded."""
    traces, answers = FrameTraces("frames.default", share), AnswerTraces()
    source = open_source("synthetic:?frames=1&size=160x120")
    shot = next(source.shots())
    frame = Frame("job", "run", 1, 1, source.camera, shot.rgb)
    event = PoseEvent(*("job", "run", 1, 1, 1, time.time_ns(), "geometric", "1", "", {}), received_ns=1, started_ns=2)
    marked = [((TRACEPARENT, new_traceparent(share).encode()),) for _ in range(1000)]
    pairs = cycle(
        (record := Record("frames.default", 0, 1, b"job", b"", headers), replace(event, traceparent=trace_in(record)))
        for headers in marked
    )

    def produce() -> None:
        traces.begin(frame, time.time_ns()).end()

    def answer() -> None:
        record, known = next(pairs)
        trace_in(record)
        _, delivered = answers.answered(known)
        if delivered:
            delivered(1)

    return cost_us(produce), cost_us(answer)


def trace_in(record: Record) -> str:
    return frame_trace(record, "job/run/1")


def main() -> None:
    whole = min(frame_us() for _ in range(3))
    table = Table("", "producer, us", "worker, us", f"of the worker's {whole:.0f} us a frame")
    rows = [("no SDK", costs())]
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(Nowhere(), max_queue_size=1 << 17))
    set_tracer_provider(provider)
    rows.append(("SDK, every frame", costs()))
    provider.sampler = ParentBasedTraceIdRatio(0.01)
    rows.append(("SDK, 1 frame in 100", costs(0.01)))
    for name, (producer, worker) in rows:
        table.add_row(name, f"{producer:.1f}", f"{worker:.1f}", f"{100 * worker / whole:.1f} %")
    Console().print(table)


if __name__ == "__main__":
    main()
