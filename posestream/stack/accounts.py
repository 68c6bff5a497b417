"""The user that Postgres runs as when we are root: it refuses to be root itself."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from posestream.stack.errors import StackError
from posestream.stack.folders import is_root

_NAMES = ("posestream", "postgres")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this system."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """The user to start Postgres as: None where we are an ordinary user already.

    As root: the system user ``posestream``, which is made where it is missing; where users cannot be
    made, ``postgres`` if the system has one. Never ``nobody``, whose files other services may read.

    Raises:
        StackError: We are root and neither user is there nor can be made.
    """
    if not is_root():
        return None
    if account := _lookup(_NAMES[0]):
        return account
    if shutil.which("useradd"):
        options = ("--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent")
        made = subprocess.run(
            ["useradd", *options, "--shell", "/usr/sbin/nologin", _NAMES[0]], capture_output=True, check=False
        )
        # not judged by its exit status: another `up` may have made the user at the same moment
        if account := _lookup(_NAMES[0]):
            return account
        reason = made.stderr.decode(errors="replace").strip()
    else:
        reason = "there is no useradd"
    if account := _lookup(_NAMES[1]):
        return account
    msg = (
        f"Postgres does not run as root, and no system user {_NAMES[0]!r} could be made ({reason}): make one, "
        "or run posestream as an ordinary user"
    )
    raise StackError(msg)


def _lookup(name: str) -> Account | None:
    if sys.platform == "win32":
        return None
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def check_reachable(folder: Path, account: Account | None) -> None:
    """Refuse a folder below one that the server's user cannot enter; rights are never widened.

    Raises:
        StackError: Names the folder in the way.
    """
    if account is None:
        return
    for parent in folder.resolve().parents:
        status = parent.stat()
        bit = 0o100 if status.st_uid == account.uid else 0o010 if status.st_gid == account.gid else 0o001
        if not status.st_mode & bit:
            msg = (
                f"user {account.name}, which Postgres runs as because we are root, cannot enter {parent}: choose "
                "another data folder with --data or POSESTREAM_STACK_DIR (by default it is /var/lib/posestream), "
                f"or allow it with 'chmod o+x {parent}'"
            )
            raise StackError(msg)


class Identity(TypedDict):
    """The arguments by which subprocess becomes another user."""

    user: int | None
    group: int | None
    extra_groups: list[int] | None


def identity(account: Account | None) -> Identity:
    """Become ``account`` with none of our groups; stay who we are where there is none."""
    if account is None:
        return {"user": None, "group": None, "extra_groups": None}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def give(path: Path, account: Account | None) -> None:
    """Make the server's user the owner of one folder or file."""
    if account is not None and sys.platform != "win32":
        os.chown(path, account.uid, account.gid)
