"""Routes about people: log-in, keys, tickets, accounts, the audit log."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response

from sink.api.people_models import (
    AuditLine,
    AuditPage,
    KeyAnswer,
    LogIn,
    Me,
    Name,
    NewKey,
    NewPassword,
    NewUser,
    Refresh,
    TicketAnswer,
    TokenAnswer,
    UserAnswer,
    UserChange,
)
from sink.api.problems import refusals
from sink.api.services import about, services_of, who_of
from sink.people.accounts import User
from sink.people.rights import Refused, Role
from sink.people.sessions import TokenPair
from sink.people.tickets import TICKET_S

_V1 = "/api/v1"
_AUDIT_LIMIT = 200


def add_session_routes(app: FastAPI) -> None:
    """Log-in, tokens and one's own account."""

    @app.post(f"{_V1}/login", responses=refusals(401, 404, 429))
    def login(request: Request, body: LogIn) -> TokenAnswer:
        services = services_of(request)
        _need_accounts(request)
        request.scope["state"]["name"] = body.name[:128]
        services.log_ins.take(f"name:{body.name}")
        services.log_ins.take(f"address:{request.client.host if request.client else '-'}")
        return _tokens(services.sessions.log_in(body.name.replace("\0", ""), body.password))

    @app.post(f"{_V1}/refresh", responses=refusals(401, 404, 429))
    def refresh(request: Request, body: Refresh) -> TokenAnswer:
        _need_accounts(request)
        return _tokens(services_of(request).sessions.refresh(body.refresh_token.replace("\0", "")))

    @app.post(f"{_V1}/logout", status_code=204, responses=refusals(401, 403))
    def logout(request: Request) -> Response:
        services_of(request).sessions.log_out(who_of(request).session_id)
        return Response(status_code=204)

    @app.get(f"{_V1}/me", responses=refusals(401, 403))
    def me(request: Request) -> Me:
        who = who_of(request)
        return Me(name=who.name, role=_word(who.role))

    @app.put(f"{_V1}/me/password", status_code=204, responses=refusals(401, 403, 404, 429))
    def set_password(request: Request, body: NewPassword) -> Response:
        services, who = services_of(request), who_of(request)
        _need_accounts(request)
        services.log_ins.take(f"name:{who.name}")
        services.sessions.log_in(who.name, body.old)
        services.accounts.set_password(who.name, body.new)
        return Response(status_code=204)

    @app.post(f"{_V1}/tickets", responses=refusals(401, 403, 404))
    def make_ticket(request: Request) -> TicketAnswer:
        _need_accounts(request)
        bearer = request.headers["authorization"].partition(" ")[2].strip()
        return TicketAnswer(ticket=services_of(request).tickets.make(bearer), expires_in_s=TICKET_S)


def add_key_routes(app: FastAPI) -> None:
    """API keys of whoever asks."""

    @app.get(f"{_V1}/keys", responses=refusals(401, 403, 404))
    def list_keys(request: Request) -> list[KeyAnswer]:
        _need_accounts(request)
        found = services_of(request).sessions.keys(who_of(request).user_id)
        return [KeyAnswer(id=key, name=name, created_at=made, expires_at=ends) for key, name, made, ends in found]

    @app.post(f"{_V1}/keys", status_code=201, responses=refusals(401, 403, 404))
    def make_key(request: Request, body: NewKey) -> KeyAnswer:
        _need_accounts(request)
        good_for = None if body.days is None else timedelta(days=body.days)
        key_id, key = services_of(request).sessions.make_key(who_of(request).user_id, body.name, good_for)
        about(request, f"key:{key_id}")
        return KeyAnswer(id=key_id, name=body.name, key=key)

    @app.delete(f"{_V1}/keys/{{key}}", status_code=204, responses=refusals(401, 403, 404))
    def revoke_key(request: Request, key: Name) -> Response:
        about(request, f"key:{key}")
        if not services_of(request).sessions.revoke_key(key, who_of(request).user_id):
            raise Refused(404, "expected a good key of yours")
        return Response(status_code=204)


def add_account_routes(app: FastAPI) -> None:
    """Accounts and the audit log, for admins."""

    @app.get(f"{_V1}/users", responses=refusals(401, 403))
    def list_users(request: Request) -> list[UserAnswer]:
        return [_user(user) for user in services_of(request).accounts.all()]

    @app.post(f"{_V1}/users", status_code=201, responses=refusals(401, 403, 409))
    def add_user(request: Request, body: NewUser) -> UserAnswer:
        about(request, f"user:{body.name}")
        return _user(services_of(request).accounts.add(body.name, Role.of(body.role), body.password))

    @app.patch(f"{_V1}/users/{{user}}", responses=refusals(401, 403, 409))
    def change_user(request: Request, user: Name, body: UserChange) -> UserAnswer:
        about(request, f"user:{user}")
        accounts = services_of(request).accounts
        if body.role is not None:
            accounts.set_role(user, Role.of(body.role))
        if body.disabled is not None:
            accounts.set_disabled(user, disabled=body.disabled)
        if body.password is not None:
            accounts.set_password(user, body.password)
        return _user(accounts.get(user))

    @app.get(f"{_V1}/audit", responses=refusals(401, 403))
    def audit(
        request: Request,
        before: Annotated[int | None, Query(ge=1, lt=1 << 63)] = None,
        limit: Annotated[int, Query(ge=1, le=_AUDIT_LIMIT)] = _AUDIT_LIMIT,
    ) -> AuditPage:
        found = services_of(request).audit.read(before, limit)
        names = ("id", "at", "who", "address", "action", "target", "outcome")
        lines = [AuditLine(**{name: getattr(entry, name) for name in names}) for entry in found]
        return AuditPage(lines=lines, next=lines[-1].id if len(lines) == limit else None)


def _need_accounts(request: Request) -> None:
    if not services_of(request).has_accounts:
        raise Refused(404, "this service has no accounts: nobody need log in")


def _tokens(pair: TokenPair) -> TokenAnswer:
    return TokenAnswer(access_token=pair.access, refresh_token=pair.refresh, expires_in_s=pair.expires_in_s)


def _user(user: User) -> UserAnswer:
    same = {name: getattr(user, name) for name in ("name", "has_password", "disabled", "created_at")}
    return UserAnswer(role=_word(user.role), **same)


def _word(role: Role) -> Any:  # noqa: ANN401 - a literal of RoleWord
    return role.word
