"""Frames of a job as pictures: the right one, no larger than asked for, for those who may read the job."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from consumers.broker import Partition
from posestream.stack import Addresses
from schemas import Camera, Estimate, Frame, Pose, PoseEvent, State
from schemas.images import FrameEncoding
from schemas.records.results import event_to
from sink.rows import RecordPlace, event_rows
from sink.store import Batch, JobChange, Store
from tests.integration.api_world import ApiWorld, database

pytestmark = pytest.mark.integration

CAMERA = Camera(64, 48, 50.0, 50.0, 32.0, 24.0)
COUNT = 6


def grey(seq: int) -> int:
    return 20 + 30 * seq


@pytest.fixture(scope="module")
def world(stack: Addresses) -> Iterator[ApiWorld]:
    with database(stack) as engine:
        made = ApiWorld(engine)
        job = made.book.job("a")
        producer, place = made.broker.producer(), Partition("frames.default", job.partition)
        for seq in range(COUNT):
            for job_id in ("b", "a"):  # a neighbour on the same partition
                rgb = np.full((48, 64, 3), grey(seq) if job_id == "a" else 0, np.uint8)
                frame = Frame(job_id, "r/1", seq, 1_000_000_000 * seq, CAMERA, rgb)
                producer.send(place, job_id.encode(), made.codec.encode(place.topic, frame, FrameEncoding("png")))
        producer.flush(1)
        events = [event(made, place, seq) for seq in range(COUNT)]
        Store(engine).write(
            Batch(
                jobs=[JobChange("a", job, RecordPlace("id", "jobs", 0, 0))],
                events=[event_rows(event_to(one)) for one in events],
            )
        )
        yield made


def event(world: ApiWorld, place: Partition, seq: int) -> PoseEvent:
    published_ns = world.broker.records(place)[2 * seq + 1].timestamp_ms * 1_000_000
    seen = Estimate(Pose(np.eye(3), np.array([0.0, 0, 1])), 0.5, State.TRACKED)
    told = (1_000_000_000 * seq, published_ns, seq + 1)
    return PoseEvent("a", "r/1", seq, *told, "geometric", "1", "", {"cube": seen})


def picture(world: ApiWorld, query: str, who: str = "ann") -> tuple[int, np.ndarray | None, dict[str, str]]:
    answer = world.ask("GET", f"/api/v1/jobs/a/frame{query}", who)
    decoded = cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR) if answer.is_success else None
    return answer.status_code, decoded, dict(answer.headers)


@pytest.mark.parametrize(("query", "seq"), [("", COUNT - 1), ("?seq=2", 2), ("?seq=0&run=r/1&format=png", 0)])
def test_a_frame_comes_as_a_picture(world: ApiWorld, query: str, seq: int) -> None:
    status, found, headers = picture(world, query)
    assert (status, headers.get("x-seq"), headers.get("x-run-id")) == (200, str(seq), "r/1")
    assert found is not None
    assert found.shape == (48, 64, 3)
    assert abs(float(found.mean()) - grey(seq)) < 2  # JPEG's rounding
    assert headers["content-type"] == ("image/png" if "png" in query else "image/jpeg")
    assert headers["x-captured-at"].startswith(f"1970-01-01T00:00:0{seq}")


def test_its_size_is_limited_and_never_made_larger(world: ApiWorld) -> None:
    for side, shape in ((32, (24, 32, 3)), (4096, (48, 64, 3))):
        _, found, _ = picture(world, f"?side={side}")
        assert found is not None
        assert found.shape == shape
    assert picture(world, "?side=100000")[0] == picture(world, "?side=1")[0] == 422


def test_what_is_not_there_is_said_and_nobody_else_sees_it(world: ApiWorld) -> None:
    assert picture(world, f"?seq={COUNT}")[0] == picture(world, "?seq=0&run=other")[0] == 404
    assert picture(world, "?run=r/1")[0] == 422
    assert picture(world, "", "bob")[0] == 404


def test_a_frame_that_kafka_no_longer_has_is_said_to_be_gone(world: ApiWorld) -> None:
    place = Partition("frames.default", world.book.job("a").partition)
    world.broker.logs.delete_before(place, 2 * COUNT)  # the last test of this world
    answer = world.ask("GET", "/api/v1/jobs/a/frame", "ann")
    assert (answer.status_code, answer.json()["detail"]) == (
        *(404, f"job a: frame {COUNT - 1} of run r/1 is no longer in Kafka"),
    )
