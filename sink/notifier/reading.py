"""Reading topics outside any group: every notifier process hears everything."""

import logging

from confluent_kafka import Consumer, Message

from schemas import PosestreamError
from schemas.connections import CONNECTIONS
from schemas.topics import MESSAGE_LIMIT_BYTES

_log = logging.getLogger("posestream.notifier")


class FeedFailed(PosestreamError):
    """Kafka does not give what the feed needs."""


def consumer_of(kafka: str) -> Consumer:
    """A consumer that joins no group and starts at the end."""
    return Consumer(
        {
            "bootstrap.servers": kafka,
            **CONNECTIONS,
            "group.id": "posestream-notifier",  # the client demands one; it is never joined nor committed to
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "auto.offset.reset": "latest",
            "fetch.wait.max.ms": 100,
            "fetch.queue.backoff.ms": 5,
            "fetch.message.max.bytes": MESSAGE_LIMIT_BYTES,
            "queued.max.messages.kbytes": 2 * MESSAGE_LIMIT_BYTES // 1024,
        }
    )


def messages_of(consumer: Consumer, count: int, timeout_s: float) -> list[Message]:
    """What came, without errors: librdkafka gets over those of the network by itself."""
    good: list[Message] = []
    for message in consumer.consume(count, timeout_s):
        error = message.error()
        if error is None:
            good.append(message)
        elif error.fatal():
            raise FeedFailed(str(error))
        else:
            _log.info("kafka: %s", error)
    return good
