"""Who may do what over HTTP: the whole matrix, tokens that do not hold, and the log of all of it."""

import logging
from collections.abc import Iterator

import jwt
import pytest
from sqlalchemy import Engine

from posestream.stack import Addresses
from schemas import Job, JobObject
from sink.api.rules import RULES
from sink.people.accounts import AccountError, Accounts
from sink.people.rights import Right, Role
from sink.people.tokens import ACCESS_S
from tests.integration.api_world import PASSWORD, SECRET, ApiWorld, database

pytestmark = pytest.mark.integration

API = [(method, path) for method, path in RULES if path.startswith("/api/v1/")]
REFUSED = {401, 403}


@pytest.fixture(scope="module")
def engine(stack: Addresses) -> Iterator[Engine]:
    with database(stack) as engine:
        yield engine


@pytest.fixture(scope="module")
def world(engine: Engine) -> ApiWorld:
    return ApiWorld(engine)


def may(who: str | None, method: str, path: str) -> bool:
    """What the rules mean, by hand: Ann owns job ``a``, the others have no right on it."""
    rule = RULES[method, path]
    if rule.role is None:
        return True
    if who is None:
        return False
    role = {"root": Role.ADMIN, "ann": Role.OPERATOR, "bob": Role.OPERATOR, "vic": Role.VIEWER}[who]
    on_the_job = rule.right is None or who in ("root", "ann")
    return role >= rule.role and on_the_job


@pytest.mark.parametrize("who", [None, "vic", "bob", "ann", "root"])
def test_every_route_lets_in_whom_its_rule_names_and_nobody_else(world: ApiWorld, who: str | None) -> None:
    for method, path in API:
        world.services.log_ins._buckets.clear()  # type: ignore[attr-defined]
        at = path.format(job="a", user="vic", key="none")
        answer = world.ask(method, at, who, json={} if method in ("POST", "PUT", "PATCH") else None)
        where = f"{who}: {method} {at}: {answer.status_code} {answer.text[:200]}"
        assert answer.status_code < 500, where
        if may(who, method, path):
            assert answer.status_code not in ({403} if path.endswith(("login", "refresh")) else REFUSED), where
        elif who is None:
            assert answer.status_code == 401, where
        else:
            hidden = RULES[method, path].right is not None and world.roles[who] >= (RULES[method, path].role or 0)
            assert answer.status_code == (404 if hidden else 403), where
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code


def test_a_reader_may_look_and_not_touch(world: ApiWorld) -> None:
    assert world.ask("GET", "/api/v1/jobs/a", "vic").status_code == 404
    assert world.ask("PUT", "/api/v1/jobs/a/readers/vic", "ann").status_code == 204
    assert world.ask("PUT", "/api/v1/jobs/a/readers/bob", "ann").status_code == 204
    assert world.ask("GET", "/api/v1/jobs/a", "vic").status_code == 200
    assert [job["id"] for job in world.ask("GET", "/api/v1/jobs", "vic").json()["jobs"]] == ["a"]
    assert world.ask("POST", "/api/v1/jobs/a/cancel", "bob").status_code == 403
    people = world.ask("GET", "/api/v1/jobs/a/people", "ann").json()
    assert people == [
        {"name": "ann", "right": "owner"},
        *({"name": name, "right": "reader"} for name in ("bob", "vic")),
    ]
    for name in ("vic", "bob"):
        assert world.ask("DELETE", f"/api/v1/jobs/a/readers/{name}", "ann").status_code == 204
    assert world.ask("GET", "/api/v1/jobs", "vic").json()["jobs"] == []


