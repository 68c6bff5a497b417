"""Estimators and weights over REST, as workers tell of them."""

import time
from collections.abc import Iterator

import pytest

from consumers.broker import Partition
from posestream.stack import Addresses
from schemas import EstimatorOffer, Heartbeat, MemberKind
from schemas.topics import HEARTBEATS
from tests.integration.api_world import ApiWorld, database

pytestmark = pytest.mark.integration

PLAIN = EstimatorOffer("geometric", "5", "", "")
LACKS = EstimatorOffer("gen6d", "1", "", "weights: posestream weights import")
HAS = EstimatorOffer("gen6d", "1", "ab" * 32, "")


@pytest.fixture(scope="module")
def world(stack: Addresses) -> Iterator[ApiWorld]:
    with database(stack) as engine:
        made = ApiWorld(engine)
        beat(made, "one", "default", (PLAIN, LACKS))
        beat(made, "two", "gpu", (PLAIN, HAS))
        beat(made, "dead", "gpu", (EstimatorOffer("old", "0", "", ""),), ago_s=60)
        yield made


def beat(world: ApiWorld, member: str, pool: str, offers: tuple[EstimatorOffer, ...], ago_s: float = 0) -> None:
    at_ns = time.time_ns() - round(ago_s * 1e9)
    word = Heartbeat(member, MemberKind.WORKER, pool, "host", at_ns, at_ns, estimators=offers)
    producer = world.broker.producer()
    producer.send(Partition(HEARTBEATS, 0), member.encode(), world.codec.encode(HEARTBEATS, word))
    producer.flush(1)


def test_what_workers_know_is_told_once_with_how_many_know_it(world: ApiWorld) -> None:
    found = world.ask("GET", "/api/v1/models", "ann").json()
    assert [(one["name"], one["digest"], one["missing"], one["pools"], one["workers"]) for one in found] == [
        ("gen6d", "", LACKS.missing, ["default"], 1),
        ("gen6d", HAS.digest, "", ["gpu"], 1),
        ("geometric", "", "", ["default", "gpu"], 2),
    ]
    assert world.ask("GET", "/api/v1/models", "vic").status_code == 403
