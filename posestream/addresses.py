"""Which servers a command talks to: those it is told, else those of the running local stack."""

import os

from posestream.stack import Addresses, Stack, addresses_from_environment


def adopt_running_stack() -> None:
    """Where no POSESTREAM_* address is set and the local stack ``default`` runs, take over its addresses.

    They become this process's environment, so that every option finds them and ``--help`` shows the same rule.

    Raises:
        StackError: Some of the three addresses are set and some are not.
    """
    if addresses_from_environment() is not None:
        return
    running = Stack().addresses()
    if running is not None:
        os.environ.update(running.as_environment())


def known_addresses() -> Addresses | None:
    """The addresses of the environment or of the running local stack; None where there are neither."""
    return addresses_from_environment() or Stack().addresses()
