"""Topics and tables as they are: a plain consumer, Avro by the registry's own schemas, plain SQL.

None of the product's readers is used, so that none of their rules can hide what they get wrong.
"""

import io
import json
import struct
import time
import urllib.request
import zlib
from collections.abc import Sequence
from contextlib import closing
from typing import Any

import fastavro
import psycopg2
from confluent_kafka import Consumer, Message, TopicPartition

from schemas.topics import DEFAULT_PARTITIONS
from tests.chaos.log import Event, Log, ObjectRow, Row, Sent, TrackRecord

PARTITIONS = DEFAULT_PARTITIONS
_PATIENCE_S = 60.0


def pose_crc(rotation: Sequence[float] | None, translation_m: Sequence[float] | None) -> int:
    """CRC-32 of a pose's 12 doubles; 0 for none."""
    numbers = [*(rotation or ()), *(translation_m or ())]
    return zlib.crc32(struct.pack(f"<{len(numbers)}d", *numbers)) if numbers else 0


class Topics:
    """Reads whole topics, committed records only, and sorts them by job.

    Args:
        kafka: Bootstrap servers.
        registry: Its Confluent-compatible address.
        topics: Names.
        keep_frames: Whether messages of frames are kept.
    """

    def __init__(self, kafka: str, registry: str, topics: Sequence[str], *, keep_frames: bool = False) -> None:
        self._registry = registry
        self._keep_frames = keep_frames
        self._schemas: dict[int, Any] = {}
        self._reached: dict[tuple[str, int], int] = {}
        self._logs: dict[str, Log] = {}
        self.frames: dict[tuple[str, int], bytes] = {}
        """(job, seq) -> the frame's message."""
        self.letters: list[Message] = []
        """Of dead-letter topics."""
        self.unreadable: list[tuple[str, int, int]] = []
        """(topic, partition, offset) of what is no message of ours."""
        config = {
            "bootstrap.servers": kafka,
            "group.id": "chaos-checker",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "reconnect.backoff.max.ms": 500,
            "fetch.wait.max.ms": 50,
            "log_level": 0,  # a killed broker is no news here
        }
        self._consumer = Consumer(config)
        self._asker = Consumer(config)  # of ends: on the other's connection the answer waits behind a fetch
        self._places = [TopicPartition(topic, number, 0) for topic in topics for number in range(PARTITIONS)]
        self._consumer.assign(self._places)

    def log(self, job: str) -> Log:
        """What was read of a job so far; tables are not in it."""
        return self._logs.setdefault(job, Log())

    def read(self, timeout_s: float = 0.1) -> None:
        """Take what there is."""
        for message in self._consumer.consume(500, timeout_s):
            place = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is None:
                self._take(message)
                self._reached[place] = (message.offset() or 0) + 1
            elif error.name() == "_PARTITION_EOF":
                self._reached[place] = message.offset() or 0

    def read_all(self) -> None:
        """Take everything up to where the topics end now."""
        ends = {(p.topic, p.partition): self._asker.get_watermark_offsets(p, _PATIENCE_S)[1] for p in self._places}
        # read on from where it came to: an end behind which only markers of transactions were added is told anew
        self._consumer.assign([TopicPartition(*place, self._reached.pop(place, 0)) for place in ends])
        deadline_s = time.monotonic() + _PATIENCE_S
        while behind := [place for place, end in ends.items() if self._reached.get(place, -1) < end]:
            assert time.monotonic() < deadline_s, f"{behind}: not read to their ends"
            self.read()

    def close(self) -> None:
        self._consumer.close()
        self._asker.close()

    def _take(self, message: Message) -> None:
        topic, job, value = message.topic() or "", (message.key() or b"").decode(errors="replace"), message.value()
        if topic.endswith(".dlq"):
            self.letters.append(message)
        elif value is not None:
            self._sort(topic, message.partition() or 0, message.offset() or 0, job, value)

    def _sort(self, topic: str, number: int, offset: int, job: str, value: bytes) -> None:
        record = self._decoded(value)
        log = self.log(job)
        if record is None:
            self.unreadable.append((topic, number, offset))
        elif topic == "poses":
            log.events.append(_event(record, offset))
        elif topic == "tracks":
            log.tracks.append(TrackRecord(record["run_id"], record["seq"], record["owner_epoch"], offset))
        elif topic == "status":
            if record["kind"] in ("skipped", "gap") and record["frames"]:
                log.explained.append((record["run_id"], (record["frames"]["first"], record["frames"]["last"])))
        elif record["seq"] < 0:
            self.unreadable.append((topic, number, offset))
        else:
            log.sent.append(Sent(record["run_id"], record["seq"], offset))
            if self._keep_frames:
                self.frames[job, record["seq"]] = value

    def _decoded(self, value: bytes) -> dict[str, Any] | None:
        try:
            magic, schema_id = struct.unpack_from(">bI", value)
            body = io.BytesIO(value[5:])
            record = fastavro.schemaless_reader(body, self._schema(schema_id), None) if magic == 0 else None
        except Exception:  # noqa: BLE001 - hostile bytes raise anything
            return None
        whole = body.tell() == len(value) - 5
        return record if whole and isinstance(record, dict) and "job_id" in record else None

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            with urllib.request.urlopen(f"{self._registry}/schemas/ids/{schema_id}", timeout=10) as answer:
                self._schemas[schema_id] = fastavro.parse_schema(json.loads(json.load(answer)["schema"]))
        return self._schemas[schema_id]


def _event(record: dict[str, Any], offset: int) -> Event:
    estimates = record["estimates"]
    poses = {name: pose_crc(one["rotation"], one["translation_m"]) for name, one in estimates.items()}
    skipped = record["skipped"] and (record["skipped"]["first"], record["skipped"]["last"])
    registered = any(one["state"] == "registered" for one in estimates.values())
    times_ns = (record["produced_ns"], record["published_ns"])
    return Event(record["run_id"], record["seq"], offset, times_ns[0], poses, skipped, times_ns[1], registered)


def plain_address(database: str) -> str:
    """SQLAlchemy's address as libpq takes it."""
    return database.replace("postgresql+psycopg2://", "postgresql://")


def count_rows(database: str, job: str) -> int:
    """How many rows of ``pose_events`` a job has; -1 while Postgres does not answer."""
    try:
        connected = closing(psycopg2.connect(plain_address(database), connect_timeout=2))
        with connected as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pose_events WHERE job_id = %s", (job,))
            return int(cursor.fetchone()[0])
    except psycopg2.Error:
        return -1


def read_tables(database: str, job: str, log: Log) -> None:
    """Add a job's rows to its log."""
    with closing(psycopg2.connect(plain_address(database))) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT run_id, seq, produced_ns, extract(epoch FROM stored_at) FROM pose_events WHERE job_id = %s", (job,)
        )
        log.rows.extend(Row(run, seq, produced_ns, float(at_s)) for run, seq, produced_ns, at_s in cursor)
        cursor.execute(
            "SELECT run_id, seq, object_id, rotation, translation_m FROM object_poses WHERE job_id = %s", (job,)
        )
        log.objects.extend(ObjectRow(run, seq, name, pose_crc(turn, shift)) for run, seq, name, turn, shift in cursor)
