"""Where the three servers answer: the words that everything else needs from a stack."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from posestream.stack.errors import StackError

VARIABLES = {"kafka": "POSESTREAM_KAFKA", "registry": "POSESTREAM_REGISTRY", "database": "POSESTREAM_DATABASE"}


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a broker, a schema registry and a database.

    Attributes:
        kafka: Bootstrap servers, ``host:port[,host:port]``.
        registry: Base URL of the registry's Confluent-compatible interface.
        database: SQLAlchemy URL, ``postgresql+psycopg2://user:password@host:port/name``; not in the
            repr, since it holds a password.
    """

    kafka: str
    registry: str
    database: str = field(repr=False)

    def as_environment(self) -> dict[str, str]:
        """The POSESTREAM_* variables that name these servers to a child process."""
        return {variable: getattr(self, name) for name, variable in VARIABLES.items()}


def addresses_from_environment(environment: Mapping[str, str] | None = None) -> Addresses | None:
    """Addresses from POSESTREAM_KAFKA, POSESTREAM_REGISTRY and POSESTREAM_DATABASE.

    Args:
        environment: The variables; None for this process's own.

    Returns:
        None where none of the three is set.

    Raises:
        StackError: Some are set and some are not; the message names the missing ones.
    """
    variables = os.environ if environment is None else environment
    found = {name: variables.get(variable, "") for name, variable in VARIABLES.items()}
    missing = [VARIABLES[name] for name, value in found.items() if not value]
    if len(missing) == len(VARIABLES):
        return None
    if missing:
        msg = f"{', '.join(missing)} not set: give all of {', '.join(VARIABLES.values())}, or none for a local stack"
        raise StackError(msg)
    return Addresses(**found)
