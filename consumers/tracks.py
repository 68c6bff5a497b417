"""The state store: each stream's last track, in the compacted topic ``tracks``."""

import logging
from collections.abc import Callable, Collection, Mapping

from consumers.broker import Partition, PartitionReader, Position, Producer, Record
from consumers.streams import Stream
from schemas import BadMessage, Track
from schemas.codec import Codec
from schemas.topics import TRACKS
from schemas.traces import TRACEPARENT

_log = logging.getLogger("posestream.consumers")

_RESTORE_TIMEOUT_S = 60.0  # must stay well under max.poll.interval.ms


class TrackStore:
    """Reads tracks back at an assignment and writes them on.

    It also knows the offset of the oldest live track of each partition: kept as the metadata of the
    group's committed offset, it spares the next owner the reading of what lies before it.

    Args:
        codec: Reads and writes tracks.
        reader: Used by nobody else.
        producer: Events must go through the same one, since its tickets order the two.
    """

    def __init__(self, codec: Codec, reader: PartitionReader, producer: Producer) -> None:
        self._codec = codec
        self._reader = reader
        self._producer = producer
        self._written: dict[int, dict[str, int]] = {}  # partition number -> job -> offset of its last track
        self._floors: dict[int, int] = {}  # nothing below this is of use, where no track is live

    def restore(self, committed: Mapping[Partition, Position | None], ours: Callable[[str], bool]) -> list[Stream]:
        """The live streams of newly assigned frames partitions, as their last owners left them.

        Args:
            committed: Frames partitions and the group's positions there.
            ours: Whether a job is of this pool; other pools' tracks lie in the same topic.

        Raises:
            TimeoutError: The tracks could not be read to their end.
        """
        sources = {source.number: source for source in committed}
        starts = {Partition(TRACKS, s.number): self._start(s.number, at) for s, at in committed.items()}
        try:
            records = self._reader.read_to_end(starts, _RESTORE_TIMEOUT_S)
        finally:
            self._reader.unassign(starts)
        tracks: dict[tuple[int, str], tuple[Record, Track]] = {}
        for record in records:
            self._floors[record.partition] = record.offset + 1
            self._keep_newest(tracks, record)
        mine = {key: found for key, found in tracks.items() if ours(key[1])}
        for (number, job_id), (record, _) in mine.items():
            self._written.setdefault(number, {})[job_id] = record.offset
        return [Stream.restored(track, sources[number]) for (number, _), (_, track) in mine.items()]

    def save(self, stream: Stream) -> None:
        """Send a stream's track; its events must be delivered already."""
        number, job_id = stream.source.number, stream.job_id

        def note(offset: int) -> None:
            self._written.setdefault(number, {})[job_id] = offset

        value = self._codec.encode(TRACKS, stream.track())
        headers = ((TRACEPARENT, stream.trace.encode()),) if stream.trace else ()
        self._producer.send(Partition(TRACKS, number), job_id.encode(), value, headers, note)
        stream.unsaved = False

    def end(self, stream: Stream) -> None:
        """Send the tombstone of a stream whose job is over."""
        number, job_id = stream.source.number, stream.job_id

        def note(offset: int) -> None:
            self._written.get(number, {}).pop(job_id, None)
            self._floors[number] = offset

        self._producer.send(Partition(TRACKS, number), job_id.encode(), None, on_delivered=note)
        stream.unsaved = False

    def metadata(self, number: int) -> str:
        """The offset of the oldest live track of a partition, as text; "" where nothing is known."""
        offsets = self._written.get(number)
        oldest = min(offsets.values()) if offsets else self._floors.get(number)
        return "" if oldest is None else str(oldest)

    def forget(self, partitions: Collection[Partition]) -> None:
        """Drop what is known of these frames partitions."""
        for partition in partitions:
            self._written.pop(partition.number, None)
            self._floors.pop(partition.number, None)

    def close(self) -> None:
        """Let go of the reader."""
        self._reader.close()

    def _start(self, number: int, committed: Position | None) -> int | None:
        if committed is None or not committed.metadata.isdecimal():
            return None
        start = int(committed.metadata)
        self._floors[number] = start
        # beyond the end: the topic was made anew and the note is about the old one
        return start if start <= self._reader.end(Partition(TRACKS, number)) else None

    def _keep_newest(self, tracks: dict[tuple[int, str], tuple[Record, Track]], record: Record) -> None:
        """Keep the track of the highest (epoch, seq); a later run of one epoch is newer whatever its seq."""
        key = (record.partition, (record.key or b"").decode(errors="replace"))
        if record.value is None:
            tracks.pop(key, None)
            return
        try:
            track = self._codec.decode(record.value, Track)
        except BadMessage as error:
            _log.error("%s@%d: track of %s left out: %s", record.source, record.offset, key[1], error)
            return
        if key not in tracks or not _older(track, tracks[key][1]):
            tracks[key] = (record, track)


def _older(track: Track, known: Track) -> bool:
    if track.owner_epoch != known.owner_epoch:
        return track.owner_epoch < known.owner_epoch
    return track.run_id == known.run_id and track.seq < known.seq
