"""Who is at the other end of a websocket, and which rooms they may be in."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket

from sink.people.audit import Audit, Entry
from sink.people.limits import RateLimit
from sink.people.ownership import Ownership
from sink.people.rights import LOCAL, Principal, Refused, Right, Role
from sink.people.sessions import Sessions
from sink.people.tickets import Tickets

_log = logging.getLogger("posestream.audit")

PATIENCE_S = 10.0
"""A client must say who it is within it."""


@dataclass(slots=True)
class Visitor:
    """One client; asks again whenever it is told to, as things are then.

    Attributes:
        who: As of the last time.
        bearer: Its token or API key; "" where there are no accounts.
        address: Where it comes from.
    """

    who: Principal
    bearer: str
    address: str


class Entrance:
    """Lets clients in, and into rooms.

    Args:
        sessions: Who asks.
        ownership: Whose a job is.
        tickets: Stand for tokens, once.
        audit: Takes what was refused.
        per_address: Limit of rate of each address.
        now_s: Seconds since the Unix epoch.
    """

    def __init__(
        self,
        sessions: Sessions,
        ownership: Ownership,
        tickets: Tickets,
        audit: Audit,
        per_address: RateLimit,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._sessions, self._ownership, self._tickets, self._audit = sessions, ownership, tickets, audit
        self._per_address = per_address
        self._now_s = now_s

    async def let_in(self, websocket: WebSocket) -> Visitor:
        """Who it is: by ``?ticket=``, else by its first message ``{"token": ...}``.

        Raises:
            Refused: 401: neither holds.
            Overloaded: Postgres does not answer.
            WebSocketDisconnect: It left before.
        """
        address = websocket.client.host if websocket.client else "-"
        try:
            self._per_address.take(address)
            ticket = websocket.query_params.get("ticket")
            bearer = self._tickets.redeem(ticket) if ticket is not None else await _first_token(websocket)
            return Visitor(await run_in_threadpool(self._sessions.principal, bearer), bearer, address)
        except Refused as error:
            _log.warning("refused a websocket from %s: %s", address, error.reason)
            raise

    async def renew(self, visitor: Visitor, bearer: str) -> None:
        """Another token of the same user.

        Raises:
            Refused: 401: it does not hold, or is another's.
        """
        who = await run_in_threadpool(self._sessions.principal, bearer)
        if who.user_id != visitor.who.user_id:
            raise Refused(401, "token: of another user")
        visitor.who, visitor.bearer = who, bearer

    async def ask_again(self, visitor: Visitor) -> None:
        """Whether the token still holds, and with which role.

        Raises:
            Refused: 401: it ended, or its session did.
        """
        await self.renew(visitor, visitor.bearer)

    def ends_in_s(self, visitor: Visitor) -> float:
        """Seconds until the token ends; infinity for a key without an end."""
        return max(0.0, visitor.who.ends_s - self._now_s())

    async def may_enter(self, visitor: Visitor, room: str) -> bool:
        """Whether a client may be in a room; the room ``system`` is for admins."""
        kind, _, job_id = room.partition(":")
        if kind == "system":
            return visitor.who.role is Role.ADMIN
        return await run_in_threadpool(self._ownership.may, visitor.who, job_id, Right.READER)

    async def note_refusal(self, visitor: Visitor, room: str) -> None:
        """Somebody known asked for a room that is not theirs."""
        who = visitor.who
        entry = Entry(who.user_id, who.name, visitor.address, "WS /ws", f"room:{room}"[:200], 403, {})
        await run_in_threadpool(self._audit.write, entry)


class OpenEntrance(Entrance):
    """For a service without accounts: everybody is let in, to all rooms."""

    def __init__(self) -> None:
        """Nothing is asked."""

    async def let_in(self, websocket: WebSocket) -> Visitor:
        """Whoever it is."""
        return Visitor(LOCAL, "", websocket.client.host if websocket.client else "-")

    async def renew(self, visitor: Visitor, bearer: str) -> None:
        """Nothing to do."""

    async def ask_again(self, visitor: Visitor) -> None:
        """Nothing to do."""

    def ends_in_s(self, visitor: Visitor) -> float:
        """Never."""
        return visitor.who.ends_s

    async def may_enter(self, visitor: Visitor, room: str) -> bool:  # noqa: ARG002 - all of them
        """Always."""
        return True


async def _first_token(websocket: WebSocket) -> str:
    try:
        text = await asyncio.wait_for(websocket.receive_text(), PATIENCE_S)
        said = json.loads(text)
    except TimeoutError as error:
        reason = f"token: not sent within {PATIENCE_S:.0f} s"
        raise Refused(401, reason) from error
    except (ValueError, KeyError, RecursionError) as error:
        raise Refused(401, 'token: expected {"token": ...} as the first message') from error
    token = said.get("token") if isinstance(said, dict) else None  # pyright: ignore[reportUnknownMemberType]
    if not isinstance(token, str):
        raise Refused(401, 'token: expected {"token": ...} as the first message')
    return token
