"""What a replay's job is, and what is said about one that cannot be meant."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from consumers.book import JobBook, JobExists, NoSuchJob
from consumers.memory import MemoryBroker
from posestream.cli import app
from posestream.replay import BadReplay, Changes, target
from schemas import Job, JobObject, Mode
from schemas.codec import Codec
from schemas.topics import specs

ORIGIN = Job(
    "bench", (JobObject("mug", "/meshes/mug.ply"),), estimator="geometric", options={"off": "turns"}, priority=3
)


@pytest.fixture
def book() -> JobBook:
    broker = MemoryBroker()
    broker.ensure_topics(specs(["default"], 2))
    return JobBook(broker, Codec("mock://replay"), 2)


def test_a_new_job_is_like_the_old_one_but_for_what_was_asked(book: JobBook) -> None:
    book.create(ORIGIN)
    made = target(book, ORIGIN, Changes("again", mode=Mode.LIVE))
    assert (made.id, made.mode, made.estimator, dict(made.options), made.priority) == (
        "again",
        Mode.LIVE,
        "geometric",
        {"off": "turns"},
        3,
    )
    assert made.partition == 1  # the one with fewer jobs
    assert book.job("again").objects[0].model_uri == "/meshes/mug.ply"


def test_options_of_another_estimator_are_left_behind() -> None:
    assert dict(Changes("again", "foundationpose").of(ORIGIN).options) == {}
    assert dict(Changes("again", "geometric").of(ORIGIN).options) == {"off": "turns"}
    assert dict(Changes("again", "foundationpose", options={"loss": "on"}).of(ORIGIN).options) == {"loss": "on"}


def test_the_same_replay_goes_on_and_another_is_refused(book: JobBook) -> None:
    first = target(book, ORIGIN, Changes("again"))
    assert target(book, ORIGIN, Changes("again")).partition == first.partition
    with pytest.raises(JobExists, match="job again: exists already and differs"):
        target(book, ORIGIN, Changes("again", "foundationpose"))
    with pytest.raises(JobExists, match="job again: exists already and differs"):
        target(book, replace(ORIGIN, objects=()), Changes("again"))


def test_a_job_is_not_changed_by_its_replay(book: JobBook) -> None:
    book.create(ORIGIN)
    assert target(book, ORIGIN, Changes()).id == "bench"
    with pytest.raises(BadReplay, match="expected --as NEWJOB"):
        target(book, ORIGIN, Changes(estimator="foundationpose"))


def test_a_recording_from_elsewhere_needs_a_new_name(book: JobBook) -> None:
    with pytest.raises(NoSuchJob, match="job bench"):
        target(book, ORIGIN, Changes())


@pytest.mark.parametrize("speed", ["0", "-1", "fast", "inf", "nan"])
def test_a_speed_that_is_none_is_said(speed: str) -> None:
    result = CliRunner().invoke(app, ["replay", "bench", "--speed", speed])
    assert result.exit_code == 2
    assert "expected a number above 0 or max" in result.output


def test_the_version_goes_with_its_estimator_and_may_be_in_another_pool() -> None:
    pinned = replace(ORIGIN, estimator_version="3")
    assert Changes("again").of(pinned).estimator_version == "3"
    assert Changes("again", "foundationpose").of(pinned).estimator_version == ""
    other = Changes("again", version="4", pool="newer").of(pinned)
    assert (other.estimator_version, other.pool) == ("4", "newer")
