"""Short transactions of the tables of accounts."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import InterfaceError, OperationalError

from schemas import Overloaded


@contextmanager
def begun(engine: Engine) -> Generator[Connection]:
    """A transaction, committed at the end of the block.

    Raises:
        Overloaded: Postgres does not answer now.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError) as error:
        reason = f"database {engine.url.render_as_string()}: {error.orig}".strip()
        raise Overloaded(reason) from error
