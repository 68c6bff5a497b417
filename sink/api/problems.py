"""Errors of the routes as problem+json, and as the OpenAPI document names them."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from consumers.book import JobExists, NoSuchJob
from schemas import Overloaded, PosestreamError
from schemas.lifecycle import IllegalTransition
from sink.api.people_models import ProblemAnswer
from sink.people.accounts import AccountError
from sink.people.problem import MEDIA_TYPE, away, problem
from sink.people.rights import Refused
from sink.people.secret import BadPassword

_log = logging.getLogger("posestream.api")

Handler = Callable[[Request, Exception], Response]

_STATUS: Mapping[type[PosestreamError], int] = {
    NoSuchJob: 404,
    JobExists: 409,
    IllegalTransition: 409,
    AccountError: 409,
    BadPassword: 422,
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Answers that a route has beside the good one, for the OpenAPI document; 422, 429 and 503 every route has."""
    one = {"model": ProblemAnswer, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemAnswer"}}}}
    return {status: one | {"description": "refused"} for status in (*statuses, 400, 422, 429, 503)}


def handlers(page_errors: Mapping[Any, Handler]) -> dict[Any, Handler]:
    """Reactions to errors.

    Args:
        page_errors: Those of the page's own routes, outside ``/api/v1``.
    """

    def http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        if not request.url.path.startswith("/api/v1"):
            return page_errors[HTTPException](request, error)
        return problem(error.status_code, str(error.detail), error.headers)

    def overloaded(request: Request, error: Exception) -> Response:
        _log.warning("%s: %s", request.url.path, error)
        return away() if request.url.path.startswith("/api/v1") else page_errors[Overloaded](request, error)

    found: dict[Any, Handler] = {
        HTTPException: http_error,
        RequestValidationError: _invalid,
        Overloaded: overloaded,
        TimeoutError: overloaded,
        Refused: _refused,
    }
    return found | {kind: _posestream(status) for kind, status in _STATUS.items()}


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    lines = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:8]]
    return problem(422, "; ".join(lines)[:1000])


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for it
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    if error.retry_after_s:
        headers["Retry-After"] = str(int(error.retry_after_s) + 1)
    return problem(error.status, error.reason, headers)


def _posestream(status: int) -> Handler:
    def answer(_: Request, error: Exception) -> JSONResponse:
        return problem(status, str(error))

    return answer
