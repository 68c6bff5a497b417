"""Only our own page may talk to the service, on loopback too."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from sink.notifier.guard import Guard, own_hosts

OWN = "127.0.0.1:8080"


async def page(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text("hello")
    await websocket.close()


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=[Route("/", page), WebSocketRoute("/ws", echo)])
    return TestClient(Guard(app, own_hosts("127.0.0.1", 8080)), base_url=f"http://{OWN}")


@pytest.mark.parametrize("host", [OWN, "localhost:8080", "[::1]:8080", "LOCALHOST:8080"])
def test_our_own_names_are_served(client: TestClient, host: str) -> None:
    assert client.get("/", headers={"host": host}).text == "hello"


@pytest.mark.parametrize("host", ["evil.example:8080", "127.0.0.1", "127.0.0.1:9090", "127.0.0.1:8080.evil.example"])
def test_a_rebound_name_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host})
    assert answer.status_code == 403
    assert answer.text.startswith("host: expected one of")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1:8080", "http://127.0.0.1:9090"])
def test_a_foreign_page_is_refused(client: TestClient, origin: str) -> None:
    assert client.get("/", headers={"origin": origin}).status_code == 403
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/ws", headers={"origin": origin}):
        pass


@pytest.mark.parametrize("headers", [{}, {"origin": f"http://{OWN}"}])
def test_our_page_and_programs_may_open_a_websocket(client: TestClient, headers: dict[str, str]) -> None:
    with client.websocket_connect("/ws", headers={"host": OWN, **headers}) as websocket:
        assert websocket.receive_text() == "hello"


def test_every_answer_carries_the_policy_and_no_cors(client: TestClient) -> None:
    for host in (OWN, "evil.example"):
        headers = client.get("/", headers={"host": host}).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe-inline" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
