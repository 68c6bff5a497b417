"""The servers that are struck: the product's own, each of which can be killed and started again by itself."""

import base64
import os
import signal
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient

from posestream.stack import Addresses, ports, processes
from posestream.stack.artifacts import read_lock
from posestream.stack.fetch import bundle_folder, fetch
from posestream.stack.folders import cache_folder
from posestream.stack.kafka import Kafka
from posestream.stack.launch import Launcher, stop_all
from posestream.stack.postgres import NAME, Postgres
from posestream.stack.progress import report_nothing
from posestream.stack.registry import CONFLUENT_PATH, Registry
from posestream.stack.state import State, password

if TYPE_CHECKING:
    from posestream.stack.service import Service

_GONE_S = 10.0


class Node(Kafka):
    """One of several Kafka nodes, each broker and controller."""

    def __init__(
        self, number: int, folder: Path, chosen: dict[str, int], own: Mapping[str, object], cluster: str
    ) -> None:
        self.name = f"kafka-{number}"
        self.port_names = (self.name, f"{self.name}-controller")
        bundle = read_lock("kafka")
        jars = bundle_folder(bundle, cache_folder())
        super().__init__(folder / self.name, chosen, bundle, jars, {"node.id": number, **own}, cluster)


class Servers:
    """Kafka, the schema registry and Postgres in one folder.

    Args:
        folder: Must be passable for Postgres's own user.
        nodes: Kafka nodes; with three, topics have three replicas of which two must have each record.
        far: Given a node's port, the port that stands for it on a second listener; see ``far_kafka``.

    Attributes:
        far_kafka: Kafka's address on the second listener; "" without one.
        class_path: Kafka's jars, for its own tools.
    """

    def __init__(self, folder: Path, nodes: int = 1, far: Callable[[int], int] | None = None) -> None:
        self.folder = folder
        for made in (folder, folder / "logs"):
            made.mkdir(mode=0o711, exist_ok=True)
        self._chosen: dict[str, int] = {}
        numbers = range(1, nodes + 1)
        for number in numbers:
            self._choose(f"kafka-{number}", f"kafka-{number}-controller")
            (folder / f"kafka-{number}").mkdir(exist_ok=True)
        self._choose("registry", "registry-management", "database")
        cluster = base64.urlsafe_b64encode(uuid.UUID(int=uuid.uuid4().int >> 8).bytes).decode().rstrip("=")
        registry = read_lock("registry")
        for bundle in (read_lock("kafka"), registry):
            fetch(bundle, cache_folder(), report_nothing)
        self.far_kafka = ""
        self._services: dict[str, Service] = {}
        for number in numbers:
            own = self._own(number, nodes, far)
            self._services[f"kafka-{number}"] = Node(number, folder, self._chosen, own, cluster)
        self._services["registry"] = Registry(folder, self._chosen, registry, bundle_folder(registry, cache_folder()))
        self._services["database"] = Postgres(folder, self._chosen, password(folder))
        self.class_path = os.pathsep.join(
            str(jar) for jar in bundle_folder(read_lock("kafka"), cache_folder()).glob("*.jar")
        )
        self._state = State(self._chosen)
        self._nodes = nodes

    @property
    def addresses(self) -> Addresses:
        """Where they answer."""
        host = ports.HOST
        kafka = ",".join(f"{host}:{self._chosen[f'kafka-{number}']}" for number in range(1, self._nodes + 1))
        registry = f"http://{host}:{self._chosen['registry']}{CONFLUENT_PATH}"
        login = f"{NAME}:{password(self.folder)}"
        return Addresses(kafka, registry, f"postgresql+psycopg2://{login}@{host}:{self._chosen['database']}/{NAME}")

    def up(self) -> None:
        """Start those that do not run; returns when all answer, and all nodes are in the cluster."""
        Launcher(self.folder, self._state, report_nothing).start(list(self._services.values()))
        client = AdminClient({"bootstrap.servers": self.addresses.kafka})
        while len(client.list_topics(timeout=30).brokers) < self._nodes:
            pass

    def kill(self, name: str) -> None:
        """kill -9."""
        process = processes.find(self._services[name].marker)
        assert process, f"{name} does not run"
        process.send_signal(signal.SIGKILL)
        assert processes.wait_gone([process], _GONE_S)

    def runs(self, name: str) -> bool:
        """Whether its process lives."""
        return processes.find(self._services[name].marker) is not None

    def down(self) -> None:
        """Stop all."""
        stop_all(self._services.values(), self._state)

    def _choose(self, *names: str) -> None:
        for name in names:
            self._chosen[name] = ports.choose_free(set(self._chosen.values()))

    def _own(self, number: int, nodes: int, far: Callable[[int], int] | None) -> dict[str, object]:
        """Settings of one node over those of the product's single one."""
        own: dict[str, object] = {}
        if nodes > 1:
            voters = (f"{n}@{ports.HOST}:{self._chosen[f'kafka-{n}-controller']}" for n in range(1, nodes + 1))
            own["controller.quorum.voters"] = ",".join(voters)
            own["default.replication.factor"] = own["offsets.topic.replication.factor"] = nodes
            own["transaction.state.log.replication.factor"] = nodes
            own["min.insync.replicas"] = own["transaction.state.log.min.isr"] = 2
        if far is not None:
            near, inner = (self._chosen[name] for name in (f"kafka-{number}", f"kafka-{number}-controller"))
            self._choose("far")
            behind = self._chosen.pop("far")
            self.far_kafka = f"{ports.HOST}:{far(behind)}"
            host = f"PLAINTEXT://{ports.HOST}:{near}"
            own["listeners"] = f"{host},CONTROLLER://{ports.HOST}:{inner},FAR://{ports.HOST}:{behind}"
            own["advertised.listeners"] = f"{host},FAR://{self.far_kafka}"
            own["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,FAR:PLAINTEXT"
        return own
