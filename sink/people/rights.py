"""Roles, what one may do with a job, and the rule that each route has."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from math import inf


class Role(IntEnum):
    """What a user may do at all; each may do what those before it may."""

    VIEWER = 1
    """Look at jobs that one was let in to."""
    OPERATOR = 2
    """Make jobs, and do everything with one's own."""
    ADMIN = 3
    """Everything, with everybody's jobs, users included."""

    @property
    def word(self) -> str:
        """As users see it."""
        return self.name.lower()

    @staticmethod
    def of(word: str) -> "Role":
        """The role of a word; ValueError names those that there are."""
        for role in Role:
            if role.word == word:
                return role
        msg = f"role: expected {', '.join(role.word for role in Role)}, got {word[:80]!r}"
        raise ValueError(msg)


class Right(StrEnum):
    """What one may do with one job."""

    OWNER = "owner"
    READER = "reader"


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use a route.

    Attributes:
        role: At least this one; None where nobody need be known.
        right: On the job that the path names; admins have every right on every job.
    """

    role: Role | None
    right: Right | None = None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        user_id: "" where there are no accounts.
        name: For people.
        role: As it is now, not as it was when a token was made.
        session_id: Of the log-in; "" for API keys.
        ends_s: When the token ends, seconds since the Unix epoch.
    """

    user_id: str
    name: str
    role: Role
    session_id: str = ""
    ends_s: float = inf


LOCAL = Principal("", "local", Role.ADMIN)
"""Whoever asks a service without accounts, which only binds to loopback."""


class Refused(Exception):
    """Not let in.

    Attributes:
        status: 401 where it is not known who asks, 403 where that is known, 404 where not even that may be known,
            429 for too many.
        reason: One line for people.
        retry_after_s: For 429.
    """

    def __init__(self, status: int, reason: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s
