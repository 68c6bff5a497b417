"""The notifier's HTTP routes: health, metrics, jobs, poses and meshes."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import KafkaException
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from schemas import BadJob, Overloaded, PoseEvent
from sink.metrics import SinkMetrics
from sink.notifier.archive import MOST_FRAMES, Archive
from sink.notifier.meshes import Meshes
from sink.notifier.messages import job_json, pose_message, runs_json
from sink.people.rights import Principal
from sink.queries import JobView, Queries

POSES_LIMIT = 1000
"""Events in one answer."""
_LARGEST_SEQ = (1 << 63) - 1


class Routes:
    """Answers HTTP requests.

    Args:
        queries: Reads the tables.
        metrics: Its registry is what ``/metrics`` shows.
        hearing: Set while pose events are read from Kafka.
        readable: The jobs that somebody may read; None for all.
        archive: Reads frames of the past.
    """

    def __init__(
        self,
        queries: Queries,
        metrics: SinkMetrics,
        hearing: threading.Event,
        readable: Callable[[Principal], frozenset[str] | None],
        archive: Archive,
    ) -> None:
        self._queries = queries
        self._metrics = metrics
        self._hearing = hearing
        self._readable = readable
        self._archive = archive
        self._meshes = Meshes()

    def all(self) -> list[Route]:
        """The routes, for the application."""
        return [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/metrics", self._show_metrics),
            Route("/api/jobs", self._jobs),
            Route("/api/jobs/{job}", self._job),
            Route("/api/jobs/{job}/poses", self._poses),
            Route("/api/jobs/{job}/frames", self._frames),
            Route("/api/jobs/{job}/objects/{object}/mesh", self._mesh),
        ]

    async def _healthz(self, _: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, _: Request) -> Response:
        if not self._hearing.is_set():
            return PlainTextResponse("pose events are not read from Kafka yet\n", 503)
        await run_in_threadpool(self._queries.ping)
        return PlainTextResponse("ready\n")

    async def _show_metrics(self, _: Request) -> Response:
        shown = await run_in_threadpool(generate_latest, self._metrics.registry)
        return Response(shown, media_type=CONTENT_TYPE_LATEST)

    async def _jobs(self, request: Request) -> Response:
        readable = await run_in_threadpool(self._readable, request.scope["state"]["who"])
        jobs = await run_in_threadpool(self._queries.jobs)
        return JSONResponse([job_json(job) for job in jobs if readable is None or job.id in readable])

    async def _job(self, request: Request) -> Response:
        job = await self._known(request)
        runs = await run_in_threadpool(self._queries.counts, job.id)
        latest = await run_in_threadpool(self._queries.latest, job.id)
        shown = {**job_json(job), "runs": runs_json(runs), "latest": None if latest is None else pose_message(latest)}
        return JSONResponse(shown)

    async def _poses(self, request: Request) -> Response:
        _, events = await self._events(request, POSES_LIMIT)
        return JSONResponse([pose_message(event) for event in events])

    async def _frames(self, request: Request) -> Response:
        """Answered frames that Kafka still holds; the header tells how far to go on from, also where none came."""
        job, events = await self._events(request, MOST_FRAMES)
        last_seq = _whole(request, "last_seq", _LARGEST_SEQ, 0, _LARGEST_SEQ)
        wanted = [event for event in events if event.seq <= last_seq]
        try:
            found = await run_in_threadpool(self._archive.frames, job, wanted)
        except KafkaException as error:
            msg = f"frames of {job.id}: {error.args[0]}"
            raise Overloaded(msg) from error
        headers = {"X-Last-Seq": str(wanted[-1].seq)} if wanted else {}
        return Response(found, media_type="application/octet-stream", headers=headers)

    async def _events(self, request: Request, most: int) -> tuple[JobView, list[PoseEvent]]:
        """Stored events of one run after a frame."""
        run = request.query_params.get("run")
        if run is not None and "\0" in run:
            raise HTTPException(400, "run: expected text without NUL characters")
        after_seq = _whole(request, "after_seq", -1, -1, _LARGEST_SEQ)
        limit = _whole(request, "limit", most, 1, most)
        job = await self._known(request)
        return job, await run_in_threadpool(self._queries.events, job.id, run, after_seq, limit)

    async def _mesh(self, request: Request) -> Response:
        job = await self._known(request)
        name = request.path_params["object"]
        item = next((one for one in job.objects if one.object_id == name), None)
        if item is None:
            raise HTTPException(404, f"job {job.id}: expected one of its objects, got {name[:80]!r}")
        try:
            mesh = await run_in_threadpool(self._meshes.encoded, item)
        except BadJob as error:
            raise HTTPException(404, str(error)) from error
        headers = {"ETag": f'"{mesh.etag}"', "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(mesh.data, media_type="application/octet-stream", headers=headers)

    async def _known(self, request: Request) -> JobView:
        name = request.path_params["job"]
        job = None if "\0" in name else await run_in_threadpool(self._queries.job, name)
        if job is None:
            raise HTTPException(404, f"expected a known job, got {name[:80]!r}")
        return job


def plain_errors() -> Mapping[Any, Callable[[Request, Exception], Response]]:
    """Errors as JSON ``{"error": reason}``; 503 while Postgres does not answer."""

    def refused(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else "internal error"
        return JSONResponse({"error": detail}, status)

    def away(_: Request, error: Exception) -> Response:  # noqa: ARG001 - the reason names hosts; it is in the log
        return JSONResponse({"error": "the database does not answer right now"}, 503, {"Retry-After": "1"})

    return {HTTPException: refused, Overloaded: away}


def _whole(request: Request, name: str, default: int, least: int, most: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and least <= int(text) <= most):
        raise HTTPException(400, f"{name}: expected a whole number from {least} to {most}, got {text[:40]!r}")
    return int(text)
