"""Faults, each with a blow and its healing; the schedule that strikes them."""

import random
import time
from collections.abc import Sequence
from contextlib import closing
from typing import Protocol

import psycopg2

from tests.chaos.network import Proxy
from tests.chaos.reading import plain_address
from tests.chaos.servers import Servers
from tests.chaos.world import SESSION_S, Lane, World


class Fault(Protocol):
    """Something that breaks and is mended.

    Attributes:
        name: For the verdict.
        hold_s: Shortest and longest time between blow and healing.
    """

    name: str
    hold_s: tuple[float, float]

    def strike(self) -> None:
        """Break it."""
        ...

    def heal(self) -> None:
        """Mend it; what a supervisor would start again is started by the world."""
        ...


class WorkerKilled:
    """kill -9 of one of a lane's workers, whatever it is doing."""

    hold_s = (0.0, 0.5)

    def __init__(self, lane: Lane, rng: random.Random) -> None:
        self.name, self._lane, self._rng = f"worker killed, {lane.delivery}", lane, rng

    def strike(self) -> None:
        self._rng.choice(self._lane.workers).kill()

    def heal(self) -> None:
        """The world starts it again."""


class WorkerDies:
    """A worker that has everything dies at a named place: the others leave, so that it must do the work."""

    hold_s = (0.0, 0.0)

    def __init__(self, world: World, lane: Lane, place: str, rng: random.Random) -> None:
        self.name, self._world, self._lane = f"worker dies at {place}, {lane.delivery}", world, lane
        self._place, self._rng = place, rng

    def strike(self) -> None:
        world, lane = self._world, self._lane
        others = list(lane.workers)
        count = 1 if self._place == "in_revoke" else self._rng.randint(1, 6)
        doomed = world.worker(lane, failpoint=f"{self._place}:{count}")
        doomed.expect_end()
        for worker in others:
            worker.leave()
            world.discard(lane, worker)
        if self._place == "in_revoke":
            world.progress(5, lane.jobs)
            doomed.process.terminate()
        deadline_s = time.monotonic() + 60
        while doomed.alive():  # not tended: it would be started again
            assert time.monotonic() < deadline_s, doomed.tail()
            time.sleep(0.02)
        assert doomed.process.returncode == 137, doomed.tail()
        world.discard(lane, doomed)

    def heal(self) -> None:
        for _ in range(2):
            self._world.worker(self._lane)


class WorkerSleeps:
    """SIGSTOP past the session, then SIGCONT."""

    hold_s = (1.5 * SESSION_S, 2 * SESSION_S)

    def __init__(self, lane: Lane, rng: random.Random) -> None:
        self.name, self._lane, self._rng = f"worker sleeps, {lane.delivery}", lane, rng

    def strike(self) -> None:
        self._asleep = self._rng.choice(self._lane.workers)
        self._asleep.sleep()

    def heal(self) -> None:
        self._asleep.wake()


class ServerKilled:
    """kill -9 of Kafka, the registry or Postgres, and a new start on the same data."""

    def __init__(self, servers: Servers, server: str, hold_s: tuple[float, float] = (0.5, 3.0)) -> None:
        self.name, self._servers, self._server, self.hold_s = f"{server} killed", servers, server, hold_s

    def strike(self) -> None:
        self._servers.kill(self._server)

    def heal(self) -> None:
        self._servers.up()


class SinkKilled:
    """kill -9 of the sink."""

    name, hold_s = "sink killed", (0.0, 1.0)

    def __init__(self, world: World) -> None:
        self._world = world

    def strike(self) -> None:
        self._world.sink.kill()

    def heal(self) -> None:
        """The world starts it again."""


class CameraKilled:
    """kill -9 of the producers: the run goes on where it stood."""

    name, hold_s = "camera killed", (0.0, 1.0)

    def __init__(self, world: World) -> None:
        self._world = world

    def strike(self) -> None:
        assert self._world.camera
        self._world.camera.kill()

    def heal(self) -> None:
        """The world starts it again."""


class TransactionsCut:
    """Postgres ends every connection that is inside a transaction, again and again until one was."""

    name, hold_s = "connection cut in a transaction", (0.0, 0.0)

    def __init__(self, world: World) -> None:
        self._world = world
        self.cut = 0

    def strike(self) -> None:
        deadline_s = time.monotonic() + 60
        with closing(psycopg2.connect(plain_address(self._world.addresses.database))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                while not self._cut(cursor):
                    assert time.monotonic() < deadline_s, "the sink opened no transaction that writes"

    def heal(self) -> None:
        """Nothing is left to be mended."""

    def _cut(self, cursor: "psycopg2.extensions.cursor") -> int:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
            "AND backend_type = 'client backend' AND backend_xid IS NOT NULL"  # has written something
        )
        found = int(cursor.fetchone()[0])
        self.cut += found
        return found


class NetworkCut:
    """No connection between workers and broker."""

    name = "network cut"

    def __init__(self, proxy: Proxy, hold_s: tuple[float, float] = (0.5, 2 * SESSION_S)) -> None:
        self._proxy, self.hold_s = proxy, hold_s

    def strike(self) -> None:
        self._proxy.cut()

    def heal(self) -> None:
        self._proxy.mend()


class NetworkPoor:
    """Every byte later, or a part of the packets lost and sent again."""

    def __init__(self, proxy: Proxy, delay_s: float, loss: float, hold_s: tuple[float, float] = (4.0, 6.0)) -> None:
        self.name, self.hold_s = f"network {delay_s:g} s late, {loss:.0%} lost", hold_s
        self._proxy, self._delay_s, self._loss = proxy, delay_s, loss

    def strike(self) -> None:
        self._proxy.delay_s, self._proxy.loss = self._delay_s, self._loss

    def heal(self) -> None:
        self._proxy.mend()


def storm(world: World, faults: Sequence[Fault], progress_frames: int = 5) -> None:
    """Strike these faults one after the other, in an order and for times by the world's seed.

    Between two of them every job must come on by some frames: a fault that is not got over fails the run.
    """
    order = list(faults)
    world.rng.shuffle(order)
    for fault in order:
        world.hold(world.rng.uniform(0.0, 0.7))
        at_s = world.verdict.now_s()
        fault.strike()
        world.hold(world.rng.uniform(*fault.hold_s))
        fault.heal()
        world.struck(fault.name, at_s)
        world.progress(progress_frames)
        world.verdict.faults[-1].came_on_at_s = world.verdict.now_s()
