"""Calls side by side."""

import os
import threading
from pathlib import Path

import pytest

from estimators.crew import Crew, usable_cores
from estimators.geometric import GeometricEstimator
from estimators.mesh import load_mesh
from schemas import Estimates, Job, JobObject
from tests.unit.estimators_scene import Studio, pose, write_box


@pytest.mark.parametrize("threads", [1, 3])
def test_answers_come_in_the_order_of_the_items_and_an_error_is_raised(threads: int) -> None:
    crew = Crew(threads)
    assert crew.each(lambda x: x * x, range(20)) == [x * x for x in range(20)]
    assert crew.each(lambda x: x, []) == []
    with pytest.raises(ZeroDivisionError):
        crew.each(lambda x: 1 / x, [1, 0, 2])
    crew.close()


def test_calls_run_at_the_same_time() -> None:
    both = threading.Barrier(2)
    crew = Crew(2)
    assert sorted(crew.each(lambda _: both.wait(10), range(2))) == [0, 1]  # each waits for the other
    crew.close()


def test_a_crew_is_as_large_as_the_cores_that_may_be_used() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert Crew(0).threads == usable_cores()


def test_any_number_of_threads_gives_the_very_same_poses(tmp_path: Path) -> None:
    files = {
        "cube": write_box(tmp_path / "cube.obj", (0.1, 0.1, 0.1), 1),
        "carton": write_box(tmp_path / "carton.obj", (0.06, 0.1, 0.14), 2),
    }
    studio = Studio({name: load_mesh(path) for name, path in files.items()})
    job = Job("job", tuple(JobObject(name, str(path)) for name, path in files.items()))

    def walk(seq: int) -> dict[str, object]:
        return {"cube": pose((20 + seq, 30, 0), -0.1 + 0.004 * seq), "carton": pose((-20, 40 + seq, 10), 0.1)}

    def played(threads: int) -> list[Estimates]:
        estimator = GeometricEstimator(threads=threads)
        estimator.prepare(job)
        answers = [estimator.register(studio.frame(0, walk(0), masks=True), list(files))]
        streams = [answers[0], answers[0]]
        for seq in range(1, 5):
            hand = pose((0, 0, 0), 0.1, 0.0, 0.45)  # one of them is looked for elsewhere
            frames = [studio.frame(seq, walk(seq)), studio.frame(seq + 1, walk(seq + 1), hand=hand)]
            streams = estimator.track(frames, streams)
            answers += streams
        return answers

    alone = played(1)
    for threads in (2, 5):
        for one, other in zip(alone, played(threads), strict=True):
            assert list(one) == list(other)
            for name in one:
                assert one[name].cam_from_obj is not None
                assert other[name].cam_from_obj is not None
                assert one[name].cam_from_obj.matrix().tobytes() == other[name].cam_from_obj.matrix().tobytes()
                assert (one[name].score, one[name].memory) == (other[name].score, other[name].memory)
