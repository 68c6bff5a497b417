"""A running installation that faults strike: cameras, workers in both modes of delivery, and a sink."""

import json
import random
import signal
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from consumers.book import JobBook
from consumers.kafka import KafkaBroker
from schemas import Job, Mode
from schemas.codec import Codec
from schemas.topics import dlq_topic, frames_topic, specs
from tests.chaos.chain import uninterrupted
from tests.chaos.chaos_camera import FILMS, OBJECTS
from tests.chaos.checker import Anomaly, Expected, check
from tests.chaos.crew import ROOT, Member, of_librdkafka
from tests.chaos.log import Log
from tests.chaos.reading import PARTITIONS, Topics, count_rows, read_tables
from tests.chaos.servers import Servers
from tests.chaos.verdict import Form, Struck, Verdict

if TYPE_CHECKING:
    from confluent_kafka import Message

WORKER = str(ROOT / "tests" / "integration" / "consumers_fake_worker.py")
CAMERA = str(ROOT / "tests" / "chaos" / "chaos_camera.py")
SESSION_S = 2.0
_SETTLE_S = 90.0
_POLL_S = 0.05


@dataclass(slots=True)
class Lane:
    """A pool with one mode of delivery: its jobs and its workers."""

    delivery: str
    pool: str
    jobs: list[Job] = field(default_factory=list[Job])
    workers: list[Member] = field(default_factory=list[Member])


