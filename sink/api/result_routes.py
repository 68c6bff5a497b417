"""Routes about results: stored poses as JSON, NDJSON and CSV."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response

from sink.api.job_models import PoseOut, PosePage
from sink.api.job_routes import JobId
from sink.api.people_models import NAME
from sink.api.pose_pages import BadCursor, PoseQuery, page
from sink.api.problems import refusals
from sink.api.services import services_of

LIMIT = 10_000
_NAMES: tuple[str, ...] = ("run_id", "seq", "captured_at", "object_id", "state", "score", "rotation", "translation_m")
_VECTORS = {"rotation": 9, "translation_m": 3}
Row = Sequence[Any]


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
        object_id: Annotated[str | None, Query(alias="object", pattern=NAME)] = None,
        run: Annotated[str | None, Query(max_length=200, pattern=r"^[^\x00]*$")] = None,
        since: Annotated[
            datetime | None, Query(description="captured then or later; UTC where no zone is named")
        ] = None,
        until: Annotated[datetime | None, Query(description="captured before")] = None,
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
        limit: Annotated[int, Query(ge=1, le=LIMIT)] = 1000,
        as_: Annotated[Format, Query(alias="format")] = Format.JSON,
    ) -> Response:
        services = services_of(request)
        asked = PoseQuery(job, object_id, run, _utc(since), _utc(until), cursor, limit)
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
    shown = [PoseOut.model_validate(dict(zip(_NAMES, row, strict=True))) for row in rows]
    return PosePage(poses=shown, next=following).model_dump_json()


def _ndjson(rows: Sequence[Row], _following: str | None) -> str:
    return "".join(json.dumps(dict(zip(_NAMES, map(_plain, row), strict=True))) + "\n" for row in rows)


def _csv(rows: Sequence[Row], _following: str | None) -> str:
    """One column a number; what no pose has stays empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    plain = [name for name in _NAMES if name not in _VECTORS]
    vectors = [f"{name}_{at}" for name, count in _VECTORS.items() for at in range(count)]
    writer.writerow(plain + vectors)
    for row in rows:
        values = dict(zip(_NAMES, row, strict=True))
        numbers = [number for name, count in _VECTORS.items() for number in values[name] or [""] * count]
        writer.writerow([_plain(values[name]) for name in plain] + numbers)
    return out.getvalue()


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column's
    return value.isoformat() if isinstance(value, datetime) else value


def _utc(at: datetime | None) -> datetime | None:
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


_WRITERS: dict[Format, tuple[Callable[[Sequence[Row], str | None], str], str]] = {
    Format.JSON: (_json, "application/json"),
    Format.NDJSON: (_ndjson, "application/x-ndjson"),
    Format.CSV: (_csv, "text/csv"),
}
