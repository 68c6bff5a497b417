"""Servers for as long as something runs against them."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from posestream.stack.addresses import Addresses, addresses_from_environment
from posestream.stack.stack import Stack


@contextmanager
def passing_stack(name: str) -> Generator[Addresses, None, None]:
    """The servers that the environment names; where it names none, a stack in a folder of its own that goes afterwards.

    Args:
        name: Of that stack.

    Raises:
        StackError: See ``addresses_from_environment`` and ``Stack.up``.
    """
    if addresses := addresses_from_environment():
        yield addresses
        return
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # as root, Postgres runs under another account, which must get in
        with Stack(name, Path(folder) / name) as addresses:
            yield addresses
