"""The book of jobs of the cluster that a sink reads."""

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from consumers.book import JobBook
from consumers.kafka import KafkaBroker
from schemas import Overloaded
from schemas.codec import Codec
from schemas.topics import JOBS

_ASK_S = 10.0


def job_book(kafka: str, codec: Codec) -> JobBook:
    """The book; asks how many partitions the topics have.

    Raises:
        Overloaded: Kafka does not answer now.
    """
    try:
        topics = AdminClient({"bootstrap.servers": kafka}).list_topics(JOBS, _ASK_S).topics
    except KafkaException as error:
        reason = f"Kafka at {kafka}: {error.args[0].str()}"
        raise Overloaded(reason) from error
    return JobBook(KafkaBroker(kafka), codec, len(topics[JOBS].partitions))
