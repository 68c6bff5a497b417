"""Who asks: log-ins with a password, tokens that follow on each other, API keys, and whether they still hold."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf

from sqlalchemy import Connection, Engine, insert, select, update

from sink.people.models import ApiKeyRow, SessionRow, UserRow
from sink.people.rights import Principal, Refused, Role
from sink.people.secret import hash_secret, is_password, is_secret, new_secret
from sink.people.tokens import ACCESS_S, Tokens
from sink.people.transactions import begun

REFRESH = timedelta(days=14)
KEY_PREFIX = "psk_"
_KEY_PARTS = 3


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a log-in gives.

    Attributes:
        access: Sent as ``Authorization: Bearer`` with each request; good for ``expires_in_s``.
        refresh: Gives the next pair, once.
    """

    access: str
    refresh: str
    expires_in_s: float = ACCESS_S


class Sessions:
    """Lets people and programs in; may be used by several threads.

    Every method raises ``Overloaded`` while Postgres does not answer, and ``Refused`` with 401 for what does not hold.

    Args:
        engine: Of a migrated database.
        tokens: Makes and reads access tokens.
        now_s: Seconds since the Unix epoch.
    """

    def __init__(self, engine: Engine, tokens: Tokens, now_s: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._tokens = tokens
        self._now_s = now_s

    def log_in(self, name: str, password: str) -> TokenPair:
        """Begin a session; it is not told whether name or password was wrong, nor by the time it takes."""
        with begun(self._engine) as connection:
            query = select(UserRow.id, UserRow.password_hash).where(UserRow.name == name, UserRow.disabled_at.is_(None))
            row = connection.execute(query).first()
        if not is_password(row[1] if row else None, password) or row is None:
            raise Refused(401, "log-in: name or password is wrong")
        session_id, secret = uuid.uuid4().hex, new_secret()
        with begun(self._engine) as connection:
            values = {"id": session_id, "user_id": row[0], "refresh_hash": hash_secret(secret)}
            connection.execute(insert(SessionRow).values(values | {"expires_at": self._now() + REFRESH}))
        return self._pair(row[0], session_id, secret)

    def refresh(self, token: str) -> TokenPair:
        """The next pair of a session; one that was used before ends the whole session: somebody else has it."""
        session_id, _, secret = token.partition(".")
        fresh = new_secret()
        with begun(self._engine) as connection:
            standing = _standing(connection, session_id, lock=True)
            if standing is None or standing.expires_at <= self._now():
                raise Refused(401, "refresh token: expired, revoked or not one of ours")
            good = is_secret(standing.refresh_hash, secret)
            changed = {"refresh_hash": hash_secret(fresh)} if good else {"revoked_at": self._now()}
            connection.execute(update(SessionRow).where(SessionRow.id == session_id).values(changed))
        if not good:
            raise Refused(401, "refresh token: used before; its session is ended")
        return self._pair(standing.user.user_id, session_id, fresh)

    def log_out(self, session_id: str) -> None:
        """End a session: none of its tokens holds any more."""
        with begun(self._engine) as connection:
            mine = (SessionRow.id == session_id) & SessionRow.revoked_at.is_(None)
            connection.execute(update(SessionRow).where(mine).values(revoked_at=self._now()))

    def principal(self, bearer: str) -> Principal:
        """Who a token or an API key stands for, as things are now."""
        if bearer.startswith(KEY_PREFIX):
            return self._by_key(bearer)
        token = self._tokens.read(bearer)
        with begun(self._engine) as connection:
            standing = _standing(connection, token.session_id)
        if standing is None or standing.user.user_id != token.user_id:
            raise Refused(401, "token: its session is ended")
        return Principal(token.user_id, standing.user.name, standing.user.role, token.session_id, token.ends_s)

    def make_key(self, user_id: str, name: str, good_for: timedelta | None) -> tuple[str, str]:
        """A new API key of a user: its id, and the key, which is shown once."""
        key_id, secret = uuid.uuid4().hex, new_secret()
        ends = None if good_for is None else self._now() + good_for
        with begun(self._engine) as connection:
            values = {"id": key_id, "user_id": user_id, "name": name, "secret_hash": hash_secret(secret)}
            connection.execute(insert(ApiKeyRow).values(values | {"expires_at": ends}))
        return key_id, f"{KEY_PREFIX}{key_id}_{secret}"

    def revoke_key(self, key_id: str, user_id: str) -> bool:
        """End a key of a user; whether there was one."""
        with begun(self._engine) as connection:
            mine = (ApiKeyRow.id == key_id) & (ApiKeyRow.user_id == user_id) & ApiKeyRow.revoked_at.is_(None)
            changed = update(ApiKeyRow).where(mine).values(revoked_at=self._now()).returning(ApiKeyRow.id)
            return connection.execute(changed).first() is not None

    def keys(self, user_id: str) -> list[tuple[str, str, datetime, datetime | None]]:
        """Good keys of a user: id, name, since when and until when."""
        columns = (ApiKeyRow.id, ApiKeyRow.name, ApiKeyRow.created_at, ApiKeyRow.expires_at)
        query = select(*columns).where(ApiKeyRow.user_id == user_id, ApiKeyRow.revoked_at.is_(None))
        with begun(self._engine) as connection:
            return [
                (row[0], row[1], row[2], row[3]) for row in connection.execute(query.order_by(ApiKeyRow.created_at))
            ]

    def _by_key(self, bearer: str) -> Principal:
        parts = bearer.split("_", 2)
        key_id, secret = (parts[1], parts[2]) if len(parts) == _KEY_PARTS else ("", "")
        columns = (UserRow.id, UserRow.name, UserRow.role, ApiKeyRow.secret_hash, ApiKeyRow.expires_at)
        good = (ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None), UserRow.disabled_at.is_(None))
        query = select(*columns).join(ApiKeyRow, ApiKeyRow.user_id == UserRow.id).where(*good)
        with begun(self._engine) as connection:
            row = connection.execute(query).first()
        ends: datetime | None = row[4] if row else None
        if row is None or not is_secret(row[3], secret) or (ends is not None and ends <= self._now()):
            raise Refused(401, "API key: expired, revoked or not one of ours")
        ends_s = ends.timestamp() if ends is not None else inf
        return Principal(row[0], row[1], Role.of(row[2]), "", ends_s)

    def _pair(self, user_id: str, session_id: str, secret: str) -> TokenPair:
        return TokenPair(self._tokens.make(user_id, session_id), f"{session_id}.{secret}")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._now_s(), UTC)


@dataclass(frozen=True, slots=True)
class _Standing:
    """A session that is not revoked, of a user who is not disabled."""

    user: Principal
    refresh_hash: str
    expires_at: datetime


def _standing(connection: Connection, session_id: str, *, lock: bool = False) -> _Standing | None:
    columns = (UserRow.id, UserRow.name, UserRow.role, SessionRow.refresh_hash, SessionRow.expires_at)
    good = (SessionRow.id == session_id, SessionRow.revoked_at.is_(None), UserRow.disabled_at.is_(None))
    query = select(*columns).join(SessionRow, SessionRow.user_id == UserRow.id).where(*good)
    if lock:
        query = query.with_for_update(of=SessionRow)
    row = connection.execute(query).first()
    return None if row is None else _Standing(Principal(row[0], row[1], Role.of(row[2])), row[3], row[4])
