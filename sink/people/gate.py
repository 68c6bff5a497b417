"""The one door of HTTP: who asks, may they use this route, and what they changed goes to the audit log."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas import Overloaded
from sink.people.audit import Audit, Entry
from sink.people.limits import RateLimit
from sink.people.ownership import Ownership
from sink.people.problem import away, problem
from sink.people.rights import LOCAL, Principal, Refused, Right, Rule
from sink.people.sessions import Sessions

_log = logging.getLogger("posestream.audit")

Rules = Mapping[tuple[str, str], Rule]
"""(method, path as the route has it) -> who may use it; a websocket's method is ``WS``."""

_READS = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Door:
    """What the gate asks; None in its place where there are no accounts.

    Attributes:
        sessions: Who asks.
        ownership: Whose a job is.
        audit: Takes what was changed or refused.
        per_user: Limit of rate of each user.
        per_address: Of each address.
    """

    sessions: Sessions
    ownership: Ownership
    audit: Audit
    per_user: RateLimit
    per_address: RateLimit


class Gate:
    """ASGI middleware; ``scope["state"]["who"]`` is the ``Principal`` afterwards.

    A route without a rule is closed to everybody.

    Args:
        app: What is guarded.
        routes: All routes of the application.
        rules: Who may use them.
        door: None lets everybody do everything: for loopback without accounts.
    """

    def __init__(
        self, app: ASGIApp, routes: Callable[[], Sequence[BaseRoute]], rules: Rules, door: Door | None
    ) -> None:
        self._app = app
        self._routes = routes
        self._rules = rules
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The middleware's ASGI entry."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        found = route_of(self._routes(), scope)
        if found is None:  # the application says 404 or 405
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        try:
            state["who"] = await self._let_in(scope, *found)
        except Refused as error:
            await self._refuse(scope, receive, send, error)
        except Overloaded:
            await _answer(scope, receive, send, away())
        else:
            await self._app(scope, receive, self._noting(scope, send) if self._door else send)

    async def _let_in(self, scope: Scope, path: str, params: Mapping[str, str]) -> Principal | None:
        rule = self._rules.get((_method(scope), path))
        if rule is None:
            raise Refused(403, f"{_method(scope)} {path}: no rule says who may use it")
        if self._door is None:
            return LOCAL
        self._door.per_address.take(_address(scope))
        if rule.role is None:
            return None
        who = await run_in_threadpool(self._door.sessions.principal, _bearer(Headers(scope=scope)))
        scope["state"]["who"] = who
        self._door.per_user.take(who.user_id)
        if who.role < rule.role:
            raise Refused(403, f"expected a user who is {rule.role.word} at least, {who.name} is {who.role.word}")
        if rule.right is not None:
            await self._check_right(who, params["job"], rule.right)
        return who

    async def _check_right(self, who: Principal, job_id: str, right: Right) -> None:
        assert self._door is not None  # noqa: S101 - asked by _let_in
        may = self._door.ownership.may
        if await run_in_threadpool(may, who, job_id, right):
            return
        if right is Right.OWNER and await run_in_threadpool(may, who, job_id, Right.READER):
            raise Refused(403, f"job {job_id}: expected its owner")
        raise Refused(404, f"expected a known job, got {job_id[:80]!r}")  # that it exists is nobody's business

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, error: Refused) -> None:
        who: Principal | None = scope["state"].get("who")
        what = f"{_method(scope)} {scope['path'][:200]}"
        _log.warning("refused %s from %s: %s: %s", who.name if who else "-", _address(scope), what, error.reason)
        if who is not None and self._door is not None and error.status in (403, 404):
            await self._note(scope, error.status)
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
        if error.retry_after_s:
            headers["Retry-After"] = str(int(error.retry_after_s) + 1)
        await _answer(scope, receive, send, problem(error.status, error.reason, headers))

    def _noting(self, scope: Scope, send: Send) -> Send:
        """Notes what was changed before the answer goes out."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["method"] not in _READS:
                await self._note(scope, message["status"])
            await send(message)

        return sending

    async def _note(self, scope: Scope, outcome: int) -> None:
        assert self._door is not None  # noqa: S101 - asked by those who call
        who: Principal | None = scope["state"].get("who")
        name = who.name if who else scope["state"].get("name", "")
        action, target = f"{_method(scope)} {scope['path'][:200]}", scope["state"].get("target", "")
        entry = Entry(who.user_id if who else None, name, _address(scope), action, target, outcome, {})
        try:
            await run_in_threadpool(self._door.audit.write, entry)
        except Overloaded as error:
            _log.error("not in the audit table: %s: %s", entry, error)


def route_of(routes: Sequence[BaseRoute], scope: Scope) -> tuple[str, Mapping[str, str]] | None:
    """The path of the route that answers, as it was written, and the values in it; None where none does."""
    for route in routes:
        match, child = route.matches(scope)
        if match is Match.FULL:
            return getattr(route, "path", ""), child.get("path_params", {})
    return None


def all_routes(routes: Sequence[BaseRoute]) -> list[tuple[str, str]]:
    """(method, path) of every route, as rules name them."""
    found: list[tuple[str, str]] = []
    for route in routes:
        path = getattr(route, "path", "")
        methods = (getattr(route, "methods", None) or {"GET"}) if isinstance(route, Route) else None
        if methods is None:
            methods = {"GET"} if type(route).__name__ == "Mount" else {"WS"}
        found += [(method, path) for method in sorted(methods - {"HEAD"})]
    return found


def _method(scope: Scope) -> str:
    method = str(scope.get("method", "WS"))
    return "GET" if method == "HEAD" else method


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "-"


def _bearer(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "expected a token or API key as Authorization: Bearer")
    return token.strip()


async def _answer(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "websocket":  # closing before accepting answers the handshake with 403
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
    else:
        await response(scope, receive, send)
