"""Schema ids, as a Confluent-compatible registry gives them out."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from time import monotonic
from typing import Any

from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    Schema,
    SchemaRegistryClient,
    SchemaRegistryError,
    ServerConfig,
)

from schemas.errors import BadMessage, Overloaded, PosestreamError
from schemas.topics import POSES

_NOT_FOUND = 404
_TIMEOUT_S = 10
_PAUSE_S = 1.0
_EXISTS = 409
_CONFLICT = (_EXISTS, 422)


class RegistryUnavailable(Overloaded):
    """The registry does not answer now: nothing can be said about any message, so none is given up on."""


class SchemaRefused(PosestreamError):
    """The registry holds a schema that ours is not compatible with; somebody must decide."""


class Registry:
    """Looks schemas up and registers ours, each once. Thread-safe.

    Subjects are ``<topic>-value``. A subject that we register is held to BACKWARD_TRANSITIVE, ``poses`` to
    FULL_TRANSITIVE: replay reads every old version, and foreign readers of poses may be older than we are.

    Args:
        url: Its address; ``mock://NAME`` is one in memory, shared by equal names in a process.
        auto_register: Whether unknown schemas are registered; else they must be there.
        clock: Seconds, monotonic.
    """

    def __init__(self, url: str, *, auto_register: bool, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._away = ""
        self._ask_again_at_s = 0.0
        self._url = url
        self._auto_register = auto_register
        self._ids: dict[tuple[str, str], int] = {}
        self._texts: dict[int, str] = {}
        self._lock = Lock()

    def id_of(self, topic: str, schema: str) -> int:
        """The id under which a schema stands for a topic.

        Raises:
            RegistryUnavailable: No answer.
            SchemaRefused: Not compatible with what is registered, or not registered and we may not.
        """
        with self._lock:
            if (topic, schema) not in self._ids:
                with self._patience():
                    self._ids[topic, schema] = self._register(f"{topic}-value", Schema(schema, "AVRO"))
            return self._ids[topic, schema]

    def schema_of(self, schema_id: int) -> str:
        """The text of a schema.

        Raises:
            RegistryUnavailable: No answer.
            BadMessage: The registry answers that there is none of that id.
        """
        with self._lock:
            if schema_id not in self._texts:
                with self._patience():
                    self._texts[schema_id] = self._fetch(schema_id)
            return self._texts[schema_id]

    @contextmanager
    def _patience(self) -> Generator[None]:
        """After a question without an answer ask none for twice as long as that took: callers have other work."""
        began_s = self._clock()
        if began_s < self._ask_again_at_s:
            raise RegistryUnavailable(self._away)
        try:
            yield
        except RegistryUnavailable as error:
            now_s = self._clock()
            self._away = str(error)
            self._ask_again_at_s = now_s + max(_PAUSE_S, 2 * (now_s - began_s))
            raise

    def _fetch(self, schema_id: int) -> str:
        try:
            with _client(self._url) as client:
                text = client.get_schema(schema_id).schema_str
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                reason = f"schema id {schema_id}: expected one that the registry knows, it knows none such"
                raise BadMessage(reason) from error
            raise self._unavailable(error) from error
        except Exception as error:
            raise self._unavailable(error) from error
        if text is None:
            reason = f"schema id {schema_id}: expected an Avro schema, got none"
            raise BadMessage(reason)
        return text

    def _register(self, subject: str, schema: Schema) -> int:
        try:
            with _client(self._url) as client:
                if not self._auto_register:
                    return _number(client.lookup_schema(subject, schema).schema_id)
                _hold_to(client, subject)
                return client.register_schema(subject, schema)
        except SchemaRegistryError as error:
            if error.http_status_code in (*_CONFLICT, _NOT_FOUND):
                msg = f"subject {subject}: the registry refused our schema: {error.error_message}"
                raise SchemaRefused(msg) from error
            raise self._unavailable(error) from error
        except Exception as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> RegistryUnavailable:
        return RegistryUnavailable(f"schema registry {self._url}: no use of it: {error}")


def _compatibility(subject: str) -> ConfigCompatibilityLevel:
    if subject == f"{POSES}-value":
        return ConfigCompatibilityLevel.FULL_TRANSITIVE
    return ConfigCompatibilityLevel.BACKWARD_TRANSITIVE


def _hold_to(client: Any, subject: str) -> None:  # noqa: ANN401 - the mock is no subclass
    """Set a subject's compatibility; of two processes that do it first at once, Apicurio refuses one with 409."""
    wanted = ServerConfig(compatibility=_compatibility(subject))
    try:
        client.set_config(subject, wanted)
    except SchemaRegistryError as error:
        if error.http_status_code != _EXISTS:
            raise
        client.set_config(subject, wanted)


def _number(schema_id: int | None) -> int:
    if schema_id is None:
        msg = "schema registry: expected an id with a registered schema, got none"
        raise SchemaRefused(msg)
    return schema_id


@contextmanager
def _client(url: str) -> Generator[Any]:
    """A client for one question: they are few, each answer is kept, and no connection is left to be closed."""
    if url.startswith("mock://"):
        yield _mock(url)
    else:
        with SchemaRegistryClient({"url": url, "timeout": _TIMEOUT_S, "max.retries": 0}) as client:
            yield client


@lru_cache
def _mock(url: str) -> Any:  # noqa: ANN401 - the mock is no subclass
    return SchemaRegistryClient.new_client({"url": url})
