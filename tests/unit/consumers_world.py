"""Topics in memory, a clock that the test moves, and workers whose rounds it drives."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry

from consumers.broker import Partition
from consumers.loop import Loop, LoopSettings
from consumers.memory import MemoryBroker
from consumers.memory_group import MemoryConsumer
from consumers.metrics import WorkerMetrics
from consumers.pose import PoseHandler
from consumers.settings import WorkerSettings
from schemas import (
    Camera,
    Frame,
    Job,
    JobObject,
    Mode,
    PoseEvent,
    StatusEvent,
    StatusKind,
)
from schemas.codec import Codec
from schemas.topics import JOBS, POSES, STATUS, frames_topic, specs
from tests.integration.consumers_fake_worker import ChainEstimator

FRAMES = frames_topic("default")
CAMERA = Camera(16, 12, 10.0, 10.0, 8.0, 6.0)
GROUP = "workers.default"


def frame(job_id: str, seq: int, run_id: str = "run", value: int | None = None, mask_px: int = 0) -> Frame:
    """A frame whose colour is its seq unless said otherwise."""
    rgb = np.full((12, 16, 3), seq % 200 if value is None else value, np.uint8)
    mask = np.zeros((12, 16), np.bool_)
    mask.flat[:mask_px] = True
    return Frame(job_id, run_id, seq, seq * 1000, CAMERA, rgb, masks={"cube": mask} if mask_px else None)


class AtOnce(Executor):
    """Makes each call where it is asked for: the answer is there in the same round."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the caller takes it from the future
            future.set_exception(error)
        return future


class Worker:
    """A worker whose rounds the test drives.

    Args:
        world: Its topics.
        estimators: Those that jobs may ask for; a ``ChainEstimator`` for any name if None.
        beside: Whether calls run on threads of their own, as in a real worker.
        settings: Of the worker.
    """

    def __init__(
        self, world: "World", estimators: Mapping[str, Any] | None = None, *, beside: bool = False, **settings: Any
    ) -> None:
        self.estimator = ChainEstimator()
        self.metrics = WorkerMetrics(CollectorRegistry())
        options = {"flush_s": 1e-6, "track_s": 1e-6, "gap_wait_s": 0.0, "job_wait_s": 0.0} | settings
        self.settings = WorkerSettings(**options)
        self.handler = PoseHandler(
            world.broker,
            world.codec,
            self.settings,
            self.metrics,
            (lambda _: self.estimator) if estimators is None else estimators.__getitem__,
            clock=lambda: world.now_s,
            now_ns=lambda: int(world.now_s * 1e9),
            executor=None if beside else AtOnce(),
        )
        loop = LoopSettings(GROUP, (FRAMES,), poll_s=0.0, flush_interval_s=self.settings.flush_s)
        self.loop = Loop(world.broker, self.handler, loop, clock=lambda: world.now_s)
        self.loop.join()
        self._world = world

    def until(self, done: Callable[[], bool]) -> None:
        """Rounds until something is so; 20 s at most."""
        deadline_s = time.monotonic() + 20
        while not done():
            assert time.monotonic() < deadline_s, "it did not come about"
            self.rounds(1)

    def rounds(self, count: int) -> None:
        for _ in range(count):
            self._world.now_s += 0.01
            self.loop.step()

    def crash(self) -> None:
        """Vanish as kill -9 would: no flush, no commit; the group counts it out."""
        assert isinstance(self.loop._consumer, MemoryConsumer)
        self.loop._consumer.expel()


class World:
    """Topics, a codec and a clock."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.broker = MemoryBroker(clock=lambda: self.now_s)
        self.broker.ensure_topics(specs(["default"], partitions=2))
        self.codec = Codec("mock://consumers")
        self._producer = self.broker.producer()

    def put(self, topic: str, number: int, key: str, value: Any) -> None:
        data = value if value is None or isinstance(value, bytes) else self.codec.encode(topic, value)
        self._producer.send(Partition(topic, number), key.encode(), data, (("traceparent", b"00-aa-bb-01"),))

    def job(self, job_id: str = "a", number: int = 0, mode: Mode = Mode.ALL, **fields: Any) -> Job:
        same = {"objects": (JobObject("cube", "cube.ply"),), "estimator": "chain"}
        job = Job(job_id, mode=mode, partition=number, **(same | fields))
        self.put(JOBS, number, job_id, job)
        return job

    def frames(self, *frames: Frame, number: int = 0) -> None:
        for item in frames:
            self.put(FRAMES, number, item.job_id, item)

    def read(self, topic: str, kind: type, number: int = 0) -> list[Any]:
        records = self.broker.records(Partition(topic, number))
        return [self.codec.decode(record.value, kind) for record in records if record.value is not None]

    def events(self, number: int = 0) -> list[PoseEvent]:
        return self.read(POSES, PoseEvent, number)

    def seqs(self, number: int = 0) -> list[int]:
        return [event.seq for event in self.events(number)]

    def statuses(self, kind: StatusKind, number: int = 0) -> list[StatusEvent]:
        return [status for status in self.read(STATUS, StatusEvent, number) if status.kind is kind]

    def committed(self, number: int = 0) -> int | None:
        position = self.broker.groups[GROUP].committed.get(Partition(FRAMES, number))
        return position.offset if position else None


def poses(events: list[PoseEvent], name: str = "cube") -> list[list[float]]:
    found = [event.estimates[name].cam_from_obj for event in events]
    return [pose.translation_m.tolist() for pose in found if pose is not None]


def uninterrupted(frames: list[Frame], **job: Any) -> list[PoseEvent]:
    world = World()
    world.job(**job)
    world.frames(*frames)
    Worker(world).rounds(len(frames) + 3)
    return world.events()
