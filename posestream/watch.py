"""A client of the notifier: poses and status of a job as they happen, as the words that every room uses."""

import json
import logging
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from schemas import Estimate, Pose, PoseEvent, PosestreamError, SeqRange, State, StatusEvent, StatusKind

_log = logging.getLogger("posestream.watch")

NOT_LET_IN = 4401
_MOST_BYTES = 64 << 20  # of a history
_SILENT_S = 30.0  # three heartbeats
_PAUSES_S = (0.2, 1.0, 5.0)

News = PoseEvent | StatusEvent


class WatchRefused(PosestreamError):
    """The service does not let us in, or not into this job's room."""


class JobWatch:
    """Iterates over what happens to a job from now on; connects again where the connection ends.

    Poses of one run come in order, each once. While connected, a client that reads slowly gets the newest pose and not
    those between (see docs/notifier.md); what went by while it was not connected comes from the database, as far as it
    is stored when the connection is there again.

    Args:
        address: Of the service, ``http://host:port`` or ``https://``.
        job_id: The job.
        token: An API key or access token; "" for a service without accounts.
        sleep: Waits some seconds before the next try.

    Raises:
        WatchRefused: While iterating: not let in, or no such room.
    """

    def __init__(self, address: str, job_id: str, token: str = "", sleep: Callable[[float], None] = time.sleep) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            msg = f"address: expected http://host:port or https://host, got {address!r}"
            raise WatchRefused(msg)
        self._url = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}/ws"
        self._room = f"job:{job_id}"
        self._token = token
        self._sleep = sleep
        self._run, self._seq = "", -1
        self._tries = 0

    def __iter__(self) -> Iterator[News]:
        """Never ends by itself."""
        while True:
            try:
                yield from self._connected()
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
                _check_refusal(error)
                pause_s = _PAUSES_S[min(self._tries, len(_PAUSES_S) - 1)]
                _log.warning("%s: %s; trying again in %g s", self._url, error, pause_s)
                self._sleep(pause_s)
                self._tries += 1

    def _connected(self) -> Generator[News]:
        with connect(self._url, max_size=_MOST_BYTES, compression=None) as websocket:
            if self._token:
                websocket.send(json.dumps({"token": self._token}))
            again = {"run": self._run, "last_seq": self._seq} if self._run else {}
            websocket.send(json.dumps({"subscribe": self._room} | again))
            while True:
                yield from self._news(websocket, json.loads(websocket.recv(_SILENT_S)))

    def _news(self, websocket: ClientConnection, message: dict[str, Any]) -> Generator[News]:
        kind = message["type"]
        if kind == "subscribed":
            self._tries = 0
        elif kind == "error":
            raise WatchRefused(message["reason"])
        elif kind == "status":
            yield status_of(message)
        elif kind == "pose":
            yield from self._fresh(message)
        elif kind == "history":
            for event in message["events"]:
                yield from self._fresh(event)
            if message["more"]:
                again = {"subscribe": self._room, "run": self._run, "last_seq": self._seq}
                websocket.send(json.dumps(again))

    def _fresh(self, message: Mapping[str, Any]) -> Generator[News]:
        run, seq = str(message["run"]), int(message["seq"])
        if run == self._run and seq <= self._seq:
            return
        self._run, self._seq = run, seq
        yield pose_of(message)


def pose_of(message: Mapping[str, Any]) -> PoseEvent:
    """The pose event of a ``pose`` message; covariances are not sent."""
    names = ("estimator", "estimator_version", "weights_digest", "frame_of_reference", "capture_clock")
    same: dict[str, Any] = {name: message[name] for name in names}
    for name in ("received_ns", "started_ns"):
        same[name] = None if message[name] is None else int(message[name])
    return PoseEvent(
        job_id=message["job"],
        run_id=message["run"],
        seq=message["seq"],
        captured_ns=int(message["captured_ns"]),
        published_ns=int(message["published_ns"]),
        produced_ns=int(message["produced_ns"]),
        estimates={name: _estimate(one) for name, one in message["objects"].items()},
        stage_s=message["stage_s"],
        skipped=_range(message["skipped"]),
        **same,
    )


def status_of(message: Mapping[str, Any]) -> StatusEvent:
    """The status event of a ``status`` message."""
    kind, at_ns = StatusKind(message["kind"]), int(message["at_ns"])
    said = (message["status"], message["reason"], _range(message["frames"]))
    return StatusEvent(message["job"], message["run"], kind, at_ns, *said)


def _estimate(one: Mapping[str, Any]) -> Estimate:
    pose = None
    if one["rotation"] is not None:
        pose = Pose(np.array(one["rotation"]).reshape(3, 3), np.array(one["translation_m"]))
    return Estimate(pose, one["score"], State(one["state"]))


def _range(frames: Mapping[str, int] | None) -> SeqRange | None:
    return None if frames is None else SeqRange(frames["first"], frames["last"])


def _check_refusal(error: Exception) -> None:
    """Raise WatchRefused where trying again would not help."""
    if isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code == NOT_LET_IN:
        raise WatchRefused(error.rcvd.reason) from error
    if isinstance(error, InvalidStatus) and error.response.status_code in (401, 403, 404):
        msg = f"the service answered {error.response.status_code}: {error.response.body[:200]!r}"
        raise WatchRefused(msg) from error
