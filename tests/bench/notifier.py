"""The notifier beside ``websockets.broadcast`` of the same run: deliveries, CPU, delays, and a client that never reads.

    python tests/bench/notifier.py [--only flat,rate,silent,delay] [--quick]

Servers and clients are processes of their own. What a server spends is told in CPU time, so that it holds on a busy
machine, too; rates and delays hold for an idle one only. A table, no assertion.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from posestream.stack import passing_stack
from tests.bench.notifier_parts.committed import measure_delay
from tests.bench.notifier_parts.readers import Reader, opened, read_all
from tests.bench.notifier_parts.servers import JOB, Running, Sending, Sent
from tests.bench.pipeline_parts.line import Line, print_table, share

FLAT_CLIENTS, RATE_CLIENTS, RATE_HZ = 200, 500, 30.0
SILENT_CLIENTS, FRAME_BYTES = 20, 60_000
_JOINED_S = 1.0  # until the last subscription was heard


def flat_out(which: str, count: int) -> Sent:
    """200 clients, each of which takes every message."""
    server = Running(which)
    requests = [{"subscribe": f"job:{JOB}"}] if which == "ours" else []
    readers = [Reader(opened(server.port, requests)) for _ in range(FLAT_CLIENTS)]
    time.sleep(_JOINED_S)
    server.begin(Sending(count), FLAT_CLIENTS)
    read_all(readers, lambda one: one.messages >= count)
    sent = server.sent()
    missing = sum(count - one.messages for one in readers)
    if missing:
        raise SystemExit(f"{which}: {missing} messages did not come")
    server.close()
    return sent


def measure_flat(count: int, rounds: int) -> list[Line]:
    """Deliveries a second, and what one costs the server."""
    ours, theirs = list[Sent](), list[Sent]()
    for _ in range(rounds):
        ours.append(flat_out("ours", count))
        theirs.append(flat_out("broadcast", count))
    made = count * FLAT_CLIENTS

    def line(what: str, unit: str, of: Callable[[Sent], float], *, more: bool) -> Line:
        mine, base = (statistics.median(map(of, found)) for found in (ours, theirs))
        ratio = statistics.median(of(a) / of(b) for a, b in zip(ours, theirs, strict=True))
        must = ">= 1" if more else "<= 1"
        return Line(what, f"{mine:,.1f} {unit}", f"{base:,.1f} {unit}", f"{ratio:.2f}", must)

    return [
        line(f"{FLAT_CLIENTS} clients flat out: deliveries", "/s", lambda one: made / one.wall_s, more=True),
        line("the same: the server's CPU a delivery", "us", lambda one: one.cpu_s / made * 1e6, more=False),
    ]


def measure_rate(seconds: float) -> list[Line]:
    """500 clients, 30 messages a second to each."""
    server = Running("ours")
    readers = [Reader(opened(server.port, [{"subscribe": f"job:{JOB}"}])) for _ in range(RATE_CLIENTS)]
    time.sleep(_JOINED_S)
    count = int(seconds * RATE_HZ)
    server.begin(Sending(count, RATE_HZ), RATE_CLIENTS)
    read_all(readers, lambda one: one.messages >= count, seconds + 5)
    sent = server.sent()
    server.close()
    came = sum(one.messages for one in readers) / (count * RATE_CLIENTS)
    figure = f"{100 * sent.cpu_s / sent.wall_s:.0f} % of a core"
    return [Line(f"CPU of {RATE_CLIENTS} clients x {RATE_HZ:.0f}/s, {100 * came:.1f} % came", figure, "", "", "")]


def measure_silent(seconds: float) -> list[Line]:
    """Poses and frames to clients that read, beside one that never does."""
    server = Running("ours")
    both = [{"subscribe": f"job:{JOB}"}, {"subscribe": f"frames:{JOB}"}]
    silent = opened(server.port, both, receive_bytes=4096)
    readers = [Reader(opened(server.port, both[:1]), keep=True) for _ in range(SILENT_CLIENTS)]
    time.sleep(_JOINED_S)
    count = int(seconds * RATE_HZ)
    server.begin(Sending(count // 4, RATE_HZ, FRAME_BYTES), SILENT_CLIENTS)  # until every buffer is full
    server.sent()
    read_all(readers, lambda one: one.messages >= count // 4, 5)
    for one in readers:
        one.seen.clear()
    before_kib, reads = _resident_kib(server), SILENT_CLIENTS
    server.begin(Sending(count, RATE_HZ, FRAME_BYTES), reads)
    read_all(readers, lambda one: len(one.seen) >= count, seconds + 5)
    sent = server.sent()
    grown_kib = _resident_kib(server) - before_kib
    silent.close()
    server.close()
    late_ms = [1000 * (at_s - sent.started_s[seq]) for one in readers for seq, at_s in one.seen]
    asked_mib = count * FRAME_BYTES / (1 << 20)
    return [
        Line(
            f"one never reads {asked_mib:.0f} MiB: the server grows by", f"{grown_kib / 1024:.2f} MiB", "", "", "flat"
        ),
        Line("the others: published to read", _delays(late_ms), "", "", ""),
    ]


def _delays(found_ms: list[float]) -> str:
    return f"p50 {share(found_ms, 0.5):.1f}, p99 {share(found_ms, 0.99):.1f} ms"


def _resident_kib(server: Running) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS:")))


def delays(seconds: float) -> list[Line]:
    """From a row to a client, on real servers."""
    with passing_stack("bench") as addresses:
        found = measure_delay(addresses, seconds, RATE_HZ)
    return [
        Line("row committed (its transaction began) to client", _delays(found.from_row_ms), "", "", ""),
        Line("the same, from the event published", _delays(found.from_event_ms), "", "", ""),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="parts with commas between them; all of them by default")
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it runs")
    options = parser.parse_args()
    quick = options.quick
    made: dict[str, Callable[[], list[Line]]] = {
        "flat": lambda: measure_flat(100 if quick else 1000, 1 if quick else 3),
        "rate": lambda: measure_rate(3 if quick else 10),
        "silent": lambda: measure_silent(4 if quick else 20),
        "delay": lambda: delays(4 if quick else 20),
    }
    lines: list[Line] = []
    for name in [name for name in options.only.split(",") if name] or list(made):
        lines += made[name]()
        print_table(lines[-2:])
    print()
    print_table(lines)


if __name__ == "__main__":
    main()
