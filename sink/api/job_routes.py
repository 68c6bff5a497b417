"""Routes about jobs and workers."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query, Request, Response

from consumers.book import JobBook, NoSuchJob
from consumers.ledger import Ledger
from producers.sources.options import without_password
from schemas import EstimatorOffer, Heartbeat, Job, MemberKind
from sink.api.job_making import JobMaker
from sink.api.job_models import JOB_ID, JobIn, JobOut, JobPage, MemberOut, ModelOut, PersonOut, ProgressOut
from sink.api.people_models import Name
from sink.api.problems import refusals
from sink.api.services import about, services_of, who_of

_V1 = "/api/v1"
_PAGE = 200
_UPLOADED = "mesh:"
JobId = Annotated[str, Path(pattern=JOB_ID)]


def add_job_routes(app: FastAPI, maker: JobMaker) -> None:
    """Make, list and show jobs."""

    @app.get(f"{_V1}/jobs", responses=refusals(401, 403))
    def list_jobs(
        request: Request,
        after: Annotated[str, Query(max_length=128)] = "",
        limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
    ) -> JobPage:
        services = services_of(request)
        readable = services.ownership.readable(who_of(request))
        with services.book.ledger() as ledger:
            mine = sorted(name for name in ledger.jobs if name > after and (readable is None or name in readable))
            shown = [_shown(ledger, ledger.jobs[name]) for name in mine[:limit]]
        return JobPage(jobs=shown, next=mine[limit - 1] if len(mine) > limit else None)

    @app.post(f"{_V1}/jobs", status_code=201, responses=refusals(401, 403, 409))
    def create_job(request: Request, body: JobIn) -> JobOut:
        about(request, f"job:{body.id}")
        maker.make(body, who_of(request))
        return _known(request, body.id)

    @app.get(f"{_V1}/jobs/{{job}}", responses=refusals(401, 403, 404))
    def show_job(request: Request, job: JobId) -> JobOut:
        return _known(request, job)

    @app.get(f"{_V1}/workers", responses=refusals(401, 403))
    def list_workers(request: Request) -> list[MemberOut]:
        services = services_of(request)
        readable = services.ownership.readable(who_of(request))
        with services.book.ledger() as ledger:
            return [_member(beat, readable) for beat in ledger.alive(MemberKind.WORKER)]


def add_model_routes(app: FastAPI) -> None:
    """Estimators and their weights, as the workers that live tell of them."""

    @app.get(f"{_V1}/models", responses=refusals(401, 403))
    def list_models(request: Request) -> list[ModelOut]:
        known: dict[EstimatorOffer, list[str]] = {}
        with services_of(request).book.ledger() as ledger:
            for beat in ledger.alive(MemberKind.WORKER):
                for offer in beat.estimators:
                    known.setdefault(offer, []).append(beat.pool)
        found = sorted(known.items(), key=lambda item: (item[0].name, item[0].version, item[0].digest, item[0].missing))
        return [ModelOut(**asdict(offer), pools=sorted(set(pools)), workers=len(pools)) for offer, pools in found]


def add_control_routes(app: FastAPI) -> None:
    """Pause, resume, cancel and retry."""
    _add_control(app, "pause", JobBook.pause)
    _add_control(app, "resume", JobBook.resume)
    _add_control(app, "cancel", JobBook.cancel)
    _add_control(app, "retry", JobBook.retry)


def add_sharing_routes(app: FastAPI) -> None:
    """Who may read a job."""

    @app.get(f"{_V1}/jobs/{{job}}/people", responses=refusals(401, 403, 404))
    def people(request: Request, job: JobId) -> list[PersonOut]:
        found = services_of(request).ownership.readers(job)
        return [PersonOut(name=name, right=right.value) for name, right in found.items()]

    @app.put(f"{_V1}/jobs/{{job}}/readers/{{user}}", status_code=204, responses=refusals(401, 403, 404, 409))
    def let_read(request: Request, job: JobId, user: Name) -> Response:
        about(request, f"job:{job} reader:{user}")
        services = services_of(request)
        services.ownership.let_read(job, services.accounts.get(user).id)
        return Response(status_code=204)

    @app.delete(f"{_V1}/jobs/{{job}}/readers/{{user}}", status_code=204, responses=refusals(401, 403, 404, 409))
    def stop_reading(request: Request, job: JobId, user: Name) -> Response:
        about(request, f"job:{job} reader:{user}")
        services = services_of(request)
        services.ownership.stop_reading(job, services.accounts.get(user).id)
        return Response(status_code=204)


def _add_control(app: FastAPI, name: str, act: Callable[[JobBook, str, str], Job]) -> None:
    @app.post(
        f"{_V1}/jobs/{{job}}/{name}", name=name, operation_id=f"{name}_job", responses=refusals(401, 403, 404, 409)
    )
    def control(request: Request, job: JobId) -> JobOut:
        about(request, f"job:{job}")
        act(services_of(request).book, job, f"{name} by {who_of(request).name}")
        return _known(request, job)


def _known(request: Request, job_id: str) -> JobOut:
    with services_of(request).book.ledger() as ledger:
        if job_id not in ledger.jobs:
            msg = f"expected a known job, got {job_id!r}"
            raise NoSuchJob(msg)
        return _shown(ledger, ledger.jobs[job_id])


def _shown(ledger: Ledger, job: Job) -> JobOut:
    names = ("id", "pool", "estimator", "estimator_version", "mode", "partition", "priority", "retries", "attempt")
    told = ledger.told.get(job.id)
    return JobOut(
        **{name: getattr(job, name) for name in names},
        objects=[one.object_id for one in job.objects],
        state=ledger.state(job.id) or "unknown",
        reason=told.reason if told else "",
        source=without_password(job.source),
        progress=_progress(ledger.alive(MemberKind.WORKER, job.pool), job.id),
        producer=_progress(ledger.alive(MemberKind.PRODUCER, job.pool), job.id),
    )


def _progress(members: list[Heartbeat], job_id: str) -> ProgressOut | None:
    found: list[tuple[int, dict[str, Any]]] = []
    for beat in members:
        for one in beat.jobs:
            if one.job_id == job_id:
                same = {name: getattr(one, name) for name in ("run_id", "seq", "total", "rate_hz", "waiting")}
                found.append((beat.at_ns, same | {"member": beat.member_id}))
    return ProgressOut(**max(found, key=lambda item: item[0])[1]) if found else None


def _member(beat: Heartbeat, readable: frozenset[str] | None) -> MemberOut:
    jobs = [one.job_id for one in beat.jobs if readable is None or one.job_id in readable]
    at, started = (datetime.fromtimestamp(at_ns / 1e9, UTC) for at_ns in (beat.at_ns, beat.started_ns))
    return MemberOut(id=beat.member_id, pool=beat.pool, host=beat.host, at=at, started_at=started, jobs=jobs)