class World:
    """Everything of one run; closed at its end.

    Args:
        servers: That run already.
        folder: For logs.
        form: Seed and length.
        run: The name of the run.
        kafka: Where workers find the broker; as the servers say if empty.
    """

    def __init__(self, servers: Servers, folder: Path, form: Form, run: str, kafka: str = "") -> None:
        self.servers, self.form, self.verdict = servers, form, Verdict(run, form.seed, form.long)
        self.rng = random.Random(f"{run} {form.seed}")
        self.addresses = servers.addresses
        self.codec = Codec(self.addresses.registry)
        self.lanes: list[Lane] = []
        self._folder = folder
        self._kafka = kafka or self.addresses.kafka
        self._environment = self.addresses.as_environment() | {"POSESTREAM_LOG": "info"}
        self._members: list[Member] = []
        self._made = 0
        self._topics: Topics | None = None
        self.sink = self._member("sink", ["-m", "posestream", "sink", "--port", "0"], {})
        self.camera: Member | None = None
        self._frames: dict[str, int] = {}
        self.letters: list[Message] = []

    def lane(self, delivery: str, jobs: int = 2, mode: Mode = Mode.ALL) -> Lane:
        """A pool and its jobs, without workers."""
        made = Lane(delivery, f"p{uuid.uuid4().hex[:8]}")
        KafkaBroker(self.addresses.kafka).ensure_topics(specs([made.pool], PARTITIONS))
        made.jobs += [self.job(f"{made.pool}-{number}", made.pool, mode) for number in range(jobs)]
        self.lanes.append(made)
        return made

    def job(self, name: str, pool: str, mode: Mode = Mode.ALL) -> Job:
        """A new job of the estimator whose poses depend on every frame."""
        book = JobBook(KafkaBroker(self.addresses.kafka), self.codec, PARTITIONS)
        return book.create(Job(name, OBJECTS, pool=pool, mode=mode, estimator="chain"))

    def worker(self, lane: Lane, call_s: float = 0.002, **settings: object) -> Member:
        """One more worker of a lane."""
        given = {"KAFKA": self._kafka, "POOL": lane.pool, "DELIVERY": lane.delivery, "THREADS": 1}
        given |= {"SESSION_TIMEOUT_MS": int(SESSION_S * 1000)} | {name.upper(): one for name, one in settings.items()}
        environment = {f"POSESTREAM_{name}": str(value) for name, value in given.items()}
        name = f"worker-{lane.delivery}-{self._made}"  # a log of its own, also after others are gone
        lane.workers.append(self._member(name, [WORKER, str(call_s)], environment))
        return lane.workers[-1]

    def film(self, rate_hz: float, width: int = 64, height: int = 48) -> None:
        """Start the cameras of all jobs, of so many pixels."""
        names = [job.id for lane in self.lanes for job in lane.jobs]
        self.camera = self._member("camera", [CAMERA, str(rate_hz), str(width), str(height), *names], {})

    def discard(self, lane: Lane, worker: Member) -> None:
        """A worker that is gone and is not to come back."""
        lane.workers.remove(worker)
        self._members.remove(worker)
        worker.close()

    def tend(self) -> None:
        """Start again what ended, and read what is new in the topics."""
        self.revive()
        if self._topics is None:
            self._topics = self._reader()
        self._topics.read(_POLL_S)

    def revive(self) -> None:
        """Start again what ended."""
        for member in self._members:
            if reason := member.again():
                (self.verdict.crashed if of_librdkafka(reason) else self.verdict.died).append(reason)

    def seen(self, job: Job) -> Log:
        """What readers have seen of a job so far."""
        assert self._topics
        return self._topics.log(job.id)

    def answered(self, job: Job) -> int:
        """How many frames of a job readers have seen an answer to."""
        return len({event.seq for event in self.seen(job).events})

    def until(self, done: Callable[[], bool], what: str, limit_s: float = _SETTLE_S) -> None:
        """Tend until something holds."""
        deadline_s = time.monotonic() + limit_s
        while not done():
            self.tend()
            assert time.monotonic() < deadline_s, f"{what}: not within {limit_s:.0f} s; {self._state()}"

    def hold(self, seconds: float) -> None:
        """Tend for so long."""
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            self.tend()

    def progress(self, frames: int, jobs: list[Job] | None = None) -> None:
        """Tend until each job has so many more answers."""
        self.tend()
        wanted = {j.id: self.answered(j) + frames for j in jobs or [j for lane in self.lanes for j in lane.jobs]}
        known = {job.id: job for lane in self.lanes for job in lane.jobs}
        self.until(lambda: all(self.answered(known[name]) >= count for name, count in wanted.items()), "progress")

    def struck(self, name: str, at_s: float) -> None:
        """Note a fault that is healed now."""
        self.verdict.faults.append(Struck(name, at_s, self.verdict.now_s()))

    def stop_cameras(self) -> dict[str, int]:
        """End them; how many frames each job has by its producer's word."""
        camera = self.camera
        assert camera
        self.until(lambda: camera.said(FILMS), "cameras that can be told to end")  # one may have been killed just now
        assert camera.leave() == 0, camera.tail()
        self._members.remove(camera)
        return json.loads(camera.log.read_text().splitlines()[-1])

    def settle(self, frames: dict[str, int] | None = None, refused: int = 0) -> None:
        """Wait until every frame is answered and stored, or for a time.

        Args:
            frames: Of each job; None ends the cameras and asks them.
            refused: So many of each job get no answer.
        """
        self._frames = self.stop_cameras() if frames is None else frames
        self.verdict.figures["frames"] = dict(self._frames)
        self.verdict.figures["filmed_until_s"] = self.verdict.now_s()
        deadline_s = time.monotonic() + _SETTLE_S
        while not self._settled(refused) and time.monotonic() < deadline_s:
            self.tend()
        self.verdict.figures["settled_at_s"] = self.verdict.now_s()

    def judge(self, refused: frozenset[int] = frozenset()) -> None:
        """Check all jobs, write the verdict, and fail if it is not good.

        Args:
            refused: Frames that must have no answer.
        """
        assert self._topics
        self._topics.read_all()
        reread = self._reader(whole=True)
        reread.read_all()
        for lane in self.lanes:
            for job in lane.jobs:
                self.verdict.anomalies[job.id] = self._check(lane, job, reread, refused)
        self.letters = reread.letters
        self.verdict.figures["events"] = {j.id: len(reread.log(j.id).events) for lane in self.lanes for j in lane.jobs}
        reread.close()
        assert self.verdict.good, f"see {self.verdict.write()}: {self.verdict.died} {self.verdict.anomalies}"

    def close(self) -> None:
        """End all processes; a run that failed early leaves its verdict too."""
        self.verdict.write()
        for member in self._members:
            member.close()
        if self._topics:
            self._topics.close()

    def _member(self, name: str, command: list[str], environment: dict[str, str]) -> Member:
        self._made += 1
        self._members.append(Member(name, command, self._environment | environment, self._folder))
        return self._members[-1]

    def _reader(self, *, whole: bool = False) -> Topics:
        frames = [frames_topic(lane.pool) for lane in self.lanes]
        letters = [dlq_topic(topic) for topic in frames]
        names = ["poses", "status", *letters, *([*frames, "tracks"] if whole else [])]
        return Topics(self.addresses.kafka, self.addresses.registry, names, keep_frames=whole)

    def _settled(self, refused: int) -> bool:
        lanes = [(lane, job) for lane in self.lanes for job in lane.jobs]
        if any(self.answered(job) < self._frames[job.id] - refused for lane, job in lanes if job.mode is Mode.ALL):
            return False
        return all(count_rows(self.addresses.database, job.id) >= self.answered(job) for _, job in lanes)

    def _check(self, lane: Lane, job: Job, topics: Topics, refused: frozenset[int]) -> list[Anomaly]:
        log = topics.log(job.id)
        read_tables(self.addresses.database, job.id, log)
        run = log.sent[0].run if log.sent else ""
        poses = (
            uninterrupted(self.codec, job.id, {one.seq for one in log.sent} - refused, topics)
            if job.mode is Mode.ALL
            else {}
        )
        expected = Expected(
            run,
            self._frames[job.id],
            frozenset(item.object_id for item in OBJECTS),
            exactly_once=lane.delivery == "exactly_once",
            all_frames=job.mode is Mode.ALL,
            poses=poses,
            refused=refused,
        )
        return check(log, expected) + self._aborted(job, log)

    def _aborted(self, job: Job, log: Log) -> list[Anomaly]:
        """What a reader saw during the faults and what lies there after them is the same."""
        assert self._topics
        seen = {(one.offset, one.seq) for one in self._topics.log(job.id).events}
        there = {(one.offset, one.seq) for one in log.events}
        return [Anomaly("lost", f"poses topic: seen once and gone: {sorted(seen - there)}")] if seen - there else []

    def _state(self) -> str:
        for worker in [worker for lane in self.lanes for worker in lane.workers if worker.alive()]:
            worker.process.send_signal(signal.SIGUSR1)  # its stack into its log
        time.sleep(0.5)
        answers = {job.id: self.answered(job) for lane in self.lanes for job in lane.jobs}
        tails = "\n".join(f"--- {member.name}: {member.tail()}" for member in self._members)
        return f"answers {answers}, died {self.verdict.died}\n{tails}"
