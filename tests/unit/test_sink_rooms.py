"""Rooms: who gets what, and what happens to a client that does not read."""

import asyncio
from collections.abc import Coroutine

import pytest
from prometheus_client import CollectorRegistry

from sink.metrics import SinkMetrics
from sink.notifier.rooms import CONTROL_LIMIT, ROOMS_PER_CLIENT, Client, Hub, RecentPose


class Watcher:
    """Records which rooms got their first client and lost their last one."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.metrics = SinkMetrics(CollectorRegistry())
        self.hub = Hub(self.metrics, lambda room: self.log.append(f"+{room}"), lambda room: self.log.append(f"-{room}"))

    def client(self, *rooms: str) -> Client:
        client = Client(self.metrics)
        for room in rooms:
            assert self.hub.subscribe(client, room)
        return client


def pose(seq: int, run: str = "r") -> RecentPose:
    return RecentPose(run, seq, f"{run}/{seq}")


def soon(awaited: Coroutine[None, None, object]) -> object:
    """The answer; fails where it does not come at once."""
    return asyncio.run(asyncio.wait_for(awaited, 5))


async def drained(client: Client) -> list[object]:
    """Everything that waits for a client."""
    found: list[object] = []
    while True:
        try:
            found.append(await asyncio.wait_for(client.next(), 0.01))
        except TimeoutError:
            return found


def waiting(client: Client) -> list[object]:
    """The same, once for each client: it belongs to one event loop."""
    return asyncio.run(drained(client))


def test_a_pose_reaches_only_the_room_of_its_job() -> None:
    watcher = Watcher()
    mine, other = watcher.client("job:a"), watcher.client("job:b")
    watcher.hub.publish_pose("a", pose(1))
    assert waiting(mine) == ["r/1"]
    assert waiting(other) == []


def test_a_slow_client_gets_the_newest_pose_and_the_skipped_ones_are_counted() -> None:
    watcher = Watcher()
    client = watcher.client("job:a", "job:b")
    for seq in range(10):
        watcher.hub.publish_pose("a", pose(seq))
    watcher.hub.publish_pose("b", pose(0, "other"))
    assert client.dropped == 9
    assert watcher.metrics.registry.get_sample_value("posestream_notifier_messages_dropped_total") == 9
    assert waiting(client) == ["r/9", "other/0"]


def test_a_paced_room_has_only_so_many_under_way_and_then_sends_the_newest() -> None:
    async def scene() -> None:
        watcher = Watcher()
        client = watcher.client("frames:a", "job:a")
        client.pace("frames:a", 2)
        for frame in (b"1", b"2"):
            watcher.hub.publish_newest("frames:a", frame)
            assert await drained(client) == [frame]
        watcher.hub.publish_newest("frames:a", b"3")
        watcher.hub.publish_newest("frames:a", b"4")
        watcher.hub.publish_pose("a", pose(1))
        assert await drained(client) == ["r/1"], "other rooms go on"
        client.done_with("frames:a")
        assert await drained(client) == [b"4"]
        for _ in range(5):  # more than there were
            client.done_with("frames:a")
        for frame, heard in ((b"5", [b"5"]), (b"6", [b"6"]), (b"7", [])):
            watcher.hub.publish_newest("frames:a", frame)
            assert await drained(client) == heard
        watcher.hub.unsubscribe(client, "frames:a")
        assert watcher.hub.subscribe(client, "frames:a")
        for frame in (b"8", b"9", b"10"):
            watcher.hub.publish_newest("frames:a", frame)
            assert await drained(client) == [frame], "not paced any more"

    asyncio.run(scene())


def test_a_room_that_talks_much_does_not_keep_another_from_its_turn() -> None:
    watcher = Watcher()
    client = watcher.client("job:a", "job:b")
    watcher.hub.publish_pose("b", pose(0, "b"))
    for seq in range(5):
        watcher.hub.publish_pose("a", pose(seq, "a"))
        watcher.hub.publish_pose("b", pose(seq, "b"))
    assert waiting(client) == ["b/4", "a/4"]


def test_status_is_lossless_and_comes_before_poses() -> None:
    watcher = Watcher()
    client = watcher.client("job:a")
    watcher.hub.publish_pose("a", pose(1))
    for number in range(20):
        watcher.hub.publish_status("a", f"status {number}")
    assert waiting(client) == [*(f"status {number}" for number in range(20)), "r/1"]


def test_a_client_in_a_jobs_room_and_in_system_gets_a_status_once() -> None:
    watcher = Watcher()
    client = watcher.client("job:a", "system")
    watcher.hub.publish_status("a", "ended")
    assert waiting(client) == ["ended"]


def test_a_client_that_reads_nothing_overflows_and_others_do_not_notice() -> None:
    watcher = Watcher()
    stuck, fine = watcher.client("job:a"), watcher.client("job:a")
    seen: list[object] = []
    for number in range(CONTROL_LIMIT + 1):
        watcher.hub.publish_status("a", str(number))
        seen.append(soon(fine.next()))
    assert stuck.overflowed
    assert soon(stuck.next()) is None  # close it
    assert not fine.overflowed
    assert seen == [str(number) for number in range(CONTROL_LIMIT + 1)]


def test_frames_are_watched_from_the_first_viewer_to_the_last() -> None:
    watcher = Watcher()
    first, second = watcher.client("frames:a"), watcher.client("frames:a")
    watcher.hub.leave(first)
    assert watcher.log == ["+frames:a"]
    watcher.hub.leave(second)
    watcher.hub.leave(second)
    assert watcher.log == ["+frames:a", "-frames:a"]


def test_what_waits_from_a_room_is_forgotten_when_the_client_leaves_it() -> None:
    watcher = Watcher()
    client = watcher.client("frames:a", "job:a")
    watcher.hub.publish_newest("frames:a", b"picture")
    watcher.hub.unsubscribe(client, "frames:a")
    assert waiting(client) == []


def test_a_client_may_be_in_so_many_rooms_only() -> None:
    watcher = Watcher()
    client = watcher.client(*(f"job:{number}" for number in range(ROOMS_PER_CLIENT)))
    assert not watcher.hub.subscribe(client, "job:more")
    assert watcher.hub.subscribe(client, "job:0")  # it is in there already


def test_a_room_that_cannot_be_served_is_told_and_emptied() -> None:
    watcher = Watcher()
    client = watcher.client("frames:a")
    watcher.hub.publish_error("frames:a", "no such job")
    assert waiting(client) == ["no such job"]
    assert watcher.log == ["+frames:a", "-frames:a"]


@pytest.mark.parametrize("count", [1, 256, 300])
def test_the_last_poses_are_kept_for_those_who_come_back(count: int) -> None:
    watcher = Watcher()
    for seq in range(count):
        watcher.hub.publish_pose("a", pose(seq))
    kept = [recent.seq for recent in watcher.hub.recent("a")]
    assert kept == list(range(max(0, count - 256), count))
