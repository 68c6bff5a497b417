"""What Gen6D costs, stage by stage, beside bare forwards: ``python tests/bench/gen6d.py [--device cuda]``.

Weights are those of the golden recipe (a network costs the same with any), the object is a box of 140 drawn photos, the
frame 640 x 480. The whole takes about two minutes on an idle core. Times are medians of wall time, or, where only one
core may be used (taskset -c 0 ...), of CPU time, which others on the machine hardly change; what takes longer than two
seconds is measured once. ``around`` is a stage over a bare forward of its network on the same device in the same run:
what is above 1 is cropping, warping, copying, decoding.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from rich.console import Console

from estimators.crew import Crew
from estimators.gen6d.alone import Known, select
from estimators.gen6d.database import build
from estimators.gen6d.engine import Engine, Features
from estimators.gen6d.look_at import plain_crop
from estimators.gen6d.refiner import Views
from estimators.gen6d.steps import looks, next_pose
from estimators.gen6d.weights import load_weights
from schemas import Camera
from tests.bench.printing.table import as_table
from tests.unit.gen6d_world import around, drawn, references, weights

COLUMNS = ("device", "stage", "batch", "ms", "ms_each", "forward", "around")
CAMERA = Camera(640, 480, 600.0, 600.0, 319.5, 239.5)
K = CAMERA.K.astype(np.float32)
REFERENCES = (64, 128)
_LONG_MS = 2000.0


class Bench:
    """One device.

    Args:
        device: cpu or cuda.
        repeats: Of each measurement.
    """

    def __init__(self, device: str, repeats: int) -> None:
        self.engine = Engine(load_weights(weights()), torch.device(device), threads=0)
        self.rows: list[dict[str, Any]] = []
        self._device, self._repeats, self._crew = device, repeats, Crew(0)
        alone = device == "cpu" and torch.get_num_threads() == 1
        self._clock = time.process_time if alone else time.perf_counter
        self.pose = around(12)[4]
        self.picture, _ = drawn(self.pose, CAMERA)
        self.references = references(140)

    def time(self, call: Callable[[], object]) -> float:
        """Median of a call, milliseconds, after one that does not count."""
        repeats = 1 if self._spent(call) > _LONG_MS else self._repeats
        return statistics.median(self._spent(call) for _ in range(repeats))

    def stage(self, name: str, count: int, whole: Callable[[], object], bare: Callable[[], object]) -> None:
        """Note a stage of ``count`` objects beside the bare forward of its network."""
        with torch.inference_mode():
            forward = self.time(bare)
        ms = self.time(whole)
        row = {"device": self._device, "stage": name, "batch": count, "ms": ms, "forward": forward}
        self.rows.append(row | {"ms_each": ms / count, "around": ms / forward})

    def known(self, views: int) -> Known:
        """The box with features that are noise: they cost the same, and nothing to make."""
        database, device = build(self.references, views), self.engine.device
        made = len(database.ids)
        kernels = [torch.randn(min(32, made), 512, side, side, device=device) for side in (15, 7, 3)]
        maps = [torch.randn(5 * made, 512, side, side, device=device) for side in (16, 8, 4)]
        features = Features(tuple(kernels), tuple(maps), torch.randn(512, made, device=device))  # type: ignore[arg-type]
        return Known(self.references, database, features)

    def onboard(self) -> None:
        """References through the networks; once an object."""
        database = build(self.references, 8)
        ms = self._spent(lambda: self.engine.features(database))
        row = {"device": self._device, "stage": "features of 8 references", "batch": 8, "ms": ms, "ms_each": ms / 8}
        self.rows.append(row)

    def find(self, views: int) -> None:
        """Detection, which looks at 32 references however many there are, and selection among them."""
        known, engine = self.known(views), self.engine
        picture = engine._pictures(self.picture[None])
        if views == REFERENCES[0]:
            detect = engine._detector
            self.stage(
                "detect, 640 x 480",
                1,
                lambda: engine.detect(self.picture[None], known.features),
                lambda: detect(picture, known.features.kernels),
            )
        place = (np.array([320.0, 240.0]), 1.5)
        crop = engine._pictures(plain_crop(self.picture, place[0], 0.0, 1 / place[1], 128)[None])
        features = known.features
        self.stage(
            f"select of {views} references",
            1,
            lambda: select(engine, known, self.picture, place),
            lambda: engine._selector(crop, features.views, features.embedding),
        )

    def refine(self, count: int) -> None:
        """One step for so many poses: pictures warped, the network, the new poses."""
        known, engine = self.known(8), self.engine
        center, diameter = self.references.center, self.references.diameter

        def step(_: int) -> Any:
            return looks(self.picture, K, self.pose, self.references, known.database)

        def whole() -> None:
            seen = self._crew.each(step, range(count))
            for one, answer in zip(seen, engine.refine(seen), strict=True):
                next_pose(one.query, *answer, center, diameter)

        seen = [step(0)] * count
        query = engine._views([one.query for one in seen])
        parts = engine._views([crop for one in seen for crop in one.references])
        around_it = Views(*(part.unflatten(0, (count, -1)) for part in parts))
        self.stage(f"refine, {count} at once", count, whole, lambda: engine._refiner(query, around_it))

    def _spent(self, call: Callable[[], object]) -> float:
        started_s = self._clock()
        call()
        if self._device == "cuda":
            torch.cuda.synchronize()
        return (self._clock() - started_s) * 1e3


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows."""
    bench = Bench(options.device, options.repeats)
    bench.onboard()
    for views in REFERENCES:
        bench.find(views)
    for count in options.batch or ([1, 8, 64] if options.device == "cuda" else [1, 4]):
        bench.refine(count)
    return bench.rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, action="append", help="repeatable; default 1, 4, on CUDA 1, 8, 64")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    rows = measure(options)
    if options.json:
        print(json.dumps(rows))
        return
    Console(width=120).print(as_table(COLUMNS, rows))


if __name__ == "__main__":
    main()
