"""Loopback ports: free ones to choose, taken ones to explain."""

import random
import socket
import sys
import time
from collections.abc import Collection

import psutil

from posestream.stack.errors import StackError

HOST = "127.0.0.1"
# below the range that systems lend to outgoing connections, so that a kept port is still free tomorrow
_LOWEST, _HIGHEST = 20_000, 29_999
_TRIES = 1000


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform != "win32":
            # connections of the last run that still wind down do not count as taken
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_open(port: int) -> bool:
    """Whether something answers on this loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def choose_free(taken: Collection[int]) -> int:
    """A free port that is not in ``taken``.

    Raises:
        StackError: A thousand ports tried at random were all in use.
    """
    choice = random.SystemRandom()
    for _ in range(_TRIES):
        port = choice.randint(_LOWEST, _HIGHEST)
        if port not in taken and is_free(port):
            return port
    msg = f"no free port between {_LOWEST} and {_HIGHEST} on {HOST}"
    raise StackError(msg)


def require_free(port: int, what: str, patience_s: float = 2.0) -> None:
    """Make sure that ``what`` can listen on ``port``.

    Args:
        port: A loopback port.
        what: The port's name, as in the option that chooses it.
        patience_s: A server that was killed a moment ago may still hold its port.

    Raises:
        StackError: The port is taken; the message names it and, where that can be seen, its holder.
    """
    deadline_s = time.monotonic() + patience_s
    while not is_free(port):
        if time.monotonic() > deadline_s:
            msg = (
                f"port {port} ({what}) on {HOST} is taken{_holder(port)}: stop that program, or choose another "
                f"port with 'posestream stack up --{what}-port PORT'"
            )
            raise StackError(msg)
        time.sleep(0.05)


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("inet"):
            taken = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if taken and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.AccessDenied, psutil.NoSuchProcess):
        return ""
    return ""
