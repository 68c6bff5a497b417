"""What a producer tells topic ``status``, until the broker has taken it."""

import time
from collections import deque
from collections.abc import Callable

from confluent_kafka import KafkaError

from producers.client import JobClient, is_hopeless
from producers.skipped import SkippedFrames
from schemas import Job, SeqRange, StatusEvent, StatusKind
from schemas.codec import Codec
from schemas.topics import STATUS

_NOTES = 100  # the oldest are given up on first, where the broker is away for long


class RunStatus:
    """Ranges of dropped frames and notes of a source, each sent again until it is delivered. Not thread-safe.

    Args:
        client: Sends the records.
        codec: Encodes them.
        job: Whose run it is.
        run_id: The run.
        on_hopeless: Called where the broker refuses a record for good.
    """

    def __init__(
        self, client: JobClient, codec: Codec, job: Job, run_id: str, on_hopeless: Callable[[KafkaError], None]
    ) -> None:
        self._client, self._codec, self._job, self._run_id = client, codec, job, run_id
        self._on_hopeless = on_hopeless
        self._skipped = SkippedFrames()
        self._notes: deque[tuple[int, str]] = deque(maxlen=_NOTES)

    def waiting(self) -> str:
        """What is not sent yet, for people; "" where nothing waits."""
        if not self._skipped and not self._notes:
            return ""
        return f"the ranges of {len(self._skipped)} dropped frames and {len(self._notes)} notes"

    def skip(self, seq: int, reason: str) -> None:
        """A frame was given up on."""
        self._skipped.add(SeqRange(seq, seq), reason)

    def note(self, text: str) -> None:
        """The source says something."""
        self._notes.append((time.time_ns(), text))

    def serve(self) -> None:
        """Send all that waits."""
        for frames, reason in self._skipped.take():

            def skip_again(error: KafkaError, frames: SeqRange = frames, reason: str = reason) -> None:
                self._skipped.add(frames, reason)
                self._failed(error)

            if not self.send(StatusKind.SKIPPED, f"dropped by the producer: {reason}", frames, skip_again):
                self._skipped.add(frames, reason)
        for at_ns, text in [self._notes.popleft() for _ in range(len(self._notes))]:

            def note_again(error: KafkaError, at_ns: int = at_ns, text: str = text) -> None:
                self._notes.append((at_ns, text))
                self._failed(error)

            if not self.send(StatusKind.STREAM, text, None, note_again, at_ns):
                self._notes.append((at_ns, text))

    def send(
        self,
        kind: StatusKind,
        reason: str,
        frames: SeqRange | None,
        on_error: Callable[[KafkaError], None],
        at_ns: int | None = None,
    ) -> bool:
        """Send one; whether there was room for it."""
        event = StatusEvent(self._job.id, self._run_id, kind, at_ns or time.time_ns(), "", reason, frames)

        def settled(error: KafkaError | None) -> None:
            if error is not None:
                on_error(error)

        return self._client.send(STATUS, self._codec.encode(STATUS, event), settled)

    def _failed(self, error: KafkaError) -> None:
        if is_hopeless(error):
            self._on_hopeless(error)
