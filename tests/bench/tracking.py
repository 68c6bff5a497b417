"""The tables of the geometric tracker: how good and how fast, what each part does, and where the time goes.

    python tests/bench/tracking.py SUITE [SUITE...]              # one row a level
    python tests/bench/tracking.py SUITE [SUITE...] --ablation   # all parts, then each switched off
    python tests/bench/tracking.py SUITE --stages                # time of each function

A SUITE is a folder that ../shared/bench/tracking/generate.py wrote, or a recording; without one, the recordings of
../shared/data. One process on one thread (pin it: taskset -c 1), kernels warm, CPU time of the step alone.
"""

import argparse
import cProfile
import json
import os
import pstats
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy is imported

from estimators.geometric.parts import Parts
from posestream.evaluate import Start, evaluate, find_recordings
from posestream.figures import COLUMNS, Course, cells_of, courses_of, figures_of

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
RECORDINGS = (DATA / "desk_cube", DATA / "ycbv_0001")
STAGES = 25


def groups_of(suite: Path) -> dict[str, list[str]]:
    """Addresses of recordings by the label of their row: level and seed, or the recording's name."""
    if not (suite / "suite.json").exists():
        return {suite.resolve().name: find_recordings([str(suite)])}
    content = json.loads((suite / "suite.json").read_text())
    groups: dict[str, list[str]] = {}
    for scene in content["scenes"]:
        groups.setdefault(f"{scene['level']}, seed {content['seed']}", []).append(f"bop:{suite / scene['folder']}")
    return groups


def play(addresses: Sequence[str], start: Start, options: Mapping[str, str], title: str) -> list[Course]:
    """The courses of all objects of some recordings; says on stderr which one it is at."""
    courses: list[Course] = []
    for at, address in enumerate(addresses, 1):
        print(f"\r{title}: {at} of {len(addresses)} ", end="", file=sys.stderr, flush=True)
        courses += courses_of(evaluate(address, "geometric", start, lambda *_: None, options))
    print("\r" + " " * (len(title) + 20), end="\r", file=sys.stderr)
    return courses


def variants(options: argparse.Namespace) -> Iterator[tuple[str, dict[str, str]]]:
    """What is switched off, for each pass over the suites."""
    yield options.off or "nothing", {"off": options.off} if options.off else {}
    for part in fields(Parts) if options.ablation else ():
        yield part.name, {"off": part.name}


def tables(groups: Mapping[str, Sequence[str]], options: argparse.Namespace) -> None:
    """Print the figures as a table in Markdown, row by row as they are known."""
    print("| off | level | object | " + " | ".join(COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 3) + "|")
    for off, settings in variants(options):
        for label, addresses in groups.items():
            courses = play(addresses, Start(options.init), settings, f"{label}, off: {off}")
            for course in courses if options.objects else ():
                row(off, label, Path(course.recording).name.partition("?")[0], course)
            row(off, label, "all", *courses)


def row(off: str, label: str, name: str, *courses: Course) -> None:
    print(f"| {off} | {label} | {name} | " + " | ".join(cells_of(figures_of(*courses))) + " |", flush=True)


def stages(groups: Mapping[str, Sequence[str]], options: argparse.Namespace) -> None:
    """Print the estimator's functions by their time; kernels and OpenCV count for the function that calls them."""
    profile, frames = cProfile.Profile(builtins=False), 0
    for label, addresses in groups.items():
        for address in addresses:
            evaluate(f"{address}?every=50", "geometric", Start(options.init), lambda *_: None)  # kernels warm
            profile.enable()
            courses = play([address], Start(options.init), {}, label)
            profile.disable()
            frames += sum(len(course.score) for course in courses)
    print(
        f"{'function':<44}{'calls/frame':>12}{'own ms':>9}{'with callees':>14}   (a frame and object; profiled: slower)"
    )
    found = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    rows = [
        (f"{Path(path).stem}.{name}", calls, own_s, whole_s)
        for (path, _, name), (_, calls, own_s, whole_s, _) in found.items()
        if "estimators" in Path(path).parts and Path(path).stem != "metrics"
    ]
    for name, calls, own_s, whole_s in sorted(rows, key=lambda one: -one[2])[:STAGES]:
        print(f"{name:<44}{calls / frames:>12.2f}{1000 * own_s / frames:>9.3f}{1000 * whole_s / frames:>14.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suites", type=Path, nargs="*", default=RECORDINGS)
    parser.add_argument("--init", choices=list(Start), default="truth", help="where the first pose comes from")
    parser.add_argument("--off", default="", help="parts to switch off, such as recovery,texture")
    parser.add_argument("--objects", action="store_true", help="a row for every object too")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--ablation", action="store_true", help="once with all parts and once for each part off")
    what.add_argument("--stages", action="store_true", help="time of each function instead")
    options = parser.parse_args()
    for suite in options.suites:
        if not suite.is_dir():
            parser.error(f"{suite}: no such folder")
    groups = {label: addresses for suite in options.suites for label, addresses in groups_of(suite).items()}
    if options.stages:
        stages(groups, options)
    else:
        tables(groups, options)


if __name__ == "__main__":
    main()
