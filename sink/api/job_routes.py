"""Routes about jobs and workers."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Path, Query, Request, Response

from consumers.book import JobBook, JobExists, NoSuchJob
from consumers.ledger import Ledger
from producers.sources.options import without_password
from schemas import Heartbeat, Job, JobObject, MemberKind
from sink.api.job_models import JOB_ID, JobIn, JobOut, JobPage, MemberOut, ObjectIn, PersonOut, ProgressOut
from sink.api.mesh_store import MeshStore
from sink.api.people_models import Name
from sink.api.places import ModelFolders
from sink.api.problems import refusals
from sink.api.services import Services, about, services_of, who_of
from sink.people.rights import Principal, Right, Role

_V1 = "/api/v1"
_PAGE = 200
_UPLOADED = "mesh:"
JobId = Annotated[str, Path(pattern=JOB_ID)]


def add_job_routes(app: FastAPI, folders: ModelFolders, meshes: MeshStore) -> None:
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
        asked = _asked(body, folders, meshes, who_of(request))
        if asked.source:
            asked = services_of(request).desk.accepted(asked)
        with _placed(request, asked), _claimed(request, body.id):
            services_of(request).book.create(asked)
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


@contextmanager
def _placed(request: Request, asked: Job) -> Generator[None]:
    """Room for a job with a source, where it has one."""
    services, who = services_of(request), who_of(request)
    if not asked.source:
        yield
        return
    mine = None if who.role is Role.ADMIN else services.ownership.owned(who.user_id)
    with services.desk.place(services.book, mine):
        yield


@contextmanager
def _claimed(request: Request, job_id: str) -> Generator[None]:
    """A new job is its maker's, within their quota; not where it turns out to be there already."""
    services, who = services_of(request), who_of(request)
    if not who.user_id:
        yield
        return
    was_mine = services.ownership.readers(job_id).get(who.name) is Right.OWNER
    _claim(services, who, job_id)
    try:
        yield
    except JobExists:
        if not was_mine:
            services.ownership.disown(job_id, who.user_id)
        raise


def _claim(services: Services, who: Principal, job_id: str) -> None:
    """A name that is or was another's is not given away: its results are still there."""
    with services.claiming:
        if who.role is not Role.ADMIN and len(services.ownership.owned(who.user_id)) >= services.jobs_per_user:
            raise HTTPException(409, f"expected at most {services.jobs_per_user} jobs of a user")
        taken = services.queries.job(job_id) is not None and not services.ownership.readers(job_id)
        if taken or not services.ownership.claim(job_id, who.user_id):
            raise HTTPException(409, f"job {job_id}: the name is taken, or was; choose another")


def _asked(body: JobIn, folders: ModelFolders, meshes: MeshStore, who: Principal) -> Job:
    objects = tuple(_object(one, folders, meshes, who) for one in body.objects)
    names = ("id", "pool", "estimator", "estimator_version", "mode", "deadline_s", "priority", "retries", "options")
    try:
        return Job(objects=objects, source=body.source, **{name: getattr(body, name) for name in names})
    except ValueError as error:
        raise HTTPException(422, str(error)) from error


def _object(one: ObjectIn, folders: ModelFolders, meshes: MeshStore, who: Principal) -> JobObject:
    """An object whose mesh is a file of a model folder, or an upload of whoever asks."""
    if not one.model.startswith(_UPLOADED):
        return JobObject(one.object_id, str(folders.model(one.model)), one.model_unit_m)
    mesh = meshes.get(who, one.model.removeprefix(_UPLOADED).replace("\0", ""))
    if mesh.faces is None:
        raise HTTPException(409, f"mesh {mesh.id}: expected one that is finished")
    return JobObject(one.object_id, str(meshes.path(mesh)), mesh.unit_m)


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
