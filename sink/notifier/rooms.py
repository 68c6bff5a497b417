"""Rooms and the clients in them, with a bounded queue for each client.

Everything here runs in the event loop's thread; other threads come in by ``call_soon_threadsafe``.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from sink.metrics import SinkMetrics
from sink.notifier.wire import Wire, framed

Message = str | bytes

CONTROL_LIMIT = 256
"""Messages of the lossless lane that may wait for one client; one more closes it with 1013."""
ROOMS_PER_CLIENT = 64
_RECENT_EVENTS = 256
_RECENT_JOBS = 1000


@dataclass(frozen=True, slots=True)
class RecentPose:
    """A pose message that was sent lately."""

    run: str
    seq: int
    text: str


@dataclass(slots=True)
class _Pace:
    most: int
    under_way: int = 0

    @property
    def free(self) -> bool:
        return self.under_way < self.most


class Client:
    """One websocket's two lanes.

    The control lane is lossless and bounded. In the newest lane each room keeps only its newest message: a
    slow client skips, it never lags, and what it skipped is counted. Of a paced room only so
    many are on their way as it has not said it is done with: a connection and a browser hold many that nobody has time
    for.

    Args:
        metrics: Where it counts.
        wire: Takes what can go out at once; None: all of it waits for ``next``.

    Attributes:
        rooms: Where it is subscribed.
        dropped: Messages that a newer one took the place of.
        overflowed: It read too slowly for the control lane and must be closed.
    """

    def __init__(self, metrics: SinkMetrics, wire: Wire | None = None) -> None:
        self.rooms: set[str] = set()
        self.dropped = 0
        self.overflowed = False
        self._metrics = metrics
        self._wire = wire
        self._control: deque[Message] = deque()
        self._newest: OrderedDict[str, Message] = OrderedDict()
        self._paces: dict[str, _Pace] = {}
        self._wake = asyncio.Event()

    def post(self, message: Message) -> None:
        """Queue in the control lane."""
        if len(self._control) >= CONTROL_LIMIT:
            self.overflowed = True
        else:
            self._control.append(message)
        self._wake.set()

    def post_newest(self, room: str, message: Message) -> None:
        """Put in the place of what waits from the same room; the room keeps its turn."""
        if room in self._newest:
            self.dropped += 1
            self._metrics.dropped.inc()
        self._newest[room] = message
        self._wake.set()

    def send_newest(self, room: str, data: bytes) -> bool:
        """Send a framed message at once, where nothing waits before it; False: it must be posted."""
        if self._wire is None or self._control or self.overflowed:
            return False
        pace = self._paces.get(room)
        if (pace is not None and not pace.free) or (self._newest and self._ready() is not None):
            return False
        if not self._wire.write(data):
            return False
        if pace is not None:
            pace.under_way += 1
        return True

    def pace(self, room: str, most: int) -> None:
        """Have at most so many of a room's newest on their way; ``done_with`` makes room for the next."""
        self._paces[room] = _Pace(most)

    def done_with(self, room: str) -> None:
        """The client needs one message of a paced room no more."""
        pace = self._paces.get(room)
        if pace is not None:
            pace.under_way = max(0, pace.under_way - 1)
            self._wake.set()

    def forget(self, room: str) -> None:
        """Drop what waits from a room."""
        self._newest.pop(room, None)
        self._paces.pop(room, None)

    async def next(self) -> Message | None:
        """The next message, control first; None once the client must be closed."""
        while not self.overflowed:
            if self._control:
                self._metrics.sent.labels("control").inc()
                return self._control.popleft()
            room = self._ready()
            if room is not None:
                self._metrics.sent.labels("newest").inc()
                if room in self._paces:
                    self._paces[room].under_way += 1
                return self._newest.pop(room)
            self._wake.clear()
            await self._wake.wait()
        return None

    def _ready(self) -> str | None:
        """The room whose turn it is to be sent from."""
        return next((room for room in self._newest if room not in self._paces or self._paces[room].free), None)


class Hub:
    """Who is in which room.

    Rooms: ``job:<id>`` (poses and status of a job), ``frames:<id>`` (its frames), ``system`` (status of all).

    Args:
        metrics: Where it counts.
        on_watched: Called with a room that got its first client.
        on_unwatched: Called with a room whose last client left.
    """

    def __init__(
        self, metrics: SinkMetrics, on_watched: Callable[[str], None], on_unwatched: Callable[[str], None]
    ) -> None:
        self._metrics = metrics
        self._on_watched = on_watched
        self._on_unwatched = on_unwatched
        self._rooms: dict[str, set[Client]] = {}
        self._recent: OrderedDict[str, deque[RecentPose]] = OrderedDict()

    def subscribe(self, client: Client, room: str) -> bool:
        """Let a client into a room; False where it is in as many as it may be."""
        if room in client.rooms:
            return True
        if len(client.rooms) >= ROOMS_PER_CLIENT:
            return False
        client.rooms.add(room)
        members = self._rooms.setdefault(room, set())
        members.add(client)
        if len(members) == 1:
            self._on_watched(room)
        return True

    def unsubscribe(self, client: Client, room: str) -> None:
        """Without effect where it is not in."""
        members = self._rooms.get(room, set())
        if client not in members:
            return
        client.rooms.discard(room)
        client.forget(room)
        members.discard(client)
        if not members:
            del self._rooms[room]
            self._on_unwatched(room)

    def leave(self, client: Client) -> None:
        """Out of all rooms."""
        for room in list(client.rooms):
            self.unsubscribe(client, room)

    def publish_pose(self, job_id: str, pose: RecentPose) -> None:
        """To the job's room, newest wins; kept for those who come or come back."""
        recent = self._recent.setdefault(job_id, deque(maxlen=_RECENT_EVENTS))
        recent.append(pose)
        self._recent.move_to_end(job_id)
        while len(self._recent) > _RECENT_JOBS:
            self._recent.popitem(last=False)
        self.publish_newest(f"job:{job_id}", pose.text)

    def publish_status(self, job_id: str, text: str) -> None:
        """To the job's room and to ``system``, lossless."""
        for client in self._rooms.get(f"job:{job_id}", set()) | self._rooms.get("system", set()):
            client.post(text)

    def publish_newest(self, room: str, message: Message) -> None:
        """To a room, newest wins; encoded once, and sent here to all who can take it now."""
        members = self._rooms.get(room)
        if not members:
            return
        data, sent = framed(message), 0
        for client in members:
            if client.send_newest(room, data):
                sent += 1
            else:
                client.post_newest(room, message)
        if sent:
            self._metrics.sent.labels("newest").inc(sent)

    def publish_error(self, room: str, text: str) -> None:
        """Tell a room that it cannot be served, and empty it: who still wants it subscribes again."""
        for client in list(self._rooms.get(room, ())):
            client.post(text)
            self.unsubscribe(client, room)

    def recent(self, job_id: str) -> list[RecentPose]:
        """The last poses of a job that went through this process, the oldest first."""
        return list(self._recent.get(job_id, ()))
