"""Frames a second and frame age of our transport, beside raw librdkafka with the same bytes in the same run.

Three ways over one broker: ours (``producers.publish``, ``consumers.loop``, the codec), a bare poll loop
that decodes the same pixels of the same bytes, and the bare loop alone. Rates are those of reading a
topic that was filled before; ages are from ``produce`` to the decoded frame, at 30 frames/s. A table, no
assertion: ``python tests/bench/transport.py --help``.
"""

import argparse
import multiprocessing
import statistics
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from confluent_kafka import Consumer, Producer

from consumers.broker import Partition, Position, Record
from consumers.handler import Handled
from consumers.kafka import KafkaBroker
from consumers.loop import Loop, LoopSettings
from posestream.stack import Addresses, passing_stack
from producers.client import JobClient
from producers.publish import FramePublisher
from producers.sources.open import open_source
from schemas import Frame, Job, JobObject
from schemas.codec import Codec
from schemas.depth import depth_from_raw
from schemas.images import FrameEncoding, decode_depth, decode_rgb
from schemas.topics import frames_topic, specs

CLIP = 30
RATE_HZ = 30.0
QUEUE = 64  # frames that wait for the broker
DEPTH_UNIT_M = 0.001
WAYS = ("ours", "raw + decoding", "raw")


@dataclass
class Clip:
    """Some frames, and each as bytes with the places of its pictures in them."""

    frames: list[Frame]
    values: list[bytes]
    pictures: list[tuple[slice, slice]]

    def decode(self, index: int, value: bytes) -> None:
        """The pixels of a message, by their known places."""
        camera = self.frames[0].camera
        rgb, depth = self.pictures[index % CLIP]
        decode_rgb(value[rgb], "jpeg", camera.height, camera.width)
        depth_from_raw(decode_depth(value[depth], "dzp16", camera.height, camera.width), DEPTH_UNIT_M)


@dataclass
class Result:
    """Of one way: frames a second of each round, and ages in ms."""

    publish_fps: list[float] = field(default_factory=list)
    read_fps: list[float] = field(default_factory=list)
    age_ms: list[float] = field(default_factory=list)


class Counting:
    """A handler that decodes frames and notes when each was there."""

    def __init__(self, codec: Codec) -> None:
        self.done_s: list[float] = []
        self.age_ms: list[float] = []
        self._codec = codec
        self._next: dict[Partition, int] = {}

    def assigned(self, committed: Mapping[Partition, Position | None]) -> Mapping[Partition, int]:
        del committed
        return {}

    def handle(self, records: Sequence[Record]) -> Handled:
        for record in records:
            self._codec.decode(record.value or b"", Frame)
            self.done_s.append(time.perf_counter())
            self.age_ms.append(age_ms(record.timestamp_ms))
            self._next[record.source] = record.offset + 1
        return Handled()

    def flush(self, timeout_s: float, *, wait: bool = True) -> Mapping[Partition, Position]:
        del timeout_s, wait
        return {partition: Position(offset) for partition, offset in self._next.items()}

    def revoked(self, partitions: Collection[Partition]) -> None: ...

    def lost(self, partitions: Collection[Partition]) -> None: ...

    def expired(self, partition: Partition, first_offset: int, last_offset: int) -> None: ...


def make_clip(size: str, codec: Codec) -> Clip:
    source = open_source(f"synthetic:?frames={CLIP}&size={size}")
    frames = [Frame("bench", "run", n, 0, source.camera, s.rgb, s.depth_m) for n, s in enumerate(source.shots())]
    values = [codec.encode("frames.bench", frame, FrameEncoding(depth_unit_m=DEPTH_UNIT_M)) for frame in frames]
    pictures = [places(codec, value) for value in values]
    return Clip(frames, values, pictures)


def places(codec: Codec, value: bytes) -> tuple[slice, slice]:
    """Where the JPEG and the depth bytes lie in a message: the depth runs to the end but for one null mask."""
    header = codec.decode_frame_header(value)
    camera, jpeg = header.camera, header.pictures.rgb
    start = value.index(jpeg)
    depth = slice(len(value) - 1 - camera.width * camera.height * 2, len(value) - 1)
    found_m = depth_from_raw(decode_depth(value[depth], "dzp16", camera.height, camera.width), DEPTH_UNIT_M)
    assert np.array_equal(found_m, codec.decode(value, Frame).depth_m)
    return slice(start, start + len(jpeg)), depth


def publish_ours(kafka: str, registry: str, pool: str, clip: Clip, count: int, rate_hz: float) -> float:
    job = Job("bench", (JobObject("cube", "cube.ply"),), pool)
    encoding = FrameEncoding(depth_unit_m=DEPTH_UNIT_M)
    publisher = FramePublisher(JobClient(kafka, job), Codec(registry), job, "run", encoding, queue_frames=QUEUE)
    publisher.publish(replace(clip.frames[0], seq=0, captured_ns=time.time_ns()))  # connects, learns the schema
    publisher.settle(30)
    start_s = time.perf_counter()
    for seq in range(1, count):
        wait_until(start_s, seq, rate_hz)
        publisher.publish(replace(clip.frames[seq % CLIP], seq=seq, captured_ns=time.time_ns()))
    publisher.settle(60)
    return (count - 1) / (time.perf_counter() - start_s)


