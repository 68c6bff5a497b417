"""Every route of the application has a rule, and no rule is of a route that is not there."""

import threading

from prometheus_client import CollectorRegistry
from starlette.routing import Mount, Route, Router, WebSocketRoute

from consumers.book import JobBook
from consumers.memory import MemoryBroker
from schemas.codec import Codec
from sink.api.rules import RULES
from sink.api.services import Services
from sink.database import connect
from sink.metrics import SinkMetrics
from sink.notifier.app import make_notifier
from sink.people.gate import all_routes
from sink.people.rights import Right, Role
from sink.queries import Queries
from sink.web import make_web


def routes() -> list[tuple[str, str]]:
    engine = connect("postgresql://nobody@127.0.0.1:1/none")
    codec = Codec("mock://rules")
    queries, metrics = Queries(engine), SinkMetrics(CollectorRegistry())
    page, lifespan = make_notifier(
        "127.0.0.1:1", codec, queries, metrics, threading.Event(), lambda _: None, lambda _: None
    )
    services = Services(engine, queries, lambda: JobBook(MemoryBroker(), codec, 1), b"x" * 32)
    return all_routes(make_web(services, page, lifespan, {"h:1"}).routes)


def test_every_route_has_a_rule_and_every_rule_a_route() -> None:
    found = routes()
    assert len(found) > 30
    assert set(found) == RULES.keys()


def test_a_route_that_is_new_or_of_an_unknown_kind_is_seen_and_has_no_rule() -> None:
    made = [
        Route("/new", lambda _: None, methods=["PUT"]),
        WebSocketRoute("/other", lambda _: None),
        Mount("/sub", app=Router()),
    ]
    assert all_routes(made) == [("PUT", "/new"), ("WS", "/other"), ("GET", "/sub")]
    assert not {("PUT", "/new"), ("WS", "/other"), ("GET", "/sub")} & RULES.keys()


def test_whoever_changes_a_job_owns_it_and_nothing_but_the_door_is_open_to_strangers() -> None:
    for (method, path), rule in RULES.items():
        if "{job}" in path:
            assert rule.right is (Right.READER if method == "GET" and not path.endswith("people") else Right.OWNER)
        if rule.role is None:
            assert path in {"/", "/static", "/healthz", "/readyz", "/ws"} | {
                *("/api/v1/openapi.json", "/api/v1/login", "/api/v1/refresh")
            }
        if method not in ("GET", "WS") and rule.right is None and rule.role is Role.VIEWER:
            assert path.startswith(("/api/v1/logout", "/api/v1/me", "/api/v1/keys", "/api/v1/tickets"))
