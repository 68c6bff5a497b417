"""Errors over HTTP as RFC 9457 tells them: ``application/problem+json``."""

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import JSONResponse

MEDIA_TYPE = "application/problem+json"


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error; ``detail`` is for people."""
    title = HTTPStatus(status).phrase if status in list(HTTPStatus) else "Error"
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def away() -> JSONResponse:
    """The database does not answer; which one that is stands in the log only."""
    return problem(503, "the database does not answer right now", {"Retry-After": "1"})
