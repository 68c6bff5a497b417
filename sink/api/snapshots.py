"""Single frames of a job, from Kafka, as pictures."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
from confluent_kafka import KafkaException
from fastapi import HTTPException

from consumers.broker import Partition, PartitionReader, Record
from schemas import BadMessage, Frame, Overloaded, PoseEvent
from schemas.arrays import Array
from schemas.codec import Codec
from schemas.topics import frames_topic
from sink.queries import JobView, Queries

LARGEST_SIDE_PX = 4096
_MOST_FRAME_PX = 40_000_000  # decoded 120 MB
_AT_A_TIME = 2  # each reads and decodes some MB
_PATIENCE_S = 5.0
_LATER_MS = 10_000  # a frame lies where its time says, but for clocks of several producers
_JPEG_QUALITY = 90


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A frame as a picture.

    Attributes:
        run_id: Its run.
        seq: Its number.
        captured_ns: When it was captured, nanoseconds since the Unix epoch.
        data: JPEG or PNG.
    """

    run_id: str
    seq: int
    captured_ns: int
    data: bytes


class Snapshots:
    """Finds frames by their pose events; may be used by several threads. What cannot be is an ``HTTPException``.

    Args:
        queries: Knows when a frame was published.
        codec: Reads frames.
        reads: Makes readers.
    """

    def __init__(self, queries: Queries, codec: Codec, reads: Callable[[], PartitionReader]) -> None:
        self._queries, self._codec, self._reads = queries, codec, reads
        self._room = threading.BoundedSemaphore(_AT_A_TIME)

    def take(self, job: JobView, run_id: str | None, seq: int | None, extension: str, side_px: int) -> Snapshot:
        """A frame that was answered: the newest, or the one of a number.

        Args:
            job: Whose.
            run_id: The run; None for the newest.
            seq: The number; None for the newest.
            extension: ``.jpg`` or ``.png``.
            side_px: The longer side is made no longer than this.
        """
        event = self._event(job, run_id, seq)
        if not self._room.acquire(timeout=_PATIENCE_S):
            raise HTTPException(503, "too many frames are asked for right now", {"Retry-After": "2"})
        try:
            rgb = self._frame(job, event).rgb
            return Snapshot(event.run_id, event.seq, event.captured_ns, _encoded(rgb, extension, side_px))
        finally:
            self._room.release()

    def _event(self, job: JobView, run_id: str | None, seq: int | None) -> PoseEvent:
        if seq is None and run_id is None:
            found = self._queries.latest(job.id)
        elif seq is None:
            raise HTTPException(422, "seq: expected a number with a run")
        else:
            found = next(iter(self._queries.events(job.id, run_id, seq - 1, 1)), None)
        if found is None or (seq is not None and found.seq != seq):
            what = "no frame of it was answered yet" if seq is None else f"frame {seq} was not answered"
            raise HTTPException(404, f"job {job.id}: {what}")
        return found

    def _frame(self, job: JobView, event: PoseEvent) -> Frame:
        reader, place = self._reads(), Partition(frames_topic(job.pool), job.partition)
        published_ms = event.published_ns // 1_000_000
        try:
            start, end = reader.since(place, published_ms), reader.end(place)
            reader.assign({place: start})
            deadline_s = time.monotonic() + _PATIENCE_S
            while reader.position(place) < end and time.monotonic() < deadline_s:
                for record in reader.read(0.1):
                    if record.timestamp_ms > published_ms + _LATER_MS:
                        raise _gone(job, event)
                    if record.key == job.id.encode() and self._is(record, event):
                        return self._codec.decode(record.value or b"", Frame)
        except BadMessage as error:
            raise HTTPException(404, f"job {job.id}: frame {event.seq} cannot be read: {error}") from error
        except KafkaException as error:
            reason = f"{place}: {error.args[0]}"
            raise Overloaded(reason) from error
        finally:
            reader.close()
        raise _gone(job, event)

    def _is(self, record: Record, event: PoseEvent) -> bool:
        try:
            header = self._codec.decode_frame_header(record.value or b"")
        except BadMessage:  # another one, which has its dead letter
            return False
        if (header.run_id, header.seq) != (event.run_id, event.seq):
            return False
        if header.camera.width * header.camera.height > _MOST_FRAME_PX:
            reason = f"expected at most {_MOST_FRAME_PX} pixels, got {header.camera.width}x{header.camera.height}"
            raise BadMessage(reason, "frame")
        return True


def _gone(job: JobView, event: PoseEvent) -> HTTPException:
    return HTTPException(404, f"job {job.id}: frame {event.seq} of run {event.run_id} is no longer in Kafka")


def _encoded(rgb: Array, extension: str, side_px: int) -> bytes:
    height, width = rgb.shape[:2]
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if max(height, width) > side_px:
        scale = side_px / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        bgr = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if extension == ".jpg" else [cv2.IMWRITE_PNG_COMPRESSION, 1]
    return cv2.imencode(extension, bgr, options)[1].tobytes()
