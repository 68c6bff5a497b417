"""Our messages in the hands of clients that are not ours, and the registry's word on changes."""

import json
import shutil
import struct
import subprocess
import sys
import textwrap
import uuid
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import (
    Schema,
    SchemaRegistryClient,
    SchemaRegistryError,
    topic_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from consumers.broker import Partition
from consumers.kafka import KafkaBroker
from posestream.stack import Addresses
from schemas import BadMessage, Estimate, Pose, PoseEvent, SeqRange, State
from schemas.codec import Codec
from schemas.registry import RegistryUnavailable
from schemas.topics import DEFAULT_PARTITIONS, POSES, specs

pytestmark = pytest.mark.integration

POSE = Pose(np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), np.array([0.1, -0.2, 0.75]))


def an_event(job_id: str) -> PoseEvent:
    estimates = {
        "mug": Estimate(POSE, 0.75, State.TRACKED, np.eye(6) * 1e-6, b"never in an event"),
        "box": Estimate(None, 0.0, State.LOST),
    }
    skipped = SeqRange(3, 6)
    return PoseEvent(job_id, "run", 7, 1, 2, 3, "geometric", "1", "", estimates, {"track": 0.005}, skipped)


@pytest.fixture
def published(stack: Addresses) -> tuple[str, int]:
    """One event on ``poses`` through our codec and broker: its key and partition."""
    job_id, number = f"foreign-{uuid.uuid4().hex[:8]}", 5
    broker = KafkaBroker(stack.kafka)
    broker.ensure_topics(specs(["default"], DEFAULT_PARTITIONS))
    producer = broker.producer()
    producer.send(Partition(POSES, number), job_id.encode(), Codec(stack.registry).encode(POSES, an_event(job_id)))
    producer.flush(30)
    producer.close()
    return job_id, number


def test_the_avro_deserializer_reads_pose_events(stack: Addresses, published: tuple[str, int]) -> None:
    job_id, number = published
    consumer = Consumer({"bootstrap.servers": stack.kafka, "group.id": "foreign", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(POSES, number, 0)])
    with SchemaRegistryClient({"url": stack.registry, "timeout": 10}) as client:
        # knows nothing but the registry; the strategy spares it a question that only Confluent's own can answer
        read = AvroDeserializer(client, conf={"subject.name.strategy": topic_subject_name_strategy})
        found = None
        for _ in range(5000):  # events of other tests may lie before ours
            message = consumer.poll(0.2)
            if message is not None and message.error() is None and message.key() == job_id.encode():
                found = read(message.value(), SerializationContext(POSES, MessageField.VALUE))
                break
    consumer.close()
    assert found is not None
    assert (found["job_id"], found["seq"], found["skipped"]) == (job_id, 7, {"first": 3, "last": 6})
    mug = found["estimates"]["mug"]
    assert mug["rotation"] == POSE.rotation.ravel().tolist()
    assert mug["translation_m"] == [0.1, -0.2, 0.75]
    assert (mug["score"], mug["state"], len(mug["covariance"])) == (0.75, "tracked", 36)
    assert "memory" not in mug
    assert found["estimates"]["box"]["rotation"] is None


@pytest.mark.node
def test_kafkajs_reads_pose_events(stack: Addresses, published: tuple[str, int], tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("needs node and npm on PATH")
    packages = ["kafkajs@2", "@kafkajs/confluent-schema-registry@3"]
    subprocess.run([npm, "install", "--no-audit", "--no-fund", *packages], cwd=tmp_path, check=True, timeout=180)
    script = """
        const { Kafka, logLevel } = require("kafkajs");
        const { SchemaRegistry } = require("@kafkajs/confluent-schema-registry");
        const [brokers, host, key] = process.argv.slice(2);
        const registry = new SchemaRegistry({ host });
        const consumer = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).consumer({ groupId: key });
        (async () => {
          await consumer.connect();
          await consumer.subscribe({ topic: "poses", fromBeginning: true });
          await consumer.run({ eachMessage: async ({ message }) => {
            if (message.key.toString() !== key) return;
            const event = await registry.decode(message.value);
            const text = (_, v) => (typeof v === "bigint" ? Number(v) : v);
            process.stdout.write(JSON.stringify(event, text), () => process.exit(0));
          } });
        })();
    """
    (tmp_path / "read.js").write_text(textwrap.dedent(script))
    command = [node, "read.js", stack.kafka, stack.registry, published[0]]
    out = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    event = json.loads(out.stdout)
    assert (event["job_id"], event["seq"]) == (published[0], 7)
    assert event["estimates"]["mug"]["translation_m"] == [0.1, -0.2, 0.75]


def changed_schema(**field: object) -> Schema:
    schema = json.loads((resources.files("schemas") / "avro" / "pose_event.avsc").read_text())
    schema["fields"].append(field)
    return Schema(json.dumps(schema), "AVRO")


def test_the_registry_takes_a_field_with_a_default_and_refuses_one_without(
    stack: Addresses, published: tuple[str, int]
) -> None:
    assert published
    with SchemaRegistryClient({"url": stack.registry}) as client:
        assert client.test_compatibility(f"{POSES}-value", changed_schema(name="more", type="string", default=""))
        assert not client.test_compatibility(f"{POSES}-value", changed_schema(name="more", type="string"))
        with pytest.raises(SchemaRegistryError):
            client.register_schema(f"{POSES}-value", changed_schema(name="more", type="string"))


def test_an_unknown_id_is_a_bad_message_and_a_registry_that_is_away_is_not(stack: Addresses) -> None:
    data = struct.pack(">bI", 0, 99_999_999) + b"x"
    with pytest.raises(BadMessage, match="schema id 99999999: expected one that the registry knows"):
        Codec(stack.registry).decode(data, PoseEvent)
    with pytest.raises(RegistryUnavailable, match=r"http://127\.0\.0\.1:1"):
        Codec("http://127.0.0.1:1").decode(data, PoseEvent)


def test_without_auto_register_our_schemas_must_be_there(stack: Addresses) -> None:
    strict = Codec(stack.registry, auto_register=False)
    topic = f"unseen-{uuid.uuid4().hex[:6]}"
    with pytest.raises(Exception, match=f"subject {topic}-value: the registry refused our schema"):
        strict.encode(topic, an_event("x"))
    Codec(stack.registry).encode(topic, an_event("x"))
    assert strict.decode(strict.encode(topic, an_event("x")), PoseEvent).seq == 7


def test_the_schemas_are_found_in_an_installed_wheel(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    for path in ("schemas/avro/frame.avsc", "sink/notifier/static/index.html", "posestream/stack/kafka.lock"):
        assert (tmp_path / "site" / path).is_file(), path
    assert list((tmp_path / "site" / "sink" / "migrations").rglob("*.py"))
