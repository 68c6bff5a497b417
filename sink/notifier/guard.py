"""Lets only our own page talk to the service: Host and Origin are checked, on loopback too.

A foreign page can make a browser send requests to 127.0.0.1, and by DNS rebinding even read the answers.
Its name then stands in ``Host`` (rebinding) or ``Origin`` (websockets, which no browser holds back).
"""

from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def own_hosts(host: str, port: int) -> frozenset[str]:
    """What ``Host`` may say for a service on a loopback address."""
    names = {"localhost", "127.0.0.1", "[::1]", f"[{host}]" if ":" in host else host}
    return frozenset(f"{name}:{port}" for name in names) | (frozenset(names) if port == 80 else frozenset())


class Guard:
    """ASGI middleware: refuses foreign hosts and origins with 403 and adds security headers.

    Args:
        app: What is guarded.
        hosts: ``name:port`` values that are ours.
        public: More of them, where a proxy may end TLS before us.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], public: Collection[str] = ()) -> None:
        self._app = app
        self._hosts = frozenset(hosts) | frozenset(public)
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The middleware's ASGI entry."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        reason = self._refusal(Headers(scope=scope))
        if reason is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "http":
            await PlainTextResponse(reason + "\n", 403)(scope, receive, _with_headers(send))
        else:  # closing before accepting answers the handshake with 403
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": reason})

    def _refusal(self, headers: Headers) -> str | None:
        host = headers.get("host", "").lower()
        if host not in self._hosts:
            return f"host: expected one of {', '.join(sorted(self._hosts))}, got {host[:200]!r}"
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin.lower()):
            return f"origin: expected this service's own page, got {origin[:200]!r}"
        return None

    def _is_own(self, origin: str) -> bool:
        scheme, _, host = origin.partition("://")
        return (scheme == "http" and host in self._hosts) or (scheme == "https" and host in self._public)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
