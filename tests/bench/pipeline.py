"""The pipeline beside baselines of the same run: transport, rows, age, hand-over, many streams, delivery.

    python tests/bench/pipeline.py [--only transport,rows,ages,handover,streams] [--quick]

One broker, registry and Postgres on this machine share its cores with all that is measured. Workers are processes with
an estimator that takes as long as it is told to, so that the figures are the pipeline's own. A table, no assertion.
"""

import argparse
from collections.abc import Callable

from consumers.kafka import KafkaBroker
from posestream.stack import Addresses, passing_stack
from schemas.codec import Codec
from schemas.topics import DEFAULT_PARTITIONS, specs
from tests.bench import transport
from tests.bench.pipeline_parts import ages, handover, rows, streams
from tests.bench.pipeline_parts.line import Line, print_table


def measure_transport(addresses: Addresses, frames: int, rounds: int) -> list[Line]:
    """Ours beside a bare poll loop that decodes the same pixels of the same bytes."""
    clip = transport.make_clip("640x480", Codec(addresses.registry))
    fps: dict[str, list[float]] = {"ours": [], "raw + decoding": []}
    for _ in range(rounds):
        for way, found in fps.items():
            found.append(transport.measure(addresses, clip, way, frames, 0)[1])
    ours, raw = (sorted(found)[len(found) // 2] for found in fps.values())
    return [Line("transport: VGA frames decoded", f"{ours:.0f} /s", f"{raw:.0f} /s", f"{ours / raw:.2f}", ">= .9")]


def parts(addresses: Addresses, options: argparse.Namespace) -> dict[str, Callable[[], list[Line]]]:
    quick = options.quick
    rounds = 1 if quick else 3
    return {
        "transport": lambda: measure_transport(addresses, 200 if quick else 600, rounds),
        "rows": lambda: rows.measure(addresses, 5_000 if quick else 40_000, rounds),
        "ages": lambda: ages.measure(addresses, 10 if quick else 40),
        "handover": lambda: handover.measure(addresses, options.session_ms),
        "streams": lambda: streams.measure(addresses, 10 if quick else 20, 300 if quick else 1000),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="parts with commas between them; all of them by default")
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it runs")
    parser.add_argument("--session-ms", type=int, default=3000, help="session time-out of the hand-overs")
    options = parser.parse_args()
    with passing_stack("bench") as addresses:
        KafkaBroker(addresses.kafka).ensure_topics(specs([], DEFAULT_PARTITIONS))
        made = parts(addresses, options)
        chosen = [name for name in options.only.split(",") if name] or list(made)
        lines: list[Line] = []
        for name in chosen:
            found = made[name]()
            lines += found
            print_table(found)
    if len(chosen) > 1:
        print()
        print_table(lines)


if __name__ == "__main__":
    main()
