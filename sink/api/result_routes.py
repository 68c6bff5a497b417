"""Routes about results: stored poses as JSON, NDJSON and CSV."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request, Response

from sink.api.job_models import PoseOut, PosePage
from sink.api.job_routes import JobId
from sink.api.people_models import NAME
from sink.api.pose_formats import NAMES, Row, csv_head, csv_rows, ndjson
from sink.api.pose_pages import BadCursor, PoseQuery, page
from sink.api.problems import refusals
from sink.api.services import services_of

LIMIT = 10_000
ObjectQuery = Annotated[str | None, Query(alias="object", pattern=NAME)]
RunQuery = Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")]
SinceQuery = Annotated[datetime | None, Query(description="captured then or later; UTC where no zone is named")]
UntilQuery = Annotated[datetime | None, Query(description="captured before")]


class Format(StrEnum):
    """How poses travel."""

    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


def add_result_routes(app: FastAPI) -> None:
    """Stored poses by job, object, run and time of capture."""
    others = {"text/csv": {"schema": {"type": "string"}}, "application/x-ndjson": {"schema": {"type": "string"}}}
    good = {"model": PosePage, "content": others, "description": "the cursor of the next page is in X-Next-Cursor"}

    @app.get(
        "/api/v1/jobs/{job}/poses",
        responses=refusals(401, 403, 404) | {200: good},
    )
    def poses(
        request: Request,
        job: JobId,
        object_id: ObjectQuery = None,
        run: RunQuery = None,
        since: SinceQuery = None,
        until: UntilQuery = None,
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT)] = 1000,
        as_: Annotated[Format, Query(alias="format")] = Format.JSON,
    ) -> Response:
        services = services_of(request)
        asked = PoseQuery(job, object_id, run, in_utc(since), in_utc(until), cursor, limit)
        try:
            rows, following = page(services.engine, asked)
        except BadCursor as error:
            raise HTTPException(422, str(error)) from error
        if not rows and services.queries.job(job) is None:
            raise HTTPException(404, f"expected a known job, got {job!r}")
        headers = {} if following is None else {"X-Next-Cursor": following}
        write, media_type = _WRITERS[as_]
        return Response(write(rows, following), media_type=media_type, headers=headers)


def _json(rows: Sequence[Row], following: str | None) -> str:
    shown = [PoseOut.model_validate(dict(zip(NAMES, row, strict=True))) for row in rows]
    return PosePage(poses=shown, next=following).model_dump_json()


def _csv(rows: Sequence[Row], _following: str | None) -> str:
    return csv_head() + csv_rows(rows)


def _ndjson(rows: Sequence[Row], _following: str | None) -> str:
    return ndjson(rows)


def in_utc(at: datetime | None) -> datetime | None:
    """A time with a zone: UTC where it names none."""
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


_WRITERS: dict[Format, tuple[Callable[[Sequence[Row], str | None], str], str]] = {
    Format.JSON: (_json, "application/json"),
    Format.NDJSON: (_ndjson, "application/x-ndjson"),
    Format.CSV: (_csv, "text/csv"),
}
