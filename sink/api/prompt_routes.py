"""What people say of an object in a running stream: where it is, or that it is to be searched for again."""

from typing import Annotated, Self

from fastapi import FastAPI, HTTPException, Path, Request, Response
from pydantic import Field, model_validator

from schemas import Box, Prompt
from sink.api.job_models import JOB_ID
from sink.api.people_models import Name, Strict
from sink.api.problems import refusals
from sink.api.services import about, services_of

_LARGEST_PX = 65536
_Place = Annotated[float, Field(ge=0, le=_LARGEST_PX, allow_inf_nan=False)]
_Size = Annotated[float, Field(gt=0, le=_LARGEST_PX, allow_inf_nan=False)]


class BoxIn(Strict):
    """Pixels of the frame, from its upper left corner; the far edges not included."""

    x_px: _Place
    y_px: _Place
    width_px: _Size
    height_px: _Size


class PromptIn(Strict):
    """About one object, either a box about it or ``reset``; for the run that is named, any if empty."""

    object_id: Name
    box: BoxIn | None = None
    reset: bool = False
    run_id: str = Field("", max_length=128, pattern=r"^[A-Za-z0-9._-]*$")

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.box is not None) == self.reset:
            msg = "expected either a box or reset"
            raise ValueError(msg)
        return self


def add_prompt_routes(app: FastAPI) -> None:
    """Prompts; the worker applies one at the next frame."""

    @app.post("/api/v1/jobs/{job}/prompts", status_code=202, responses=refusals(401, 403, 404))
    def prompt(request: Request, job: Annotated[str, Path(pattern=JOB_ID)], body: PromptIn) -> Response:
        about(request, f"job:{job} object:{body.object_id}")
        book = services_of(request).book
        known = book.job(job)
        names = [one.object_id for one in known.objects]
        if body.object_id not in names:
            raise HTTPException(404, f"job {job}: expected one of its objects {names}, got {body.object_id!r}")
        box = None if body.box is None else Box(**body.box.model_dump())
        book.prompt(known, Prompt(job, body.run_id, body.object_id, box, reset=body.reset))
        return Response(status_code=202)
