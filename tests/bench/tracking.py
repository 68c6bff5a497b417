"""How long each stage of the geometric estimator takes on the recordings, and how well it tracks them.

    python tests/bench/tracking.py [DATA]      # DATA: the folder of the recordings, ../shared/data by default

One process, kernels warm; wall milliseconds, so nothing else should run on the machine.
"""

import argparse
import contextlib
import importlib.util
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from estimators.geometric import fit
from estimators.geometric import register as registration
from estimators.registry import load
from schemas import Estimates, Job, JobObject

ROOT = Path(__file__).parents[2]
STAGES = {
    "render": (fit, "look_at"),  # with the crop and its local contrast
    "texture": (fit, "_texture"),
    "align": (fit, "refine"),
    "score": (fit, "weigh"),
    "hypotheses": (registration, "guess"),
}
Times = dict[str, list[float]]


def recordings(data: Path) -> Any:
    """The reader of the golden tests, pointed at ``data``."""
    path = ROOT / "tests" / "golden" / "test_recordings.py"
    spec = importlib.util.spec_from_file_location("recordings", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["recordings"] = module
    spec.loader.exec_module(module)
    module.DATA = data
    return module


@contextlib.contextmanager
def timed_stages(times: Times) -> Iterator[None]:
    """Append the milliseconds of every call of a stage while the context is open."""

    def wrap(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            answer = function(*arguments, **named)
            times[name].append(1000 * (time.perf_counter() - started))
            return answer

        return timed

    originals = {name: getattr(module, attribute) for name, (module, attribute) in STAGES.items()}
    for name, (module, attribute) in STAGES.items():
        setattr(module, attribute, wrap(name, originals[name]))
    try:
        yield
    finally:
        for name, (module, attribute) in STAGES.items():
            setattr(module, attribute, originals[name])


def play(recording: Any, times: Times) -> list[Estimates]:
    """Registered by the first masks, then tracked one object after the other."""
    estimator = load("geometric")
    names = list(recording.meshes)
    estimator.prepare(Job("job", tuple(JobObject(name, str(recording.meshes[name])) for name in names)))
    answers: list[Estimates] = [{}]
    for name in names:
        started = time.perf_counter()
        answers[0] = {**answers[0], **estimator.register(recording.frames[0], [name])}
        times[f"register {name}"].append(1000 * (time.perf_counter() - started))
    for frame in recording.frames[1:]:
        found: dict[str, Any] = {}
        for name in names:
            started = time.perf_counter()
            found.update(estimator.track([frame], [{name: answers[-1][name]}])[0])
            times[f"track {name}"].append(1000 * (time.perf_counter() - started))
        answers.append(found)
    return answers


def table(title: str, times: Times) -> None:
    """Print quantiles of every stage."""
    print(f"{title:<24}{'calls':>7}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
    for name, values in times.items():
        low, high = np.percentile(values, [50, 95])
        print(f"  {name:<22}{len(values):>7}{low:>9.2f}{high:>9.2f}{max(values):>9.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="?", default=ROOT.parent / "shared" / "data")
    data = parser.parse_args().data
    if not data.exists():
        parser.error(f"{data}: no such folder")
    module = recordings(data)
    for name in ("desk_cube", "ycbv_0001"):
        recording, whole, stages = module.read(name), defaultdict(list), defaultdict(list)
        answers = play(recording, whole)
        with timed_stages(stages):
            play(recording, defaultdict(list))
        table(name, dict(sorted(whole.items())))
        table("  of these", {stage: stages[stage] for stage in STAGES})
        for item in recording.meshes:
            figures = module.judge(recording, answers, item)
            print(
                f"  {item}: ADD {figures.add_auc:.3f}  ADD-S {figures.add_s_auc:.3f}  "
                f"median {1000 * figures.median_m:.1f} mm {figures.median_deg:.2f} deg  lost {figures.lost}"
            )


if __name__ == "__main__":
    main()
