"""A transaction whose end never comes back from Kafka's client."""

import threading
import time
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumers.broker import Partition, Position
from consumers.kafka_transactions import TransactionalProducer
from consumers.patience import Patience

FRAMES = {Partition("frames", 0): Position(7)}


class Client:
    """What a transactional producer asks of librdkafka."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.answer = threading.Event()
        self.error: Exception | None = None

    def begin_transaction(self) -> None:
        self.said.append("begin")

    def send_offsets_to_transaction(self, *_: Any) -> None:
        self.answer.wait(30)
        if self.error:
            raise self.error

    def abort_transaction(self, _timeout_s: float) -> None:
        self.said.append("abort")
        if self.error and self.error.args[0].txn_requires_abort():
            return
        raise KafkaException(KafkaError(KafkaError._FENCED, "fenced"))

    def purge(self) -> None:
        pass

    def flush(self, _timeout_s: float) -> int:
        raise KafkaException(KafkaError(KafkaError._FENCED, "fenced"))

    def commit_transaction(self, _timeout_s: float) -> None:
        self.said.append("commit")


@pytest.fixture
def producer() -> TransactionalProducer:
    made = TransactionalProducer.__new__(TransactionalProducer)
    client = Client()
    values = {"_producer": client, "_open": False, "_first_ticket": 0, "broken": "", "_error": "", "_tickets": 0}
    for name, value in (values | {"_on_the_way": {}, "_sound": False, "_patience": Patience()}).items():
        setattr(made, name, value)
    return made


def test_it_is_given_up_where_the_client_never_comes_back(producer: TransactionalProducer) -> None:
    began_s = time.monotonic()
    assert not producer.commit(FRAMES, None, 0.1)
    assert time.monotonic() - began_s < 5
    assert producer.broken == "Kafka's client did not end the transaction in 0.1 s"
    producer._producer.answer.set()


def test_it_is_committed_where_it_comes_back(producer: TransactionalProducer) -> None:
    producer._producer.answer.set()
    assert producer.commit(FRAMES, None, 5.0)
    assert producer._producer.said == ["begin", "commit"]


def test_a_refusal_says_why(producer: TransactionalProducer) -> None:
    producer._producer.answer.set()
    producer._producer.error = KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "moved"))
    assert not producer.commit(FRAMES, None, 5.0)
    assert "moved" in producer.broken


def test_a_refusal_by_the_group_is_undone_by_the_client_itself(producer: TransactionalProducer) -> None:
    client = producer._producer
    client.answer.set()
    client.error = KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION, "moved", False, False, True))
    assert not producer.commit(FRAMES, None, 5.0)
    producer.recover(5.0)
    assert client.said == ["begin", "abort"]
    assert (producer._producer, producer.broken) == (client, "")
    client.error = None
    assert producer.commit(FRAMES, None, 5.0)


def test_what_the_old_client_still_says_is_of_no_interest(producer: TransactionalProducer) -> None:
    producer._first_ticket = 3
    producer._on_the_way = {3: None}
    producer._settle(2, KafkaError(KafkaError._MSG_TIMED_OUT), None, None)  # type: ignore[arg-type]
    assert producer._error == ""


def test_patience_is_a_few_times_what_it_took_and_grows_where_it_was_too_little() -> None:
    patience = Patience()
    assert patience.limit_s(10.0) == 10.0, "nothing is known yet"
    for _ in range(50):
        patience.took(0.01)
    assert patience.limit_s(10.0) == 1.0
    patience.ended()
    patience.ended()
    assert patience.limit_s(10.0) == 4.0, "a network that grew slow is waited for"
    patience.took(1.0)
    assert patience.limit_s(10.0) == 8.0
    assert patience.limit_s(2.0) == 2.0


def test_a_client_that_was_fenced_is_let_go_without_a_word(producer: TransactionalProducer) -> None:
    producer._open = True
    producer.close()
    producer.close()
