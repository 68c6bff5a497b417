"""The route of a job's frames as pictures."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Query, Request, Response

from sink.api.job_routes import JobId
from sink.api.problems import refusals
from sink.api.result_routes import RunQuery
from sink.api.services import services_of
from sink.api.snapshots import LARGEST_SIDE_PX


class PictureFormat(StrEnum):
    """How a picture travels."""

    JPEG = "jpeg"
    PNG = "png"


_EXTENSIONS = {PictureFormat.JPEG: ".jpg", PictureFormat.PNG: ".png"}


def add_snapshot_routes(app: FastAPI) -> None:
    """A frame of a job."""
    binary = {"schema": {"type": "string", "format": "binary"}}
    good = {
        "content": {"image/jpeg": binary, "image/png": binary},
        "description": "X-Run-Id (percent-encoded), X-Seq and X-Captured-At say which frame it is",
    }

    @app.get("/api/v1/jobs/{job}/frame", responses=refusals(401, 403, 404) | {200: good}, response_class=Response)
    def snapshot(
        request: Request,
        job: JobId,
        run: RunQuery = None,
        seq: Annotated[
            int | None, Query(ge=0, lt=1 << 62, description="the newest that was answered if absent")
        ] = None,
        as_: Annotated[PictureFormat, Query(alias="format")] = PictureFormat.JPEG,
        side: Annotated[
            int, Query(ge=16, le=LARGEST_SIDE_PX, description="longest side in pixels, at most")
        ] = LARGEST_SIDE_PX,
    ) -> Response:
        services = services_of(request)
        known = services.queries.job(job)
        if known is None:
            raise HTTPException(404, f"expected a known job, got {job!r}")
        found = services.snapshots.take(known, run, seq, _EXTENSIONS[as_], side)
        headers = {
            "X-Run-Id": quote(found.run_id),
            "X-Seq": str(found.seq),
            "X-Captured-At": datetime.fromtimestamp(found.captured_ns / 1e9, UTC).isoformat(),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(found.data, media_type=f"image/{as_.value}", headers=headers)
