"""Reads an MCAP recording back, up to where it was cut off."""

import json
import logging
import struct
from base64 import b64decode
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from mcap.exceptions import EndOfFile, McapError
from mcap.reader import NonSeekingReader, SeekingReader
from mcap.records import Message
from mcap.writer import MCAP0_MAGIC
from zstandard import ZstdError

from producers.archive.channels import DEPTH, FRAME, IMAGE, METADATA, POSE_EVENT, VERSION
from producers.archive.file import WholeReads
from producers.sources.base import DamagedPicture, SourceError
from schemas import Camera, PoseEvent
from schemas.images import encode_depth
from schemas.pictures import EncodedDepth, EncodedPictures
from schemas.records.control import job_from
from schemas.records.results import event_from

_log = logging.getLogger("posestream.producers")

_DAMAGE = (McapError, ValueError, struct.error, ZstdError)
"""What the library raises on bytes that are no MCAP."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordedFrame:
    """One frame of a recording.

    Attributes:
        run_id: The run that was recorded.
        seq: Its number there; a number that is missing was not published or not recorded.
        captured_ns: Nanoseconds since the Unix epoch.
        camera: Of the pictures.
    """

    run_id: str
    seq: int
    captured_ns: int
    camera: Camera
    _head: Mapping[str, Any]
    _image: bytes
    _depth: bytes | None

    def pictures(self) -> EncodedPictures:
        """As they travelled.

        Raises:
            DamagedPicture: The messages do not hold what this version writes.
        """
        try:
            masks = self._head["masks"]
            named = None if masks is None else {name: b64decode(data) for name, data in masks.items()}
            return EncodedPictures(self._head["rgb_codec"], _data(self._image), self._depth_image(), named)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"frame {self.seq} of run {self.run_id}: expected a recorded picture: {error!r}"
            raise DamagedPicture(msg) from error

    def _depth_image(self) -> EncodedDepth | None:
        about = self._head["depth"]
        if about is None or self._depth is None:
            return None
        size = (self.camera.height, self.camera.width)
        raw = np.frombuffer(_data(self._depth), "<u2").reshape(size).astype(np.uint16)
        return EncodedDepth(about["codec"], about["unit_m"], encode_depth(raw, about["codec"]))


class Recording:
    """A recording that ``posestream record`` wrote; every reading starts at its beginning.

    Args:
        path: The file.

    Attributes:
        job: As it was when it was recorded.
        run_id: The recorded run.

    Raises:
        SourceError: No such file, no recording of ours, or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        about = self._about()
        if about.get("version") != VERSION:
            msg = f"{path}: expected a recording of version {VERSION}, got {about.get('version')!r}"
            raise SourceError(msg)
        try:
            self.run_id, self.job = about["run_id"], job_from(json.loads(about["job"]))
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{path}: expected a recording's job, {error!r}"
            raise SourceError(msg) from error

    def frame_count(self) -> int:
        """How many whole frames it holds: told by the index, or counted where a recorder was cut off before it."""
        with self._reading() as stream:
            whole = stream.ends_with(MCAP0_MAGIC)
            try:
                summary = SeekingReader(_as_io(stream)).get_summary() if whole else None
            except _DAMAGE:
                summary = None
        if summary is None or summary.statistics is None:
            _log.warning("%s: was cut off before its end; what is whole in it is played", self.path)
            return sum(1 for _ in self._messages((FRAME,)))
        numbers = [number for number, channel in summary.channels.items() if channel.topic == FRAME]
        return sum(summary.statistics.channel_message_counts.get(number, 0) for number in numbers)

    def frames(self, start: int = 0) -> Iterator[RecordedFrame]:
        """Whole frames in the order of recording, from the ``start``-th on.

        Raises:
            SourceError: A chunk is damaged, or a message is not what this version writes.
        """
        image, depth, number = None, None, 0
        for topic, message in self._messages((IMAGE, DEPTH, FRAME)):
            if topic == IMAGE:
                image = message.data
            elif topic == DEPTH:
                depth = message.data
            else:
                if number >= start:
                    yield self._frame(message.data, image, depth)
                image, depth, number = None, None, number + 1

    def pose_events(self) -> Iterator[PoseEvent]:
        """The answers that were recorded beside the frames.

        Raises:
            SourceError: As ``frames``.
        """
        for _, message in self._messages((POSE_EVENT,)):
            yield event_from(json.loads(message.data))

    def _frame(self, data: bytes, image: bytes | None, depth: bytes | None) -> RecordedFrame:
        try:
            head = json.loads(data)
            run_id, seq, captured_ns = head["run_id"], head["seq"], head["captured_ns"]
            camera = Camera(**head["camera"])
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{self.path}: expected a frame of version {VERSION}: {error!r}"
            raise SourceError(msg) from error
        return RecordedFrame(run_id, seq, captured_ns, camera, head, image or b"", depth)

    def _about(self) -> dict[str, str]:
        with self._reading() as stream:
            try:
                for record in NonSeekingReader(_as_io(stream)).iter_metadata():
                    if record.name == METADATA:
                        return dict(record.metadata)
            except _DAMAGE as error:
                msg = f"{self.path}: expected an MCAP file: {error}"
                raise SourceError(msg) from error
        msg = f"{self.path}: expected a file of posestream record, found no metadata {METADATA!r} in it"
        raise SourceError(msg)

    def _messages(self, topics: tuple[str, ...]) -> Iterator[tuple[str, Message]]:
        """In file order; a file that ends in the middle of a chunk ends before that chunk."""
        with self._reading() as stream:
            reader = NonSeekingReader(_as_io(stream), validate_crcs=True)
            try:
                for _, channel, message in reader.iter_messages(topics, log_time_order=False):
                    yield channel.topic, message
            except EndOfFile:
                return
            except _DAMAGE as error:
                msg = f"{self.path}: damaged: {error}"
                raise SourceError(msg) from error

    @contextmanager
    def _reading(self) -> Generator[WholeReads]:
        try:
            stream = WholeReads(self.path)
        except OSError as error:
            msg = f"{self.path}: expected a readable file, got {error.strerror}"
            raise SourceError(msg) from error
        with stream:
            yield stream


def _data(message: bytes) -> bytes:
    """The bytes in an image's message."""
    return b64decode(json.loads(message)["data"], validate=True)


def _as_io(stream: WholeReads) -> IO[bytes]:
    """The library asks for more than it uses."""
    return cast("IO[bytes]", stream)
