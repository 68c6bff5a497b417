"""Starts and stops what reads frames, as viewers come and go, and passes poses on to it."""

import asyncio
import logging
import threading
from collections.abc import Callable

from schemas import PoseEvent, PosestreamError, StatusEvent
from schemas.codec import Codec
from sink.metrics import SinkMetrics
from sink.notifier.frame_feed import FrameFeed
from sink.notifier.messages import dumps, pose_message, status_message
from sink.notifier.rooms import Hub, RecentPose
from sink.queries import Queries

_log = logging.getLogger("posestream.notifier")

_FRAMES = "frames:"
_JOIN_S = 5.0
WATCHED_LIMIT = 32
"""Streams whose frames are read at once: each takes a connection and some memory."""


class Watching:
    """Owns the hub and the frame feeds; made and used in the event loop's thread.

    Args:
        kafka: Bootstrap servers.
        codec: Reads the records.
        queries: Says where a job's frames are.
        metrics: Where it counts.
    """

    def __init__(self, kafka: str, codec: Codec, queries: Queries, metrics: SinkMetrics) -> None:
        self.hub = Hub(metrics, self._start, self._stop)
        self._kafka = kafka
        self._codec = codec
        self._queries = queries
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._feeds: dict[str, FrameFeed] = {}  # written by the feeds' threads; each access is one step
        self._running: dict[str, tuple[threading.Event, threading.Thread]] = {}

    def hear_pose(self, event: PoseEvent) -> None:
        """Take a pose event; from the event feed's thread."""
        feed = self._feeds.get(event.job_id)
        if feed is not None:
            feed.pose(event)
        pose = RecentPose(event.run_id, event.seq, dumps(pose_message(event)))
        self._soon(lambda: self.hub.publish_pose(event.job_id, pose))

    def hear_status(self, event: StatusEvent) -> None:
        """Take a status event; from the event feed's thread."""
        text = dumps(status_message(event))
        self._soon(lambda: self.hub.publish_status(event.job_id, text))

    def close(self) -> None:
        """Stop all feeds and wait for them; blocking."""
        threads = [thread for _, thread in self._running.values()]
        for room in list(self._running):
            self._stop(room)
        for thread in threads:
            thread.join(_JOIN_S)

    def _start(self, room: str) -> None:
        if not room.startswith(_FRAMES):
            return
        if len(self._running) >= WATCHED_LIMIT:
            reason = f"{room}: {WATCHED_LIMIT} streams are watched already"
            self._soon(lambda: self._tell(room, reason))  # once its first client is in
            return
        stop = threading.Event()
        thread = threading.Thread(target=self._read, args=(room, stop), name=room, daemon=True)
        self._running[room] = (stop, thread)
        self._metrics.watched.set(len(self._running))
        thread.start()

    def _stop(self, room: str) -> None:
        if room in self._running:
            self._running.pop(room)[0].set()
            self._metrics.watched.set(len(self._running))

    def _read(self, room: str, stop: threading.Event) -> None:
        job_id = room.removeprefix(_FRAMES)
        feed = None
        try:
            job = self._queries.job(job_id)
            if job is None:
                self._soon(lambda: self._tell(room, f"{room}: no job of this id is known"))
                return
            newest = self._queries.latest(job_id)
            feed = FrameFeed(self._kafka, self._codec, job, newest, self._publisher(room), self._metrics)
            self._feeds[job_id] = feed
            feed.run(stop)
        except PosestreamError as error:
            _log.warning("%s: %s", room, error)
            reason = f"{room}: {error}"
            self._soon(lambda: self._tell(room, reason))
        finally:
            if feed is not None and self._feeds.get(job_id) is feed:
                del self._feeds[job_id]

    def _publisher(self, room: str) -> Callable[[bytes], None]:
        return lambda message: self._soon(lambda: self.hub.publish_newest(room, message))

    def _tell(self, room: str, reason: str) -> None:
        self.hub.publish_error(room, dumps({"type": "error", "room": room, "reason": reason}))

    def _soon(self, call: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(call)
