"""Sends dead letters back to where they came from: the original bytes and headers, each once."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from confluent_kafka import KafkaException, Producer

from consumers.broker import Broker, Record
from consumers.kafka import MAX_RECORD_BYTES
from posestream.dead_letters import (
    REPLAYED,
    Choice,
    DeadLetter,
    Letters,
    dead_partitions,
    original_headers,
    partitions,
    scanned,
)
from schemas import BadMessage, PosestreamError, Track
from schemas.codec import Codec
from schemas.topics import TRACKS, frames_topic

_log = logging.getLogger("posestream")

_TRANSACTIONAL_ID = "posestream-dlq-replay"  # one for all: a second replay takes the first one's place, whole
_BATCH = 100
_BATCH_BYTES = 32 * 1024 * 1024
_TIMEOUT_S = 30.0
_FRAMES = frames_topic("x")[:-1]


class ReplayFailed(PosestreamError):
    """Kafka did not take the dead letters; of the last hundred none was sent."""


@dataclass(slots=True)
class ReplayReport:
    """What became of the dead letters that were meant.

    Attributes:
        chosen: How many were meant.
        sent: Sent back, or with ``--dry-run`` would be.
        again: Left out, as they were sent back before.
        late: Frames left out, as their stream has passed them: a worker would not answer them.
        other_run: Frames left out, as they are of another run than the one that their stream stands at.
        by_topic: Topic -> how many were sent.
    """

    chosen: int = 0
    sent: int = 0
    again: int = 0
    late: int = 0
    other_run: int = 0
    by_topic: dict[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How to send them back.

    Attributes:
        choice: Which.
        dry_run: Only count.
        again: Those too that were sent back before.
        other_runs: Frames of another run too: they make their stream begin anew.
    """

    choice: Choice
    dry_run: bool = False
    again: bool = False
    other_runs: bool = False


class Replay:
    """Sends dead letters back, a hundred in a transaction with their markers.

    Killed at any moment, the next call goes on without sending one twice: a marker in the dead-letter topic is seen
    by readers together with the record that it is about. Two at a time: the second ends the first.

    Args:
        kafka: Bootstrap servers.
        broker: The same, to read.
        codec: Reads frames and tracks.
        options: What and how.
        on_progress: Called with dead letters looked at, and all that are meant.
    """

    def __init__(
        self,
        kafka: str,
        broker: Broker,
        codec: Codec,
        options: ReplayOptions,
        on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> None:
        self._kafka, self._broker, self._codec, self._options = kafka, broker, codec, options
        self._on_progress = on_progress

    def run(self) -> ReplayReport:
        """Send what is meant.

        Raises:
            NoDeadLetters: No such topic.
            ReplayFailed: Kafka did not take them.
        """
        places = dead_partitions(self._kafka, self._options.choice.topic)
        try:
            # before looking: what another replay left open is ended by this
            sender = None if self._options.dry_run else _Sender(self._kafka)
            letters = Letters.among(scanned(self._broker, places), self._options.choice)
            report = ReplayReport(len(letters.chosen))
            for record, letter in self._due(letters, report):
                if sender is not None:
                    sender.send(record, letter)
                report.sent += 1
                report.by_topic[letter.source.topic] = report.by_topic.get(letter.source.topic, 0) + 1
            if sender is not None:
                sender.commit()
        except KafkaException as error:
            msg = f"Kafka at {self._kafka} did not take the dead letters: {error.args[0].str()}"
            raise ReplayFailed(msg) from error
        return report

    def _due(self, letters: Letters, report: ReplayReport) -> Iterator[tuple[Record, DeadLetter]]:
        """The dead letters that are to be sent, with their bytes; the others are counted."""
        wanted = {(one.at, one.offset): one for one in letters.chosen}
        tracks = self._tracks() if any(one.source.topic.startswith(_FRAMES) for one in letters.chosen) else {}
        done = 0
        for record in scanned(self._broker, sorted({one.at for one in letters.chosen})):
            letter = wanted.get((record.source, record.offset))
            if letter is None:
                continue
            done += 1
            self._on_progress(done, report.chosen)
            if letters.was_replayed(letter) and not self._options.again:
                report.again += 1
                continue
            place = self._place(record, letter, tracks)
            report.late += place == "late"
            report.other_run += place == "other run"
            if not place:
                yield record, letter

    def _place(self, record: Record, letter: DeadLetter, tracks: dict[str, Track]) -> str:
        """Why a frame is left out; "" where it is not."""
        track = tracks.get(letter.job_id)
        if track is None or not track.run_id or not letter.source.topic.startswith(_FRAMES):
            return ""
        try:
            header = self._codec.decode_frame_header(record.value or b"")
        except BadMessage:  # whether it can be read now is for the worker to say
            return ""
        if header.run_id != track.run_id:
            return "" if self._options.other_runs else "other run"
        return "late" if header.seq <= track.seq else ""

    def _tracks(self) -> dict[str, Track]:
        """How far each job's stream is."""
        newest: dict[str, Track] = {}
        for record in scanned(self._broker, partitions(self._kafka, lambda name: name == TRACKS)):
            job_id = (record.key or b"").decode(errors="replace")
            if record.value is None:
                newest.pop(job_id, None)
                continue
            track = self._codec.decode(record.value, Track)
            known = newest.get(job_id)
            if known is None or (known.owner_epoch, known.seq) <= (track.owner_epoch, track.seq):
                newest[job_id] = track
        return newest


class _Sender:
    """Sends records with their markers, at most a hundred and about 32 MiB in a transaction."""

    def __init__(self, kafka: str) -> None:
        self._waiting: list[tuple[Record, DeadLetter]] = []
        self._bytes = 0
        self._producer = Producer(
            {
                "bootstrap.servers": kafka,
                "transactional.id": _TRANSACTIONAL_ID,
                "message.max.bytes": MAX_RECORD_BYTES,
                "queue.buffering.max.kbytes": 4 * _BATCH_BYTES // 1024,
                "linger.ms": 5,
                "retry.backoff.ms": 5,
                "compression.type": "zstd",
                "logger": _log,
            }
        )
        self._producer.init_transactions(_TIMEOUT_S)

    def send(self, record: Record, letter: DeadLetter) -> None:
        """Send it soon: a transaction is open only while its records are handed over, for readers wait for its end."""
        self._waiting.append((record, letter))
        self._bytes += letter.size_bytes
        if len(self._waiting) == _BATCH or self._bytes >= _BATCH_BYTES:
            self.commit()

    def commit(self) -> None:
        """Send all that waits."""
        if not self._waiting:
            return
        self._producer.begin_transaction()
        for record, letter in self._waiting:
            self._produce(record, letter)
        self._producer.commit_transaction(_TIMEOUT_S)
        self._waiting, self._bytes = [], 0

    def _produce(self, record: Record, letter: DeadLetter) -> None:
        to = letter.source
        headers: list[tuple[str, str | bytes | None]] = [*original_headers(record)]
        self._producer.produce(to.topic, record.value, record.key, to.number, headers=headers)
        marker: list[tuple[str, str | bytes | None]] = [(REPLAYED, str(letter.offset).encode())]
        self._producer.produce(letter.at.topic, None, record.key, letter.at.number, headers=marker)
