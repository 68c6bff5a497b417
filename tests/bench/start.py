"""How long the geometric estimator takes from the start of its process to the first answer.

    python tests/bench/start.py [--source bop:DIR] [--rounds 5] [--cold]

Each round is a process of its own that imports the estimator, loads kernels and mesh, registers the source's objects in
its first frame and tracks them once. What was compiled and made ready before is read back; with --cold the caches
are empty folders, as at the very first use.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
CUBE = ROOT.parent / "shared" / "data" / "desk_cube"
STEPS = ("python", "import", "kernels and mesh", "register", "track")


def child(started_s: float, source_text: str) -> None:
    """One start; prints the seconds of its steps as JSON."""
    at = [started_s, time.time()]
    from estimators.registry import load
    from schemas import Frame, Job

    estimator = load("geometric")
    at.append(time.time())
    from producers.sources.open import open_source

    source = open_source(source_text)
    shot = next(source.shots())
    job = Job("start", source.objects)
    frame = Frame("start", "run", 0, 0, shot.camera or source.camera, shot.rgb, shot.depth_m, shot.masks)
    reading_s = time.time() - at[-1]  # not the estimator's
    estimator.prepare(job)
    at.append(time.time() - reading_s)
    found = estimator.register(frame, sorted(shot.masks or {}))
    at.append(time.time() - reading_s)
    estimator.track([frame], [found])
    at.append(time.time() - reading_s)
    print(json.dumps([after - before for before, after in itertools.pairwise(at)]))


def start(source: str, folder: str | None) -> list[float]:
    """Seconds of the steps of one start; with its caches in ``folder``."""
    own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    if folder is not None:
        own |= {"NUMBA_CACHE_DIR": f"{folder}/numba", "POSESTREAM_CACHE": f"{folder}/posestream"}
    command = [sys.executable, __file__, "--source", source, "--child"]
    done = subprocess.run([*command, repr(time.time())], env=os.environ | own, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=f"bop:{CUBE}" if CUBE.exists() else "synthetic:")
    parser.add_argument("--rounds", type=int, default=5, help="the median counts")
    parser.add_argument("--cold", action="store_true", help="nothing compiled, nothing made ready")
    parser.add_argument("--child", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child is not None:
        child(options.child, options.source)
        return
    with tempfile.TemporaryDirectory() as folder:
        if not options.cold:
            start(options.source, None)  # compiles and makes ready
        rounds = [start(options.source, f"{folder}/{k}" if options.cold else None) for k in range(options.rounds)]
    rounds = [[*steps, sum(steps[1:3]), sum(steps)] for steps in rounds]
    print(f"{options.source}, {options.rounds} starts, {'empty caches' if options.cold else 'caches filled'}; wall s")
    print(f"{'':<28}{'median':>8}{'worst':>8}")
    names = (*STEPS, "import + kernels and mesh", "all, to the first track")
    for name, values in zip(names, zip(*rounds, strict=True), strict=True):
        print(f"{name:<28}{statistics.median(values):>8.2f}{max(values):>8.2f}")


if __name__ == "__main__":
    main()
