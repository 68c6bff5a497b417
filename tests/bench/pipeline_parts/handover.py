"""How long no answers come when a worker leaves or dies, as a reader of the poses sees it."""

import signal
import time
from collections import defaultdict
from itertools import pairwise

from posestream.stack import Addresses
from tests.bench.pipeline_parts.line import Line
from tests.bench.pipeline_parts.world import Bench, Seen

RATE_HZ, SIZE, STREAMS = 30.0, (64, 48), 8
SETTLE_S, AFTER_SESSIONS, AFTER_S = 8.0, 2.0, 4.0


def gap_s(addresses: Addresses, delivery: str, number: signal.Signals, session_ms: int) -> float:
    """The longest silence of a stream around the fault; of eight streams, half of them the worker's."""
    bench = Bench(addresses, STREAMS)
    settings = {"delivery": delivery, "session_timeout_ms": session_ms}
    first = bench.worker(0.001, **settings)
    bench.worker(0.001, **settings)
    count = int((SETTLE_S + AFTER_SESSIONS * session_ms / 1000 + AFTER_S) * RATE_HZ)
    producer = bench.publishing(SIZE, count, RATE_HZ)
    seen: list[Seen] = []
    fault_ns = 0
    while producer.is_alive():
        seen += bench.read()
        if not fault_ns and seen and time.time_ns() - seen[0].at_ns > SETTLE_S * 1e9:
            first.send_signal(number)
            fault_ns = time.time_ns()
    seen += bench.read(1.0)
    bench.close()
    if not fault_ns:
        msg = (
            f"expected answers for more than {SETTLE_S:g} s, got those of a producer that began too late; run it again"
        )
        raise RuntimeError(msg)
    return longest_silence_s(seen, fault_ns)


def longest_silence_s(seen: list[Seen], since_ns: int) -> float:
    """Over all streams, between two answers of which the second came after ``since_ns``."""
    times: dict[str, list[int]] = defaultdict(list)
    for one in seen:
        times[one.event.job_id].append(one.at_ns)
    return max(b - a for at in times.values() for a, b in pairwise(at) if b > since_ns) / 1e9


def measure(addresses: Addresses, session_ms: int) -> list[Line]:
    """Leaving and dying, in both modes of delivery."""
    lines: list[Line] = []
    for delivery in ("at_least_once", "exactly_once"):
        left_s = gap_s(addresses, delivery, signal.SIGTERM, session_ms)
        lines.append(Line(f"hand-over, {delivery}: silence when a worker leaves", f"{left_s:.2f} s", "", "", "<= .3 s"))
        died_s = gap_s(addresses, delivery, signal.SIGKILL, session_ms)
        ratio = f"{1000 * died_s / session_ms:.2f}"
        session = f"{session_ms / 1000:g} s session"
        lines.append(Line(f"hand-over, {delivery}: kill -9", f"{died_s:.2f} s", session, ratio, "<= 1.5"))
    return lines
