"""The thread that feeds jobs, in one process of those on a database."""

import logging
import os
import threading

from confluent_kafka import KafkaException
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from schemas import PosestreamError
from schemas.codec import Codec
from schemas.heartbeat import BEAT_S
from sink.feeding.commands import Commands
from sink.feeding.supervisor import Supervisor
from sink.jobs import job_book
from sink.leading import leads
from sink.settings import SinkSettings

_log = logging.getLogger("posestream.sink.feeding")

_ROUND_S = 0.1
_CHECK_ROUNDS = 20
_LOCK = 0x66656564  # "feed"


def feed(settings: SinkSettings, codec: Codec, engine: Engine, stop: threading.Event) -> None:
    """Feed jobs until ``stop``, while no other process on the same database does; blocking.

    Whatever is away is waited for. Producers outlive an absence of Kafka, but not one of Postgres: another process
    may feed then.
    """
    commands = Commands(settings, os.environ)

    while not stop.is_set():
        supervisor = Supervisor(commands.feed, settings.managed_producers)
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                if leads(connection, _LOCK):
                    try:
                        _feed(settings.kafka, codec, connection, supervisor, stop)
                    finally:
                        supervisor.end_all()
                        connection.invalidate()  # and with it the lock, also where the database does not answer
        except SQLAlchemyError as error:
            _log.warning("no job is fed right now: %s", error)
        stop.wait(BEAT_S)


def _feed(kafka: str, codec: Codec, connection: Connection, supervisor: Supervisor, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            book, rounds = job_book(kafka, codec), 0
            with book.ledger() as ledger:
                while not stop.wait(_ROUND_S):
                    if rounds % _CHECK_ROUNDS == 0:
                        connection.execute(text("SELECT 1"))  # the lock is gone with the connection
                    supervisor.look(book, ledger)
                    rounds += 1
        except (KafkaException, PosestreamError, TimeoutError) as error:
            _log.warning("jobs are not looked at right now: %s", error)
            connection.execute(text("SELECT 1"))
            stop.wait(BEAT_S)
