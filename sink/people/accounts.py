"""Local accounts: who there is, and their passwords."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from schemas import PosestreamError
from schemas.job import check_id
from sink.people.models import SessionRow, UserRow
from sink.people.rights import Role
from sink.people.secret import hash_password
from sink.people.transactions import begun

FIRST_ADMIN = "admin"
_FIRST_LOCK = 0x61646D69  # "admi": two services that start at once make one admin


class AccountError(PosestreamError):
    """There is no such account, or there is one already."""


@dataclass(frozen=True, slots=True)
class User:
    """An account; fields as in ``sink.people.models.UserRow``."""

    id: str
    name: str
    role: Role
    has_password: bool
    created_at: datetime
    disabled: bool


class Accounts:
    """Reads and changes accounts; may be used by several threads.

    Every method raises ``Overloaded`` while Postgres does not answer.

    Args:
        engine: Of a migrated database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def make_first_admin(self) -> bool:
        """Make the account ``admin``, without a password, where there is no account at all; whether it was made."""
        with begun(self._engine) as connection:
            connection.execute(select(func.pg_advisory_xact_lock(_FIRST_LOCK)))
            if connection.execute(select(func.count()).select_from(UserRow)).scalar_one():
                return False
            connection.execute(insert(UserRow).values(id=_new_id(), name=FIRST_ADMIN, role=Role.ADMIN.word))
            return True

    def add(self, name: str, role: Role, password: str | None = None) -> User:
        """Make an account; without a password nobody can log in with it.

        Raises:
            AccountError: The name is taken, or may not be one.
            BadPassword: See ``hash_password``.
        """
        try:
            check_id("user name", name)
        except ValueError as error:
            raise AccountError(str(error)) from error
        hashed = None if password is None else hash_password(password)
        try:
            with begun(self._engine) as connection:
                row = {"id": _new_id(), "name": name, "role": role.word, "password_hash": hashed}
                connection.execute(insert(UserRow).values(row))
                return _user(connection, name)
        except IntegrityError as error:
            msg = f"user {name}: exists already"
            raise AccountError(msg) from error

    def all(self) -> list[User]:
        """All accounts by name."""
        with begun(self._engine) as connection:
            return _users(connection)

    def get(self, name: str) -> User:
        """One account.

        Raises:
            AccountError: There is none of that name.
        """
        with begun(self._engine) as connection:
            return _user(connection, name)

    def set_password(self, name: str, password: str) -> None:
        """Set it, and end all sessions that began with the one before.

        Raises:
            AccountError: There is no such account.
            BadPassword: See ``hash_password``.
        """
        hashed = hash_password(password)
        with begun(self._engine) as connection:
            user = _user(connection, name)
            connection.execute(update(UserRow).where(UserRow.id == user.id).values(password_hash=hashed))
            _end_sessions(connection, user.id)

    def set_role(self, name: str, role: Role) -> User:
        """Give another role; it holds at once.

        Raises:
            AccountError: There is no such account, or it is the last admin.
        """
        with begun(self._engine) as connection:
            user = _user(connection, name)
            connection.execute(update(UserRow).where(UserRow.id == user.id).values(role=role.word))
            _check_an_admin_is_left(connection)
            return _user(connection, name)

    def set_disabled(self, name: str, *, disabled: bool) -> User:
        """Let nothing of an account in any more, or let it in again.

        Raises:
            AccountError: There is no such account, or it is the last admin.
        """
        with begun(self._engine) as connection:
            user = _user(connection, name)
            at = func.now() if disabled else None
            connection.execute(update(UserRow).where(UserRow.id == user.id).values(disabled_at=at))
            _check_an_admin_is_left(connection)
            if disabled:
                _end_sessions(connection, user.id)
            return _user(connection, name)


def _new_id() -> str:
    return uuid.uuid4().hex


def _users(connection: Connection) -> list[User]:
    rows = connection.execute(select(UserRow.__table__).order_by(UserRow.name)).mappings()
    return [
        User(
            row["id"],
            row["name"],
            Role.of(row["role"]),
            row["password_hash"] is not None,
            row["created_at"],
            row["disabled_at"] is not None,
        )
        for row in rows
    ]


def _user(connection: Connection, name: str) -> User:
    users = _users(connection)
    found = next((user for user in users if user.name == name), None)
    if found is None:
        msg = f"user {name[:80]!r}: expected one of {', '.join(user.name for user in users) or '(none yet)'}"
        raise AccountError(msg)
    return found


def _end_sessions(connection: Connection, user_id: str) -> None:
    mine = (SessionRow.user_id == user_id) & SessionRow.revoked_at.is_(None)
    connection.execute(update(SessionRow).where(mine).values(revoked_at=func.now()))


def _check_an_admin_is_left(connection: Connection) -> None:
    if not any(user.role is Role.ADMIN and not user.disabled for user in _users(connection)):
        msg = "user: expected at least one admin to be left"
        raise AccountError(msg)
