"""Jobs that are slow, and the others of the same worker: calls of estimators run beside the loop."""

from collections.abc import Iterator, Sequence
from threading import Event

import pytest

from consumers.broker import Partition
from schemas import BadJob, Estimates, Frame, Job, Mode, SeqRange, StatusKind
from schemas.topics import JOBS
from tests.integration.consumers_fake_worker import ChainEstimator
from tests.unit.consumers_world import FRAMES, Worker, World, frame, poses, uninterrupted


class Waiting(ChainEstimator):
    """Does not answer about the job ``slow`` before it is told to."""

    def __init__(self, *, side_by_side: bool) -> None:
        super().__init__()
        self.side_by_side = side_by_side
        self.asked, self.go_on = Event(), Event()

    def register(self, frame: Frame, objects: Sequence[str]) -> Estimates:
        self._wait(frame)
        return super().register(frame, objects)

    def track(self, frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
        for item in frames:
            self._wait(item)
        return super().track(frames, priors)

    def prepare(self, job: Job) -> dict[str, str]:
        if "unloadable" in job.options:
            raise BadJob("no such thing")
        return dict(super().prepare(job))

    def _wait(self, frame: Frame) -> None:
        if frame.job_id == "slow":
            self.asked.set()
            assert self.go_on.wait(20)


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    made = Waiting(side_by_side=True)
    yield made
    made.go_on.set()


def seqs(world: World, job_id: str, number: int) -> list[int]:
    return [event.seq for event in world.events(number) if event.job_id == job_id]


def test_a_job_whose_call_does_not_end_holds_up_nobody(world: World, waiting: Waiting) -> None:
    world.job("slow", 0)
    world.job("quick", 1)
    worker = Worker(world, {"chain": waiting}, beside=True)
    world.frames(*[frame("slow", seq) for seq in range(3)])
    worker.until(waiting.asked.is_set)
    for seq in range(20):
        world.frames(frame("quick", seq), number=1)
    worker.until(lambda: seqs(world, "quick", 1) == list(range(20)) and world.committed(1) == 20)
    assert (seqs(world, "slow", 0), world.committed(0)) == ([], 0)
    waiting.go_on.set()
    worker.until(lambda: world.committed(0) == 3)
    assert seqs(world, "slow", 0) == [0, 1, 2]
    assert poses(world.events(0)) == poses(uninterrupted([frame("a", seq) for seq in range(3)]))


def test_a_live_job_that_is_stuck_leaves_its_partition_to_the_others_and_goes_on_with_the_newest(
    world: World, waiting: Waiting
) -> None:
    world.job("slow", 0, Mode.LIVE)
    world.job("quick", 0)
    worker = Worker(world, {"chain": waiting}, beside=True, queue_frames=8)
    world.frames(frame("slow", 0))
    worker.until(waiting.asked.is_set)
    for seq in range(40):
        world.frames(frame("slow", seq + 1), frame("quick", seq))
    worker.until(lambda: seqs(world, "quick", 0) == list(range(40)))
    assert world.committed(0) == 0
    waiting.go_on.set()
    worker.until(lambda: world.committed(0) == 81)
    assert [(one.seq, one.skipped) for one in world.events(0) if one.job_id == "slow"] == [
        (0, None),
        (40, SeqRange(1, 39)),
    ]
    assert world.statuses(StatusKind.SKIPPED) == []


def test_a_frame_that_came_during_the_call_before_does_not_wait_for_another_to_come(
    world: World, waiting: Waiting
) -> None:
    world.job("slow", 0)
    worker = Worker(world, {"chain": waiting}, beside=True)
    world.frames(frame("slow", 0))
    worker.until(waiting.asked.is_set)
    world.frames(frame("slow", 1))
    worker.rounds(2)
    waiting.go_on.set()
    while not world.events(0):
        outcome = worker.handler.handle([])
    assert outcome.busy
    worker.until(lambda: seqs(world, "slow", 0) == [0, 1])


def test_an_estimator_that_takes_one_call_at_a_time_holds_up_no_other_estimator(world: World) -> None:
    network, chain = Waiting(side_by_side=False), Waiting(side_by_side=True)
    world.job("slow", 0, estimator="network")
    world.job("quick", 1)
    worker = Worker(world, {"network": network, "chain": chain}, beside=True)
    world.frames(frame("slow", 0))
    worker.until(network.asked.is_set)
    world.frames(*[frame("quick", seq) for seq in range(5)], number=1)
    worker.until(lambda: seqs(world, "quick", 1) == list(range(5)))
    network.go_on.set()
    worker.until(lambda: seqs(world, "slow", 0) == [0])


def test_a_job_that_cannot_be_prepared_fails_and_the_others_go_on(world: World, waiting: Waiting) -> None:
    world.job("broken", 0, options={"unloadable": "yes"})
    world.job("quick", 1)
    worker = Worker(world, {"chain": waiting}, beside=True)
    world.frames(frame("broken", 0))
    world.frames(frame("quick", 0), number=1)
    worker.until(lambda: seqs(world, "quick", 1) == [0] and world.committed(0) == 1)
    assert [status.reason for status in world.statuses(StatusKind.JOB)] == ["no such thing"]


class Loadable(dict[str, Waiting]):
    """Estimators by name; others have no weights that can be loaded."""

    def __missing__(self, name: str) -> Waiting:
        raise BadJob(f"{name}: weights of another network")


def test_an_estimator_that_cannot_be_loaded_fails_its_jobs_and_the_others_go_on(world: World, waiting: Waiting) -> None:
    world.job("broken", 0, estimator="network")
    world.job("quick", 1)
    worker = Worker(world, Loadable(chain=waiting), beside=True)
    world.frames(*[frame("broken", seq) for seq in range(2)])
    world.frames(*[frame("quick", seq) for seq in range(2)], number=1)
    worker.until(lambda: seqs(world, "quick", 1) == [0, 1] and world.committed(0) == 2)
    assert [status.reason for status in world.statuses(StatusKind.JOB)] == ["network: weights of another network"]
    assert world.events(0) == []


def test_the_answer_to_a_stream_that_was_taken_away_meanwhile_is_not_sent(world: World, waiting: Waiting) -> None:
    world.job("slow", 0)
    worker = Worker(world, {"chain": waiting}, beside=True)
    world.frames(frame("slow", 0))
    worker.until(waiting.asked.is_set)
    worker.loop.lost([Partition(FRAMES, 0)])
    waiting.go_on.set()
    worker.until(lambda: "slow" not in waiting.prepared)  # its job is released once the call is over
    assert world.events(0) == []


def test_a_job_that_changes_while_it_is_worked_on_is_asked_anew(world: World, waiting: Waiting) -> None:
    world.job("slow", 0)
    worker = Worker(world, {"chain": waiting}, beside=True)
    world.frames(frame("slow", 0))
    worker.until(waiting.asked.is_set)
    changed = world.job("slow", 0, priority=7)
    worker.rounds(3)
    waiting.go_on.set()
    worker.until(lambda: seqs(world, "slow", 0) == [0])
    assert waiting.prepared["slow"].priority == changed.priority
    assert [call for call, _ in waiting.calls] == ["register", "register"]


def test_a_job_that_is_removed_while_it_is_worked_on_gets_no_answer(world: World, waiting: Waiting) -> None:
    world.job("slow", 0)
    worker = Worker(world, {"chain": waiting}, beside=True)
    world.frames(frame("slow", 0))
    worker.until(waiting.asked.is_set)
    world.put(JOBS, 0, "slow", None)
    worker.until(lambda: len(world.statuses(StatusKind.SKIPPED)) == 1)
    waiting.go_on.set()
    worker.until(lambda: "slow" not in waiting.prepared)
    assert world.events(0) == []
    assert world.committed(0) == 1
