"""The ids that Kafka gives its topics: a topic made anew under an old name has another one."""

from collections.abc import Collection, Mapping

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from schemas import Overloaded, PosestreamError

_TIMEOUT_S = 10.0


class TopicUnknown(PosestreamError):
    """A topic that must be there is not."""


def topic_ids(kafka: str, topics: Collection[str]) -> Mapping[str, str]:
    """Topic name -> id, as the cluster knows them now; blocking.

    Args:
        kafka: Bootstrap servers, ``host:port,...``.
        topics: Names; each must exist.

    Raises:
        TopicUnknown: One of them does not exist.
        Overloaded: Kafka does not answer now.
    """
    admin = AdminClient({"bootstrap.servers": kafka, "socket.timeout.ms": int(_TIMEOUT_S * 1000)})
    asked = admin.describe_topics(TopicCollection(list(topics)), request_timeout=_TIMEOUT_S)
    found: dict[str, str] = {}
    for name, future in asked.items():
        try:
            found[name] = str(future.result(_TIMEOUT_S).topic_id)
        except KafkaException as error:
            msg = f"topic {name}: expected to find it at {kafka}, got: {error.args[0]}"
            unknown = error.args[0].name() == "UNKNOWN_TOPIC_OR_PART"
            raise (TopicUnknown(msg) if unknown else Overloaded(msg)) from error
    return found
