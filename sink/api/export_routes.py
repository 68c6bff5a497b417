"""All poses of a question at once, read and sent page by page."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import Engine

from sink.api.job_routes import JobId
from sink.api.pose_formats import Row, csv_head, csv_rows, ndjson
from sink.api.pose_pages import PoseQuery, page
from sink.api.problems import refusals
from sink.api.result_routes import LIMIT, ObjectQuery, RunQuery, SinceQuery, UntilQuery, in_utc
from sink.api.services import services_of

Pages = Iterator[Sequence[Row]]


class ExportFormat(StrEnum):
    """How they travel."""

    NDJSON = "ndjson"
    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"


_MEDIA = {
    ExportFormat.NDJSON: "application/x-ndjson",
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.ARROW: "application/vnd.apache.arrow.stream",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}


def add_export_routes(app: FastAPI) -> None:
    """Poses in one answer of any length; memory is that of a page."""
    one = {"schema": {"type": "string", "format": "binary"}}
    content = {media.partition(";")[0]: one for media in _MEDIA.values()}
    good = {"content": content, "description": "an answer that breaks off is not whole"}

    @app.get(
        "/api/v1/jobs/{job}/poses/export",
        responses=refusals(401, 403, 404) | {200: good},
        response_class=StreamingResponse,
    )
    def export_poses(
        request: Request,
        job: JobId,
        as_: Annotated[ExportFormat, Query(alias="format")],
        object_id: ObjectQuery = None,
        run: RunQuery = None,
        since: SinceQuery = None,
        until: UntilQuery = None,
    ) -> StreamingResponse:
        services = services_of(request)
        write = _writer(as_)
        pages = _pages(services.engine, PoseQuery(job, object_id, run, in_utc(since), in_utc(until), None, LIMIT))
        first = next(pages)  # what goes wrong here is still a problem and no answer that breaks off
        if not first and services.queries.job(job) is None:
            raise HTTPException(404, f"expected a known job, got {job!r}")
        name = f'attachment; filename="{job}.{as_.value}"'
        headers = {"Content-Disposition": name, "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(write(_again(first, pages)), media_type=_MEDIA[as_], headers=headers)


def _pages(engine: Engine, query: PoseQuery) -> Pages:
    """At least one page, which may be empty."""
    following: str | None = None
    while True:
        rows, following = page(engine, replace(query, cursor=following))
        yield rows
        if following is None:
            return


def _again(first: Sequence[Row], rest: Pages) -> Pages:
    yield first
    yield from rest


def _writer(as_: ExportFormat) -> Callable[[Pages], Iterator[bytes]]:
    if as_ is ExportFormat.NDJSON:
        return lambda pages: (ndjson(rows).encode() for rows in pages)
    if as_ is ExportFormat.CSV:
        return _csv
    try:
        from sink.api import pose_tables
    except ImportError as error:
        detail = f"format: this service was installed without pyarrow (posestream[arrow]), which {as_} needs"
        raise HTTPException(422, detail) from error
    return pose_tables.arrow if as_ is ExportFormat.ARROW else pose_tables.parquet


def _csv(pages: Pages) -> Iterator[bytes]:
    yield csv_head().encode()
    for rows in pages:
        yield csv_rows(rows).encode()
