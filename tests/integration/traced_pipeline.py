"""Producer, worker and sink in one process with an OpenTelemetry SDK that keeps its spans; they are printed as JSON.

Arguments: a job's pool, how many frames. Addresses are those of POSESTREAM_*; the database is the sink's own.
"""

import json
import os
import sys
import threading
import time

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import set_tracer_provider

from consumers.book import JobBook
from consumers.kafka import KafkaBroker
from consumers.service import run_worker
from consumers.settings import WorkerSettings
from producers.service import produce
from producers.settings import ProduceSettings
from producers.sources.open import open_source
from schemas import Job
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, specs
from sink.database import connect
from sink.queries import Queries
from sink.service import run_sink
from sink.settings import SinkSettings
from tests.integration.consumers_fake_worker import ChainEstimator


def as_json(span: ReadableSpan) -> dict[str, object]:
    context = span.get_span_context()
    assert context is not None
    return {
        "name": span.name,
        "kind": span.kind.name,
        "trace": f"{context.trace_id:032x}",
        "id": f"{context.span_id:016x}",
        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
        "start_ns": span.start_time,
        "end_ns": span.end_time,
        "seq": (span.attributes or {}).get("posestream.seq"),
    }


def main(pool: str, frames: int) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    set_tracer_provider(provider)
    broker, codec, stop = (
        KafkaBroker(os.environ["POSESTREAM_KAFKA"]),
        Codec(os.environ["POSESTREAM_REGISTRY"]),
        threading.Event(),
    )
    broker.ensure_topics(specs([pool], DEFAULT_PARTITIONS))
    source = open_source(f"synthetic:?frames={frames}&size=160x120")
    job = JobBook(broker, codec, DEFAULT_PARTITIONS).create(Job(pool, source.objects, pool, "chain"))
    ready = threading.Event()
    sink = SinkSettings(group=pool, port=0)
    threads = [
        threading.Thread(target=run_worker, args=(WorkerSettings(pool=pool), stop, lambda _name: ChainEstimator())),
        threading.Thread(target=run_sink, args=(sink, stop, lambda _address: ready.set())),
    ]
    for thread in threads:
        thread.start()
    ready.wait(60)
    produce(ProduceSettings(rate=0), job, source, stop)
    engine = connect(sink.database)
    until_s = time.monotonic() + 60
    while len(Queries(engine).events(job.id)) < frames and time.monotonic() < until_s:
        time.sleep(0.1)
    rows = [[one.seq, one.traceparent] for one in Queries(engine).events(job.id)]
    engine.dispose()
    stop.set()
    for thread in threads:
        thread.join(60)
    print(json.dumps({"rows": rows, "spans": [as_json(span) for span in exporter.get_finished_spans()]}))  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
