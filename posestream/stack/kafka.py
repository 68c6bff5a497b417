"""Apache Kafka as one process: broker and controller in one node (KRaft)."""

import base64
import os
import signal
import subprocess
import uuid
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from posestream.stack import ports
from posestream.stack.artifacts import Bundle
from posestream.stack.java import BASE_OPTIONS, StartCache, java
from posestream.stack.processes import Command, environment
from posestream.stack.service import check_made, made_whole, marker

_LOG_SETTINGS = Path(__file__).with_name("log4j2.properties")
_FRAME_LIMIT_BYTES = 8 << 20
_DEAD_LETTER_ROOM_BYTES = 64 << 10  # a record at the limit plus its dead-letter headers must fit
_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "num.network.threads": 2,
    "num.io.threads": 4,
    "queued.max.requests": 50,
    "num.partitions": 8,
    "auto.create.topics.enable": "false",
    "default.replication.factor": 1,
    "min.insync.replicas": 1,
    "message.max.bytes": _FRAME_LIMIT_BYTES + _DEAD_LETTER_ROOM_BYTES,
    "replica.fetch.max.bytes": _FRAME_LIMIT_BYTES + _DEAD_LETTER_ROOM_BYTES,
    # the default of 50 partitions each costs start-up time and file handles
    "offsets.topic.num.partitions": 4,
    "offsets.topic.replication.factor": 1,
    "transaction.state.log.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    # a killed worker's open transaction stalls readers until it is aborted; the default looks every 10 s
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
    "log.cleaner.dedupe.buffer.size": 16 << 20,  # the default takes 128 MiB of the heap at start
    "log.index.size.max.bytes": 1 << 20,
    "log.segment.bytes": 64 << 20,
    "log.retention.bytes": 2 << 30,  # of a partition
    "log.retention.check.interval.ms": 5000,
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "group.consumer.min.session.timeout.ms": 1000,
    "group.consumer.min.heartbeat.interval.ms": 100,
    "group.consumer.session.timeout.ms": 10000,
    "group.consumer.heartbeat.interval.ms": 2000,
    # after kill -9 the controller holds the broker's old registration for this long
    "broker.session.timeout.ms": 5000,
    "broker.heartbeat.interval.ms": 500,
}


class Kafka:
    """The broker of one stack.

    Args:
        folder: The stack's folder; the broker's own is ``kafka`` in it.
        chosen: Ports by name.
        bundle: What the jars in ``jars`` are.
        jars: The folder of the verified jars.
        settings: The node's own over the usual ones, under Kafka's names: of one of several nodes, or of another
            listener.
        cluster: The cluster's id, which all nodes share; a new one if empty.
    """

    name: str = "kafka"
    port_names: tuple[str, ...] = ("kafka", "kafka-controller")
    stop_signal: int = signal.SIGTERM
    stop_grace_s: float = 60.0  # the first stop writes the start-up cache

    def __init__(
        self,
        folder: Path,
        chosen: dict[str, int],
        bundle: Bundle,
        jars: Path,
        settings: Mapping[str, object] | None = None,
        cluster: str = "",
    ) -> None:
        self._own = dict(settings or {})
        self._cluster = cluster
        self._folder = folder / "kafka"
        self._port, self._controller_port = (chosen[name] for name in self.port_names)
        # the order of the lock file: the start-up cache is valid for one order only
        self._class_path = os.pathsep.join(str(jars / artifact.file_name) for artifact in bundle.artifacts)
        self._start_cache = StartCache(bundle, jars.parent, self._folder)
        self.marker = marker(folder, self.name)

    def prepare(self) -> Command:
        """See Service."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        data = self._folder / "data"
        if not data.exists():
            with made_whole(data) as scratch:
                self._format(scratch)
        settings = self._write_settings(self._folder / "server.properties", data)
        arguments = (*self._java("-Xms256m", "-Xmx512m", f"-D{self.marker}"), "kafka.Kafka", str(settings))
        return Command(arguments, self.marker, self._folder)

    def is_ready(self) -> bool:
        """See Service: the broker is in the cluster's metadata, so topics can be made."""
        if not ports.is_open(self._port):
            return False
        client = AdminClient({"bootstrap.servers": f"{ports.HOST}:{self._port}", "log_level": 0})
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def ended(self, *, in_order: bool) -> None:
        """See Service."""
        if in_order:
            self._start_cache.keep()

    def _java(self, *options: str) -> tuple[str, ...]:
        logging = f"-Dlog4j2.configurationFile={_LOG_SETTINGS}"
        cache = self._start_cache.reading_or_making()
        return (str(java()), *BASE_OPTIONS, *cache, *options, logging, "-cp", self._class_path)

    def _write_settings(self, path: Path, data: Path) -> Path:
        clients, controllers = f"{ports.HOST}:{self._port}", f"{ports.HOST}:{self._controller_port}"
        settings = {
            **_SETTINGS,
            "controller.quorum.voters": f"1@{controllers}",
            "listeners": f"PLAINTEXT://{clients},CONTROLLER://{controllers}",
            "advertised.listeners": f"PLAINTEXT://{clients}",
            "log.dirs": data.as_posix(),
            **self._own,
        }
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()), encoding="utf-8")
        return path

    def _format(self, folder: Path) -> None:
        settings = self._write_settings(folder.with_name(f"{folder.name}.properties"), folder)
        cluster = self._cluster or base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if cluster.startswith("-"):  # would be read as an option
            cluster = f"A{cluster[1:]}"
        command = (
            *(
                str(java()),
                *BASE_OPTIONS,
                *self._start_cache.reading(),
                f"-Dlog4j2.configurationFile={_LOG_SETTINGS}",
                "-cp",
                self._class_path,
            ),
            *("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)),
        )
        made = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        settings.unlink()
        check_made("Kafka", folder.parent, made)
