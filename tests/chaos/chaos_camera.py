"""Cameras without content: ``python chaos_camera.py RATE_HZ WIDTH HEIGHT JOB...`` publishes noise until SIGTERM.

The product's producer in a process of its own, one thread a job. The last line is a JSON object: job -> how many
frames its run has, by the producer's own report.
"""

import json
import logging
import sys
import threading
from collections.abc import Iterator, Mapping

import cv2
import numpy as np

from consumers.book import JobBook
from consumers.kafka import KafkaBroker
from consumers.loop import stop_on_signals
from producers.service import produce
from producers.settings import ProduceSettings
from producers.sources.base import Shot
from schemas import Camera, JobObject, Pose
from schemas.codec import Codec
from tests.chaos.reading import PARTITIONS

FILMS = "cameras film"
OBJECTS = (JobObject("cup", "cup.ply"), JobObject("lid", "lid.ply"))


class NoiseSource:
    """See ``producers.sources.base.Source``: every picture follows from its number alone."""

    name = "noise"
    depth_unit_m = 0.001
    objects = OBJECTS
    frame_count = 10_000_000

    def __init__(self, rate_hz: float, width: int = 64, height: int = 48) -> None:
        self.rate_hz = rate_hz
        self.camera = Camera(width, height, 50.0, 50.0, width / 2, height / 2)

    def shots(self, start: int = 0) -> Iterator[Shot]:
        for seq in range(start, self.frame_count):
            # some of the estimator's jokes begin at 249
            coarse = np.random.default_rng(seq).integers(0, 180, (12, 16, 3), np.uint8)
            rgb = cv2.resize(coarse, (self.camera.width, self.camera.height), interpolation=cv2.INTER_LINEAR)
            depth_m = np.full(rgb.shape[:2], 0.5 + seq % 1000 / 1000, np.float32)
            yield Shot((seq - start) / self.rate_hz, rgb, depth_m)

    def truth(self, _seq: int) -> Mapping[str, Pose]:
        return {}

    def image_id(self, seq: int) -> int:
        return seq


def main() -> None:
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    rate_hz, width, height, names = float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    settings = ProduceSettings()
    book = JobBook(KafkaBroker(settings.kafka), Codec(settings.registry), PARTITIONS)
    jobs = book.jobs()
    frames: dict[str, int] = {}
    failed: list[BaseException] = []

    def play(name: str, stop: threading.Event) -> None:
        try:
            report = produce(settings, jobs[name], NoiseSource(rate_hz, width, height), stop)
            frames[name] = report.first_seq + report.frames
        except BaseException as error:
            failed.append(error)
            stop.set()
            raise

    with stop_on_signals() as stop:
        print(FILMS, flush=True)  # noqa: T201 - told to end before this it would just be killed
        threads = [threading.Thread(target=play, args=(name, stop)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failed:
        raise failed[0]
    print(json.dumps(frames))  # noqa: T201 - the answer


if __name__ == "__main__":
    main()
