"""What the routes work with, made once a process."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from fastapi import Request
from sqlalchemy import Engine

from consumers.book import JobBook
from sink.api.snapshots import Snapshots
from sink.feeding.desk import SourceDesk, no_sources
from sink.people.accounts import Accounts
from sink.people.audit import Audit, Entry
from sink.people.gate import Door
from sink.people.limits import RateLimit
from sink.people.ownership import Ownership
from sink.people.rights import Principal
from sink.people.sessions import Sessions
from sink.people.tickets import Tickets
from sink.people.tokens import Tokens
from sink.queries import Queries

PER_USER, PER_ADDRESS, LOG_INS = 600, 1200, 10
"""Requests a minute of a user and of an address; log-ins a minute with a name and of an address."""


@dataclass
class Services:
    """Everything that a route may ask.

    Attributes:
        engine: Of a migrated database.
        queries: Reads the tables of results.
        make_book: Asks Kafka for the book of jobs, once.
        secret: Signs tokens; None for a service without accounts.
        jobs_per_user: A user who is no admin may have so many.
        desk: Takes jobs that have a source.
    """

    engine: Engine
    queries: Queries
    make_book: Callable[[], JobBook]
    secret: bytes | None = None
    jobs_per_user: int = 100
    desk: SourceDesk = field(default_factory=no_sources)
    log_ins: RateLimit = field(default_factory=lambda: RateLimit("log-ins", LOG_INS))
    per_user: RateLimit = field(default_factory=lambda: RateLimit("requests of a user", PER_USER))
    per_address: RateLimit = field(default_factory=lambda: RateLimit("requests of an address", PER_ADDRESS))
    tickets: Tickets = field(default_factory=Tickets)
    claiming: threading.Lock = field(default_factory=threading.Lock)

    @property
    def has_accounts(self) -> bool:
        """Whether anybody is asked who they are."""
        return self.secret is not None

    @cached_property
    def accounts(self) -> Accounts:
        """Local accounts."""
        return Accounts(self.engine)

    @cached_property
    def sessions(self) -> Sessions:
        """Log-ins and keys."""
        return Sessions(self.engine, Tokens(self.secret or b""))

    @cached_property
    def ownership(self) -> Ownership:
        """Whose a job is."""
        return Ownership(self.engine)

    @cached_property
    def audit(self) -> Audit:
        """The audit log."""
        return Audit(self.engine)

    def note(self, who: Principal, action: str, target: str) -> None:
        """Put into the audit log what did not come by HTTP; nowhere without accounts."""
        if self.has_accounts:
            self.audit.write(Entry(who.user_id, who.name, "kafka", action, target, 201, {}))

    @cached_property
    def book(self) -> JobBook:
        """The book of jobs; Overloaded while Kafka does not answer."""
        return self.make_book()

    @cached_property
    def snapshots(self) -> Snapshots:
        """Frames as pictures."""
        return Snapshots(self.queries, self.book.codec, self.book.reader)

    @cached_property
    def door(self) -> Door | None:
        """What the gate asks; None without accounts."""
        if not self.has_accounts:
            return None
        return Door(self.sessions, self.ownership, self.audit, self.per_user, self.per_address)


def services_of(request: Request) -> Services:
    """Those of the application that serves a request."""
    found: Services = request.app.state.services
    return found


def who_of(request: Request) -> Principal:
    """Who asks, as the gate found; only where the route's rule names a role."""
    who: Principal = request.scope["state"]["who"]
    return who


def about(request: Request, target: str) -> None:
    """What a change was about, for the audit log."""
    request.scope["state"]["target"] = target
