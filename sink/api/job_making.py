"""Makes the jobs that users ask for, whichever way they ask: within the rules, in their name, within their quotas."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import HTTPException

from consumers.book import JobExists
from schemas import Job, JobObject
from sink.api.job_models import JobIn, ObjectIn
from sink.api.mesh_store import MeshStore
from sink.api.places import ModelFolders
from sink.api.services import Services
from sink.people.rights import Principal, Right, Role

_UPLOADED = "mesh:"
_SAME = ("id", "pool", "estimator", "estimator_version", "mode", "deadline_s", "priority", "retries", "options")


@dataclass(frozen=True, slots=True)
class JobMaker:
    """May be used by several threads.

    Attributes:
        services: Of this process.
        folders: Where meshes lie that users may name.
        meshes: Those that users uploaded.
    """

    services: Services
    folders: ModelFolders
    meshes: MeshStore

    def make(self, body: JobIn, who: Principal) -> Job:
        """Make a job.

        Raises:
            HTTPException: It cannot be, or not now (503); the detail says why.
            JobExists: There is one of that id, and whoever asks may know.
            Overloaded, TimeoutError: Kafka, the registry or Postgres do not answer.
        """
        asked = self._asked(body, who)
        if asked.source:
            asked = self.services.desk.accepted(asked)
        with self._placed(asked, who), self._claimed(body.id, who):
            return self.services.book.create(asked)

    def is_made(self, body: JobIn, who: Principal) -> bool:
        """Whether somebody has this very job already: a request for it came twice."""
        found = self.services.book.jobs().get(body.id)
        if found is None or not self.services.ownership.may(who, body.id, Right.OWNER):
            return False
        same = all(getattr(found, name) == getattr(body, name) for name in _SAME)
        names = [one.object_id for one in body.objects] or [one.object_id for one in found.objects]
        return same and bool(found.source) == bool(body.source) and names == [one.object_id for one in found.objects]

    @contextmanager
    def _placed(self, asked: Job, who: Principal) -> Generator[None]:
        """Room for a job with a source, where it has one."""
        if not asked.source:
            yield
            return
        mine = None if who.role is Role.ADMIN else self.services.ownership.owned(who.user_id)
        with self.services.desk.place(self.services.book, mine):
            yield

    @contextmanager
    def _claimed(self, job_id: str, who: Principal) -> Generator[None]:
        """A new job is its maker's, within their quota; not where it turns out to be there already."""
        ownership = self.services.ownership
        if not who.user_id:
            yield
            return
        was_mine = ownership.readers(job_id).get(who.name) is Right.OWNER
        self._claim(job_id, who)
        try:
            yield
        except JobExists:
            if not was_mine:
                ownership.disown(job_id, who.user_id)
            raise

    def _claim(self, job_id: str, who: Principal) -> None:
        """A name that is or was another's is not given away: its results are still there."""
        services = self.services
        with services.claiming:
            owned = services.ownership.owned(who.user_id)
            if who.role is not Role.ADMIN and len(owned) >= services.jobs_per_user:
                raise HTTPException(409, f"expected at most {services.jobs_per_user} jobs of a user")
            taken = services.queries.job(job_id) is not None and not services.ownership.readers(job_id)
            if taken or not services.ownership.claim(job_id, who.user_id):
                raise HTTPException(409, f"job {job_id}: the name is taken, or was; choose another")

    def _asked(self, body: JobIn, who: Principal) -> Job:
        objects = tuple(self._object(one, who) for one in body.objects)
        try:
            return Job(objects=objects, source=body.source, **{name: getattr(body, name) for name in _SAME})
        except ValueError as error:
            raise HTTPException(422, str(error)) from error

    def _object(self, one: ObjectIn, who: Principal) -> JobObject:
        """An object whose mesh is a file of a model folder, or an upload of whoever asks."""
        if not one.model.startswith(_UPLOADED):
            return JobObject(one.object_id, str(self.folders.model(one.model)), one.model_unit_m)
        mesh = self.meshes.get(who, one.model.removeprefix(_UPLOADED).replace("\0", ""))
        if mesh.faces is None:
            raise HTTPException(409, f"mesh {mesh.id}: expected one that is finished")
        return JobObject(one.object_id, str(self.meshes.path(mesh)), mesh.unit_m)
