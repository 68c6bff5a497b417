"""Fuzzed messages among good ones: all in the dead letters with a reason, the neighbours answered on time."""

import random
import time
from statistics import median

import pytest

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from producers.sources.base import Shot
from schemas import Frame, Job
from schemas.topics import frames_topic
from tests.chaos.chaos_camera import NoiseSource
from tests.chaos.fuzz import WAYS
from tests.chaos.world import World

pytestmark = pytest.mark.integration

RATE_HZ = 60.0
CAMERA = NoiseSource(RATE_HZ).camera
LATER_S = 0.1
"""How much later a frame right behind poison may be answered than others, at the median."""


def message(world: World, job: Job, seq: int, shot: Shot) -> bytes:
    now_ns = time.time_ns()
    return world.codec.encode(frames_topic(job.pool), Frame(job.id, "run", seq, now_ns, CAMERA, shot.rgb, shot.depth_m))


def fuzzed(count: int, rng: random.Random) -> dict[int, str]:
    """Places among the first ten times as many good ones, never the first; every way as often as any other."""
    ways = [list(WAYS)[number % len(WAYS)] for number in range(count)]
    rng.shuffle(ways)
    return dict(zip(sorted(rng.sample(range(1, 11 * count - 1), count)), ways, strict=True))


def test_fuzzed_messages_among_good_ones(world: World) -> None:
    lanes = [world.lane(delivery, jobs=1) for delivery in ("at_least_once", "exactly_once")]
    jobs = [lane.jobs[0] for lane in lanes]
    for lane in lanes:
        world.worker(lane)
    count = world.form.pick(34, 1000)
    bad = fuzzed(count, world.rng)
    producer = KafkaBroker(world.addresses.kafka).producer()
    values: dict[str, list[bytes]] = {job.id: [] for job in jobs}
    shots = NoiseSource(RATE_HZ).shots()
    world.until(lambda: all("assigned" in lane.workers[0].log.read_text() for lane in lanes), "workers")
    began_s = time.monotonic()
    for seq in range(11 * count):
        shot = next(shots)
        for job in jobs:
            value = message(world, job, seq, shot)
            if seq in bad:
                value = WAYS[bad[seq]](value, world.rng)
                values[job.id].append(value)
            producer.send(Partition(frames_topic(job.pool), job.partition), job.id.encode(), value)
        producer.flush(10)
        if (early_s := began_s + seq / RATE_HZ - time.monotonic()) > 0:
            world.hold(early_s)
    world.settle({job.id: 11 * count for job in jobs}, refused=count)
    world.verdict.figures["fuzzed"] = {way: list(bad.values()).count(way) for way in WAYS}
    ages = [{event.seq: event.age_s for event in world.seen(job).events} for job in jobs]
    everyone_s = sorted(age_s for of_job in ages for age_s in of_job.values())
    # beside the frame before the poison: a machine that lags makes both late
    later_s = [of_job[seq + 1] - of_job[seq - 1] for of_job in ages for seq in bad if {seq - 1, seq + 1} <= set(of_job)]
    world.verdict.figures["age_s"] = {"p50": median(everyone_s), "p99": everyone_s[int(len(everyone_s) * 0.99)]}
    world.verdict.figures["later_behind_poison_s"] = median(later_s)
    world.judge(refused=frozenset(bad))
    for job in jobs:
        check_letters(world, job, values[job.id])
    assert median(later_s) < LATER_S


def check_letters(world: World, job: Job, sent: list[bytes]) -> None:
    """Each fuzzed message once and unchanged, with its reason."""
    letters = [letter for letter in world.letters if letter.key() == job.id.encode()]
    letters.sort(key=lambda letter: int(dict(letter.headers() or ())["x-offset"]))
    found = list(dict.fromkeys((dict(letter.headers() or ())["x-offset"], letter.value()) for letter in letters))
    assert [value for _, value in found] == sent
    assert all(dict(letter.headers() or ())["x-error"] for letter in letters)
