"""What goes in and out of the routes about people."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
Name = Annotated[str, Field(pattern=NAME)]
Password = Annotated[str, Field(min_length=1, max_length=1024)]
RoleWord = Literal["viewer", "operator", "admin"]


class Strict(BaseModel):
    """What is not known is refused."""

    model_config = ConfigDict(extra="forbid")


class LogIn(Strict):
    """Name and password."""

    name: str = Field(max_length=128)
    password: Password


class Refresh(Strict):
    """The refresh token of the last pair."""

    refresh_token: str = Field(max_length=512)


class TokenAnswer(BaseModel):
    """A pair of tokens; the refresh token is good once."""

    access_token: str
    refresh_token: str
    expires_in_s: float
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - no password


class Me(BaseModel):
    """Who asks."""

    name: str
    role: RoleWord


class NewPassword(Strict):
    """The old one and the new one; the new one has at least 12 characters."""

    old: Password
    new: str = Field(min_length=12, max_length=1024)


class TicketAnswer(BaseModel):
    """A ticket for one websocket, ``/ws?ticket=...``."""

    ticket: str
    expires_in_s: float


class NewKey(Strict):
    """What an API key is for, and for how long it is good; without an end if null."""

    name: str = Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]*$")
    days: int | None = Field(None, ge=1, le=3650)


class KeyAnswer(BaseModel):
    """An API key; ``key`` itself is shown once, when it is made."""

    id: str
    name: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    key: str | None = None


class NewUser(Strict):
    """An account; without a password nobody can log in with it."""

    name: Name
    role: RoleWord
    password: str | None = Field(None, min_length=12, max_length=1024)


class UserChange(Strict):
    """What is to be another; null leaves it as it is."""

    role: RoleWord | None = None
    disabled: bool | None = None
    password: str | None = Field(None, min_length=12, max_length=1024)


class UserAnswer(BaseModel):
    """An account."""

    name: str
    role: RoleWord
    has_password: bool
    disabled: bool
    created_at: datetime


class AuditLine(BaseModel):
    """Something that somebody changed, or was refused."""

    id: int
    at: datetime
    who: str
    address: str
    action: str
    target: str
    outcome: int


class AuditPage(BaseModel):
    """The newest lines first; ``next`` is the ``before`` of the next page, null at the end."""

    lines: list[AuditLine]
    next: int | None


class ProblemAnswer(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