def publish_raw(kafka: str, registry: str, pool: str, clip: Clip, count: int, rate_hz: float) -> float:
    del registry
    config = {"enable.idempotence": True, "linger.ms": 1, "compression.type": "zstd", "compression.level": 1}
    producer = Producer({"bootstrap.servers": kafka, "message.max.bytes": 8 << 20} | config)
    start_s = time.perf_counter()
    for seq in range(count):
        wait_until(start_s, seq, rate_hz)
        while len(producer) >= QUEUE:
            producer.poll(0.02)
        producer.produce(frames_topic(pool), clip.values[seq % CLIP], b"bench", partition=0)
        producer.poll(0)
        if seq == 0:
            producer.flush(30)
            start_s = time.perf_counter()
    producer.flush(60)
    return (count - 1) / (time.perf_counter() - start_s)


def age_ms(published_ms: int) -> float:
    """From CreateTime, which the client stamps in ``produce``, to now."""
    return time.time_ns() / 1e6 - published_ms


def wait_until(start_s: float, seq: int, rate_hz: float) -> None:
    if rate_hz:
        time.sleep(max(0.0, start_s + seq / rate_hz - time.perf_counter()))


def read_ours(addresses: Addresses, pool: str, count: int) -> tuple[float, list[float]]:
    counting = Counting(Codec(addresses.registry))
    settings = LoopSettings(f"g{uuid.uuid4().hex}", (frames_topic(pool),), max_records=64)
    loop = Loop(KafkaBroker(addresses.kafka), counting, settings)
    loop.join()
    while len(counting.done_s) < count:
        loop.step()
    loop.close()
    return (count - 1) / (counting.done_s[-1] - counting.done_s[0]), counting.age_ms


def read_bare(kafka: str, pool: str, count: int, decode: Callable[[int, bytes], None]) -> tuple[float, list[float]]:
    config = {"fetch.message.max.bytes": 8 << 20, "fetch.queue.backoff.ms": 5, "auto.offset.reset": "earliest"}
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": uuid.uuid4().hex, "enable.auto.commit": False} | config
    )
    consumer.subscribe([frames_topic(pool)])
    done_s: list[float] = []
    ages: list[float] = []
    while len(done_s) < count:
        message = consumer.poll(0.05)
        if message is None or message.error():
            continue
        decode(len(done_s), message.value() or b"")
        done_s.append(time.perf_counter())
        ages.append(age_ms(message.timestamp()[1]))
    consumer.close()
    return (count - 1) / (done_s[-1] - done_s[0]), ages


def measure(addresses: Addresses, clip: Clip, way: str, count: int, rate_hz: float) -> tuple[float, float, list[float]]:
    """Publish frames/s, read frames/s and ages in ms; at a rate the two run at once, else one after the other."""
    pool = f"bench{uuid.uuid4().hex[:8]}"
    KafkaBroker(addresses.kafka).ensure_topics(specs([pool], 1))
    publish = publish_ours if way == "ours" else publish_raw
    arguments = (addresses.kafka, addresses.registry, pool, clip, count, rate_hz)
    published_fps = 0.0
    process = multiprocessing.get_context("spawn").Process(target=publish, args=arguments)
    if rate_hz:
        process.start()
    else:
        published_fps = publish(*arguments)
    if way == "ours":
        read_fps, ages = read_ours(addresses, pool, count)
    else:
        read_fps, ages = read_bare(addresses.kafka, pool, count, clip.decode if "dec" in way else lambda *_: None)
    if rate_hz:
        process.join()
    return published_fps, read_fps, ages


def run(addresses: Addresses, options: argparse.Namespace) -> None:
    clip = make_clip(options.size, Codec(addresses.registry))
    results = {way: Result() for way in WAYS}
    for _ in range(options.rounds):
        for way, result in results.items():  # in turn: what else the machine does falls on all alike
            published_fps, read_fps, _ = measure(addresses, clip, way, options.frames, 0)
            result.publish_fps.append(published_fps)
            result.read_fps.append(read_fps)
    for way, result in results.items():
        ages = measure(addresses, clip, way, int(options.seconds * RATE_HZ), RATE_HZ)[2]
        result.age_ms = sorted(ages[len(ages) // 3 :])  # without those that waited for the group to form
    table(results, clip)


def table(results: Mapping[str, Result], clip: Clip) -> None:
    size_kb = statistics.mean(map(len, clip.values)) / 1000
    print(f"{clip.frames[0].camera.width}x{clip.frames[0].camera.height}, {size_kb:.0f} kB a frame before zstd")
    print(f"{'':16} {'publish':>9} {'read':>9} {'of raw+dec.':>11} {'age p50':>9} {'age p99':>9}")
    base = statistics.median(results["raw + decoding"].read_fps)
    for way, result in results.items():
        publish, read = statistics.median(result.publish_fps), statistics.median(result.read_fps)
        p50, p99 = (result.age_ms[int(share * (len(result.age_ms) - 1))] for share in (0.5, 0.99))
        print(f"{way:16} {publish:7.0f}/s {read:7.0f}/s {read / base:11.2f} {p50:6.1f} ms {p99:6.1f} ms")
    print("publish: ours encodes the pixels, raw sends bytes that were encoded before")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="640x480", help="pixels, WxH")
    parser.add_argument("--frames", type=int, default=600, help="a round, flat out")
    parser.add_argument("--rounds", type=int, default=3, help="of each way; the median counts")
    parser.add_argument("--seconds", type=float, default=15, help="of frames at 30/s, for the ages")
    options = parser.parse_args()
    with passing_stack("bench") as addresses:
        run(addresses, options)


if __name__ == "__main__":
    main()