def test_tokens_follow_on_each_other_and_one_that_is_used_twice_ends_the_session(world: ApiWorld) -> None:
    world.services.accounts.set_password("bob", PASSWORD)
    first = world.log_in("bob")
    assert world.ask("GET", "/api/v1/me", first["access_token"]).json() == {"name": "bob", "role": "operator"}
    second = world.ask("POST", "/api/v1/refresh", json={"refresh_token": first["refresh_token"]}).json()
    assert world.ask("GET", "/api/v1/me", second["access_token"]).status_code == 200
    stolen = world.ask("POST", "/api/v1/refresh", json={"refresh_token": first["refresh_token"]})
    assert (stolen.status_code, "used before" in stolen.json()["detail"]) == (401, True)
    assert world.ask("GET", "/api/v1/me", second["access_token"]).status_code == 401
    again = world.ask("POST", "/api/v1/refresh", json={"refresh_token": second["refresh_token"]})
    assert again.status_code == 401


def test_what_does_not_hold_is_refused_and_logged(world: ApiWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.services.accounts.set_password("bob", PASSWORD)
    good = world.log_in("bob")["access_token"]
    claims = jwt.decode(good, options={"verify_signature": False})
    bad = {
        "forged": jwt.encode(claims, SECRET[::-1], "HS256"),
        "none": jwt.encode(claims, None, "none"),
        "another's session": jwt.encode(claims | {"sub": "root"}, SECRET, "HS256"),
        "made-up key": "psk_0123_4567",
        "no key": "psk_",
        "a key with another secret": world.tokens["ann"][:-1] + ("x" if world.tokens["ann"][-1] != "x" else "y"),
    }
    with caplog.at_level(logging.WARNING, "posestream.audit"):
        for name, token in bad.items():
            caplog.clear()
            assert world.ask("GET", "/api/v1/me", token).status_code == 401, name
            assert "refused - from" in caplog.text, name
            assert token not in caplog.text
        assert world.ask("POST", "/api/v1/logout", good).status_code == 204
        assert world.ask("GET", "/api/v1/me", good).status_code == 401
        assert "its session is ended" in caplog.text
        later = world.log_in("bob")["access_token"]
        world.now_s += ACCESS_S + 1
        assert world.ask("GET", "/api/v1/me", later).status_code == 401
        assert "expired" in caplog.text


def test_a_disabled_user_and_a_revoked_key_are_out_at_once(world: ApiWorld) -> None:
    assert world.ask("POST", "/api/v1/users", "root", json={"name": "eve", "role": "operator"}).status_code == 201
    eve = world.services.accounts.get("eve")
    _, key = world.services.sessions.make_key(eve.id, "x", None)
    made = world.ask("POST", "/api/v1/keys", key, json={"name": "robot", "days": 1}).json()
    assert world.ask("GET", "/api/v1/me", made["key"]).json()["name"] == "eve"
    assert world.ask("DELETE", f"/api/v1/keys/{made['id']}", "bob").status_code == 404  # not his
    assert world.ask("DELETE", f"/api/v1/keys/{made['id']}", key).status_code == 204
    assert world.ask("GET", "/api/v1/me", made["key"]).status_code == 401
    role = world.ask("PATCH", "/api/v1/users/eve", "root", json={"role": "viewer"})
    assert role.json()["role"] == "viewer"
    assert world.ask("GET", "/api/v1/workers", key).status_code == 403  # the role of now, not of then
    assert world.ask("PATCH", "/api/v1/users/eve", "root", json={"disabled": True}).status_code == 200
    assert world.ask("GET", "/api/v1/me", key).status_code == 401


def test_a_password_is_changed_by_who_knows_it_and_ends_the_sessions_before(world: ApiWorld) -> None:
    world.services.accounts.set_password("vic", PASSWORD)
    token = world.log_in("vic")["access_token"]
    new = {"old": "wrong wrong wrong", "new": "another good one"}
    assert world.ask("PUT", "/api/v1/me/password", token, json=new).status_code == 401
    changed = world.ask("PUT", "/api/v1/me/password", token, json=new | {"old": PASSWORD})
    assert changed.status_code == 204
    assert world.ask("GET", "/api/v1/me", token).status_code == 401
    assert world.log_in("vic", "another good one")


def test_guessing_is_slowed_down_and_says_nothing_about_names(world: ApiWorld) -> None:
    world.services.log_ins._buckets.clear()  # type: ignore[attr-defined]
    answers = [
        world.ask("POST", "/api/v1/login", json={"name": name, "password": "guess guess guess"})
        for name in ("nobody", "ann", *["ann"] * 10)
    ]
    assert [answer.status_code for answer in answers[:2]] == [401, 401]
    assert answers[0].json() == answers[1].json()
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    world.services.log_ins._buckets.clear()  # type: ignore[attr-defined]


def test_every_change_is_in_the_log_and_so_is_what_somebody_known_was_refused(world: ApiWorld) -> None:
    world.book.create(Job("b", (JobObject("cube", "cube.ply"),)))
    assert world.services.ownership.claim("b", world.services.accounts.get("ann").id)
    assert world.ask("POST", "/api/v1/jobs/b/pause", "ann").status_code == 200
    assert world.ask("POST", "/api/v1/jobs/b/resume", "bob").status_code == 404
    assert world.ask("GET", "/api/v1/jobs/b", "bob").status_code == 404
    assert world.ask("POST", "/api/v1/jobs/b/resume", "ann").status_code == 200
    lines = world.ask("GET", "/api/v1/audit?limit=4", "root").json()["lines"]
    assert [(line["who"], line["action"], line["target"], line["outcome"]) for line in lines] == [
        ("ann", "POST /api/v1/jobs/b/resume", "job:b", 200),
        ("bob", "GET /api/v1/jobs/b", "", 404),
        ("bob", "POST /api/v1/jobs/b/resume", "", 404),
        ("ann", "POST /api/v1/jobs/b/pause", "job:b", 200),
    ]
    page = world.ask("GET", "/api/v1/audit?limit=2", "root").json()
    assert world.ask("GET", f"/api/v1/audit?limit=2&before={page['next']}", "root").json()["lines"] == lines[2:]


def test_answers_carry_the_policy_and_no_cors_and_foreign_hosts_are_refused(world: ApiWorld) -> None:
    answer = world.ask("GET", "/api/v1/me", "ann")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    foreign = world.client.get("/api/v1/me", headers={"host": "evil.example"})
    assert foreign.status_code == 403


def test_the_first_start_makes_one_admin_without_a_password(stack: Addresses) -> None:
    with database(stack) as engine:
        accounts = Accounts(engine)
        assert accounts.make_first_admin()
        assert not accounts.make_first_admin()
        (admin,) = accounts.all()
        assert (admin.name, admin.role, admin.has_password) == ("admin", Role.ADMIN, False)
        with pytest.raises(AccountError, match="at least one admin"):
            accounts.set_disabled("admin", disabled=True)
        with pytest.raises(AccountError, match="at least one admin"):
            accounts.set_role("admin", Role.VIEWER)
        assert accounts.get("admin").role is Role.ADMIN


def test_without_accounts_everybody_may_do_everything_and_nobody_logs_in(stack: Addresses) -> None:
    with database(stack) as engine:
        world = ApiWorld(engine, accounts=False)
        assert world.ask("POST", "/api/v1/jobs/a/pause").json()["state"] == "paused"
        assert world.ask("GET", "/api/v1/audit").json()["lines"] == []
        assert world.ask("POST", "/api/v1/login", json={"name": "a", "password": "b"}).status_code == 404
        assert world.ask("POST", "/api/v1/tickets").status_code == 404


def test_the_right_of_an_owner_is_not_given_away(world: ApiWorld) -> None:
    bob = world.services.accounts.get("bob")
    assert not world.services.ownership.claim("a", bob.id)
    ann = world.services.accounts.get("ann")
    world.services.ownership.let_read("a", ann.id)
    assert world.services.ownership.readers("a")["ann"] is Right.OWNER
