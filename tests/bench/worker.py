"""Frames a second of one worker, broker to broker: streams of one object each that lie in the topic already.

    python tests/bench/worker.py [--streams 4] [--frames 300] [--rounds 3] [-- OPTIONS OF posestream track]

Frames are those of the synthetic camera (640x480, colour and depth), one job and partition a stream. The worker is a
process as users start it; the broker is on the same machine and shares its cores. The rate is that of the events
between the first and the last tenth, so that neither start nor end counts; stages are the events' own.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence

from consumers.book import JobBook
from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses, passing_stack
from producers.sources.open import open_source
from schemas import Frame, Job, Mode, PoseEvent, State
from schemas.codec import Codec
from schemas.images import FrameEncoding
from schemas.topics import DEFAULT_PARTITIONS, POSES, frames_topic, specs

PATIENCE_S = 120.0
EDGE = 0.1  # of the events at start and end


def fill(broker: KafkaBroker, codec: Codec, pool: str, options: argparse.Namespace) -> list[Job]:
    """One job a stream, its frames in the topic."""
    book, producer, jobs = JobBook(broker, codec, DEFAULT_PARTITIONS), broker.producer(), list[Job]()
    topic = frames_topic(pool)
    for stream in range(options.streams):
        source = open_source(f"synthetic:?frames={options.frames}&seed={stream}&level={options.level}")
        job = book.create(Job(f"{pool}-{stream}", source.objects, pool, mode=Mode.ALL))
        encoding = FrameEncoding(depth_unit_m=source.depth_unit_m)
        for seq, shot in enumerate(source.shots()):
            captured_ns = time.time_ns()
            frame = Frame(job.id, "run", seq, captured_ns, source.camera, shot.rgb, shot.depth_m, shot.masks)
            producer.send(Partition(topic, job.partition), job.id.encode(), codec.encode(topic, frame, encoding))
            if seq % 16 == 0:
                producer.flush(PATIENCE_S)
        producer.flush(PATIENCE_S)
        jobs.append(job)
    producer.close()
    return jobs


def answered(broker: KafkaBroker, codec: Codec, starts: dict[Partition, int], count: int) -> list[PoseEvent]:
    """The events that come after ``starts``, as soon as there are ``count``."""
    reader = broker.reader()
    reader.assign(starts)
    events: list[PoseEvent] = []
    deadline_s = time.monotonic() + PATIENCE_S
    try:
        while len(events) < count:
            events += [codec.decode(record.value or b"", PoseEvent) for record in reader.read(0.2)]
            if time.monotonic() > deadline_s:
                sys.exit(f"{len(events)} of {count} events after {PATIENCE_S:.0f} s")
    finally:
        reader.close()
    return events


def measure(addresses: Addresses, options: argparse.Namespace) -> tuple[float, float, list[PoseEvent]]:
    """Frames a second, CPU seconds of the worker a frame, and the events of one round."""
    broker, codec, pool = KafkaBroker(addresses.kafka), Codec(addresses.registry), f"bench{uuid.uuid4().hex[:8]}"
    broker.ensure_topics(specs([pool], DEFAULT_PARTITIONS))
    jobs = fill(broker, codec, pool, options)
    reader = broker.reader()
    starts = {Partition(POSES, job.partition): reader.end(Partition(POSES, job.partition)) for job in jobs}
    reader.close()
    command = [sys.executable, "-m", "posestream", "track", "--pool", pool, *options.worker]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    worker = subprocess.Popen(command, env=os.environ | addresses.as_environment(), stderr=subprocess.DEVNULL)
    events = answered(broker, codec, starts, options.streams * options.frames)
    worker.terminate()
    worker.wait(30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    produced = sorted(event.produced_ns for event in events)
    edge = int(EDGE * len(produced))
    rate = (len(produced) - 1 - 2 * edge) / ((produced[-1 - edge] - produced[edge]) / 1e9)
    return rate, cpu_s / len(events), events


def table(rates: Sequence[float], cpus_s: Sequence[float], events: Sequence[PoseEvent]) -> None:
    stages: dict[str, list[float]] = defaultdict(list)
    for event in events:
        for name, seconds in event.stage_s.items():
            stages[name].append(1000 * seconds)
    lost = sum(one.state is State.LOST for event in events for one in event.estimates.values())
    print(f"frames/s: median {statistics.median(rates):.0f}, rounds " + ", ".join(f"{rate:.0f}" for rate in rates))
    print(f"CPU of the worker, start included: {1000 * statistics.median(cpus_s):.1f} ms a frame; {lost} frames lost")
    print(f"{'stage':<12}{'p50 ms':>9}{'p95 ms':>9}   (track: of a whole batch)")
    for name, values in stages.items():
        values.sort()
        p50, p95 = (values[int(share * (len(values) - 1))] for share in (0.5, 0.95))
        print(f"{name:<12}{p50:>9.2f}{p95:>9.2f}")


def run(addresses: Addresses, options: argparse.Namespace) -> None:
    rounds = [measure(addresses, options) for _ in range(options.rounds)]
    print(f"{options.streams} streams of {options.frames} frames, {os.cpu_count()} cores; {' '.join(options.worker)}")
    table([one[0] for one in rounds], [one[1] for one in rounds], rounds[-1][2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--frames", type=int, default=300, help="of each stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--level", default="medium", help="of the synthetic camera")
    parser.add_argument("worker", nargs="*", help="options of posestream track, after --")
    options = parser.parse_args()
    with passing_stack("bench") as addresses:
        run(addresses, options)


if __name__ == "__main__":
    main()
