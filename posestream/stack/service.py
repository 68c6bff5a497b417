"""What the stack asks of each of its three servers."""

import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from posestream.stack.disk import disk_full, tells_of_full_disk
from posestream.stack.errors import StackError
from posestream.stack.processes import Command

if TYPE_CHECKING:
    import subprocess


class Service(Protocol):
    """One server of a stack. Its methods run in a thread of its own, never two at once.

    Attributes:
        name: ``kafka``, ``registry`` or ``database``.
        port_names: Names of the ports it listens on, the one for clients first.
        marker: The word on its command line that only this server of this stack has.
        stop_signal: The signal that ends it in order.
        stop_grace_s: How long that may take.
    """

    name: str
    port_names: tuple[str, ...]
    marker: str
    stop_signal: int
    stop_grace_s: float

    def prepare(self) -> Command:
        """Make its data folder where there is none, clear what a kill left; the command to start it."""
        ...

    def is_ready(self) -> bool:
        """Whether it answers a client; takes two seconds at most."""
        ...

    def ended(self, *, in_order: bool) -> None:
        """Called after it ended, in order or killed."""
        ...


def marker(folder: Path, name: str) -> str:
    """The word on a command line by which a server of the stack in ``folder`` is found."""
    return f"posestream.folder={folder / name}"


@contextmanager
def made_whole(target: Path) -> Generator[Path]:
    """A scratch folder that becomes ``target`` when the block ends well; leftovers of killed tries go.

    Its name is new each time: the tool of a killed try may still run. Files that belong to the try
    are named after it, with a suffix.
    """
    for leftover in target.parent.glob(f".{target.name}-*"):
        if leftover.is_dir():
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield scratch
        scratch.rename(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def check_made(who: str, folder: Path, tool: "subprocess.CompletedProcess[str]") -> None:
    """Make sure that a server's tool made its data folder.

    Raises:
        StackError: It ended with an error; the message holds what it said.
    """
    said = (tool.stderr or tool.stdout).strip()
    if tool.returncode and tells_of_full_disk(said):
        raise disk_full(folder, f"{who} cannot make its data folder", "--data")
    if tool.returncode:
        msg = f"{who} could not make its data folder {folder}: {said}"
        raise StackError(msg)


def answers(url: str) -> bool:
    """Whether a loopback HTTP address answers with success; proxies of the environment are not asked."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return response.status == 200
    except (OSError, urllib.error.URLError):
        return False
