"""The tables of accounts, as SQLAlchemy models; ``sink/migrations`` makes them."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from sink.models import Base

_NOW = func.now()
_USER = "users.id"


class UserRow(Base):
    """A local account.

    Attributes:
        id: Random; stays when the name changes.
        name: Letters, digits, ``.``, ``_`` and ``-``.
        role: viewer, operator or admin.
        password_hash: Argon2id in PHC's form; null while no password is set: then nobody can log in.
        disabled_at: Since when nothing of it is accepted.
    """

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    password_hash: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    disabled_at: Mapped[datetime | None]


class SessionRow(Base):
    """One log-in and all tokens that came of it.

    Attributes:
        refresh_hash: SHA-256 of the one refresh token that is good now; each use replaces it.
        expires_at: When the refresh token ends.
        revoked_at: Since when nothing of the session is accepted.
    """

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"))
    refresh_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class ApiKeyRow(Base):
    """A program's way in, with the rights of its user.

    Attributes:
        name: What it is for.
        secret_hash: SHA-256 of the random secret: 256 bits need no slow hash.
        expires_at: Null for never.
    """

    __tablename__ = "api_keys"
    __table_args__ = (Index(None, "user_id"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"))
    name: Mapped[str]
    secret_hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=_NOW)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class JobPersonRow(Base):
    """Whose a job is, and who else may read it; a job of the command line is nobody's.

    Attributes:
        right: owner or reader; a job has one owner at most.
    """

    __tablename__ = "job_people"
    __table_args__ = (Index("job_people_owner_idx", "job_id", unique=True, postgresql_where="\"right\" = 'owner'"),)

    job_id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey(_USER, ondelete="CASCADE"), primary_key=True)
    right: Mapped[str]


class AuditRow(Base):
    """Something that somebody changed, or was refused.

    Attributes:
        who: The user's name at that time; empty where nobody was logged in.
        address: Where the request came from.
        action: The route, as ``POST /api/v1/jobs``.
        target: What it was about, as ``job:a``.
        outcome: The status of the answer.
    """

    __tablename__ = "audit_log"
    __table_args__ = (Index(None, "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=_NOW)
    user_id: Mapped[str | None]
    who: Mapped[str]
    address: Mapped[str]
    action: Mapped[str]
    target: Mapped[str]
    outcome: Mapped[int]
    detail: Mapped[dict[str, Any]] = mapped_column(JSONB)
