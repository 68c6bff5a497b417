"""What a stream costs among many, and what exactly_once costs."""

from posestream.stack import Addresses
from tests.bench.pipeline_parts.line import Line, share
from tests.bench.pipeline_parts.world import Bench, Seen, cpu_s

SIZE, RATE_HZ = (64, 48), 5.0
FEW, MANY = 1, 64
WARM = 0.3  # of the frames, before CPU time counts


def cpu_ms_a_frame(addresses: Addresses, streams: int, seconds: float) -> float:
    """Of the worker, at the same rate of every stream; start and group left out."""
    bench = Bench(addresses, streams)
    worker = bench.worker(0.0)
    count = int(seconds * RATE_HZ)
    producer = bench.publishing(SIZE, count, RATE_HZ)
    bench.read_until(int(WARM * count) * streams)
    before_s, start = cpu_s(worker.pid), int(WARM * count) * streams
    rest = bench.read_until(count * streams - start)
    used_s = cpu_s(worker.pid) - before_s
    producer.join()
    bench.close()
    return 1000 * used_s / len(rest)


def delivery(addresses: Addresses, mode: str, frames: int) -> tuple[float, float, float]:
    """Events/s of frames that lie in the topic, and the age of visible events at 30 frames/s, p50 and p99 in ms."""
    bench = Bench(addresses, 4)
    bench.publishing(SIZE, frames, 0).join()
    bench.worker(0.0, delivery=mode)
    seen = bench.read_until(4 * frames)
    bench.close()
    edge = len(seen) // 10
    rate = (len(seen) - 2 * edge) / ((seen[-edge].at_ns - seen[edge].at_ns) / 1e9)
    bench = Bench(addresses, 1)
    bench.worker(0.0, delivery=mode)
    producer = bench.publishing(SIZE, 300, 30.0)
    live: list[Seen] = []
    while producer.is_alive():
        live += bench.read()
    bench.close()
    ages_ms = [(one.at_ns - one.event.published_ns) / 1e6 for one in live[len(live) // 3 :]]
    return rate, share(ages_ms, 0.5), share(ages_ms, 0.99)


def measure(addresses: Addresses, seconds: float, frames: int) -> list[Line]:
    """One stream beside 64; one mode of delivery beside the other."""
    few, many = (cpu_ms_a_frame(addresses, streams, seconds) for streams in (FEW, MANY))
    lines = [
        Line(
            f"CPU a frame, {MANY} light streams of {RATE_HZ:g}/s beside {FEW}",
            f"{many:.2f} ms",
            f"{few:.2f} ms",
            f"{many / few:.2f}",
            "<= 1.1",
        )
    ]
    least, exact = (delivery(addresses, mode, frames) for mode in ("at_least_once", "exactly_once"))
    lines.append(
        Line("exactly_once: events/s", f"{exact[0]:,.0f} /s", f"{least[0]:,.0f} /s", f"{exact[0] / least[0]:.2f}", "")
    )
    ages = [f"p50 {p50:.0f}, p99 {p99:.0f} ms" for _, p50, p99 in (exact, least)]
    lines.append(Line("exactly_once: age of an event that is seen, 30 frames/s", ages[0], ages[1], "", ""))
    return lines
