"""``posestream record``: a run of a job from Kafka into an MCAP file."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from consumers.broker import Broker, Partition, Record
from posestream.archive import RunChoice, records, starts_of
from producers.archive.file import WholeWrites
from producers.archive.writer import RecordingWriter
from schemas import BadMessage, PoseEvent
from schemas.codec import Codec
from schemas.topics import POSES

_log = logging.getLogger("posestream.record")

_SPACE_S = 1.0


@dataclass(slots=True)
class RecordReport:
    """What a recorder wrote.

    Attributes:
        run_id: The run.
        frames: Frames in the file.
        missing: Numbers between the first and the last frame that Kafka does not hold: dropped, skipped or lost.
        damaged: Frames and answers that could not be read, and are left out.
        pose_events: Answers beside the frames.
        size_bytes: Of the file.
        seconds: Of recording.
    """

    run_id: str
    frames: int = 0
    missing: int = 0
    damaged: int = 0
    pose_events: int = 0
    size_bytes: int = 0
    seconds: float = 0.0


class Recorder:
    """Copies a run into a file. Used once.

    Args:
        broker: Where the stream lies.
        codec: Reads it.
        choice: What to record.
        stop: Ends it, with the file complete.
        on_frame: Called with the number of frames so far.
        on_full: Called with what is wrong, again and again, while the disk is full.
    """

    def __init__(
        self,
        broker: Broker,
        codec: Codec,
        choice: RunChoice,
        stop: Event,
        on_frame: Callable[[int], None],
        on_full: Callable[[str], None] = lambda _problem: None,
    ) -> None:
        self._on_full = on_full
        self._waited = False
        self._broker = broker
        self._codec = codec
        self._choice = choice
        self._stop = stop
        self._on_frame = on_frame
        self._report = RecordReport(choice.run_id)
        self._next_seq: int | None = None

    def record(self, to: Path, *, follow: bool = False) -> RecordReport:
        """Record up to where the stream ends now, or when stopped.

        Where the disk is full it waits for space and goes on: the stream waits in Kafka, as long as that keeps it.

        Args:
            to: A new file.
            follow: Go on with what comes.

        Raises:
            RecordingError: The file exists or cannot be written, or it was stopped with the disk full; what was written
                whole can be played.
        """
        began_s = time.monotonic()
        reader = self._broker.reader()
        partitions = [self._choice.frames, Partition(POSES, self._choice.job.partition)]
        try:
            with WholeWrites(to, self._wait_for_space) as out:
                writer = RecordingWriter(out, self._choice.job, self._choice.run_id)
                starts = starts_of(reader, partitions, self._choice.span)
                for record in records(reader, starts, self._stop.is_set, follow=follow):
                    if self._choice.of_job(record):
                        self._take(writer, record)
                writer.finish()
                self._report.size_bytes = out.size_bytes
        finally:
            reader.close()
        self._report.seconds = time.monotonic() - began_s
        return self._report

    def _wait_for_space(self, problem: str) -> bool:
        if not self._waited:
            _log.warning("waiting for space: %s", problem)
            self._waited = True
        self._on_full(problem)
        return not self._stop.wait(_SPACE_S)

    def _take(self, writer: RecordingWriter, record: Record) -> None:
        try:
            if record.topic == POSES:
                self._take_event(writer, record)
            else:
                self._take_frame(writer, record)
        except BadMessage as error:
            self._report.damaged += 1
            _log.warning("%s, offset %d: left out: %s", record.source, record.offset, error)

    def _take_frame(self, writer: RecordingWriter, record: Record) -> None:
        header = self._codec.decode_frame_header(record.value or b"")
        if not self._choice.holds(header.run_id, header.captured_ns):
            return
        writer.frame(header, record.timestamp_ms * 1_000_000)
        self._report.frames += 1
        self._waited = False
        if self._next_seq is not None:
            self._report.missing += max(0, header.seq - self._next_seq)
        self._next_seq = header.seq + 1
        self._on_frame(self._report.frames)

    def _take_event(self, writer: RecordingWriter, record: Record) -> None:
        event = self._codec.decode(record.value or b"", PoseEvent)
        if self._choice.holds(event.run_id, event.captured_ns):
            writer.pose_event(event)
            self._report.pose_events += 1
