"""Full disks: at the broker and at the recorder."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from posestream.stack.errors import StackError
from producers.archive.reader import Recording
from tests.chaos.crew import Member
from tests.chaos.disk import SmallDisk, small_disk
from tests.chaos.verdict import Form
from tests.chaos.world import World

pytestmark = pytest.mark.integration

BROKER_RUN = "the_disk_of_the_broker_is_full"


def test_the_disk_of_the_recorder_is_full(world: World, tmp_path: Path) -> None:
    lane = world.lane("at_least_once", jobs=1)
    world.worker(lane)
    world.film(20.0, 160, 120)
    world.progress(5)
    with small_disk(tmp_path / "disk", 1) as disk:
        file = disk.folder / "a.mcap"
        command = ["-m", "posestream", "record", lane.jobs[0].id, "--to", str(file), "--follow"]
        recorder = Member("recorder", command, world.addresses.as_environment(), tmp_path)
        world.until(lambda: file.exists() and file.stat().st_size > 0, "the recording's beginning")
        at_s = world.verdict.now_s()
        disk.fill()
        world.until(lambda: "waiting for space" in recorder.log.read_text(), "its word on the full disk")
        stuck_at = file.stat().st_size
        world.progress(20)
        assert recorder.alive(), recorder.tail()
        assert file.stat().st_size == stuck_at, "no piece is written in part"
        assert [frame.seq for frame in Recording(file).frames()] == list(range(len(list(Recording(file).frames()))))
        disk.free()
        grow(disk)
        world.struck("disk of the recorder full", at_s)
        world.until(lambda: file.stat().st_size > stuck_at, "more of the recording")
        world.settle()
        assert recorder.leave() == 0, recorder.tail()
        count = world.verdict.figures["frames"][lane.jobs[0].id]
        assert [frame.seq for frame in Recording(file).frames()] == list(range(count))
    world.judge()


def grow(disk: SmallDisk) -> None:
    """A bigger disk: what was kept does not have to go for what comes."""
    subprocess.run(("mount", "-o", "remount,size=64m", str(disk.folder)), check=True)


@pytest.fixture
def broker_disk(stack_parent: Path, form: Form) -> Iterator[SmallDisk]:
    """Under the first node of the world that comes after it."""
    if not form.long:
        pytest.skip("of the long form: --minutes N")
    folder = stack_parent / BROKER_RUN
    folder.mkdir(mode=0o711)
    with small_disk(folder / "kafka-1", 64) as disk:
        yield disk


def test_the_disk_of_the_broker_is_full(broker_disk: SmallDisk, own: Callable[[str], World]) -> None:
    fill_and_free(own(BROKER_RUN), broker_disk)


def fill_and_free(world: World, disk: SmallDisk) -> None:
    for delivery in ("at_least_once", "exactly_once"):
        world.worker(world.lane(delivery))
    world.film(20.0)
    world.progress(10)
    at_s = world.verdict.now_s()
    disk.fill()
    world.until(lambda: not world.servers.runs("kafka-1"), "the broker's end")
    log = world.servers.folder / "logs" / "kafka-1.log"
    assert "No space left on device" in log.read_text()
    with pytest.raises(StackError, match="disk full"):
        world.servers.up()
    disk.free()
    world.servers.up()
    world.struck("disk of the broker full", at_s)
    world.progress(10)
    world.settle()
    world.judge()
