"""``posestream replay``: an archived stream published again, as a new run."""

from dataclasses import dataclass, replace

from consumers.book import JobBook, JobExists
from schemas import Job, Mode, PosestreamError


class BadReplay(PosestreamError):
    """A replay that cannot be meant as it was asked for."""


@dataclass(frozen=True, slots=True)
class Changes:
    """How a replay's job differs from the one that is replayed; None is as before.

    Attributes:
        job_id: Its name; None publishes a new run of the same job.
        estimator: Another estimator.
        version: Which version of the estimator must answer, see ``Job.estimator_version``.
        pool: Of other workers: those that have this version.
        mode: Another mode.
        options: The estimator's; those of another estimator are not taken over.
    """

    job_id: str | None = None
    estimator: str | None = None
    version: str | None = None
    pool: str | None = None
    mode: Mode | None = None
    options: dict[str, str] | None = None

    def of(self, job: Job) -> Job:
        """The replay's job, without its partition.

        Raises:
            BadReplay: Something differs and there is no new name: a job is what it is.
        """
        if self.job_id is None:
            if self != Changes():
                msg = f"replay of {job.id}: expected --as NEWJOB where estimator, version, pool, mode or options differ"
                raise BadReplay(msg)
            return job
        same_estimator = self.estimator in (None, job.estimator)
        return replace(
            job,
            id=self.job_id,
            estimator=self.estimator or job.estimator,
            estimator_version=self.version
            if self.version is not None
            else (job.estimator_version if same_estimator else ""),
            pool=self.pool or job.pool,
            mode=self.mode or job.mode,
            options=self.options if self.options is not None else (job.options if same_estimator else {}),
        )


def target(book: JobBook, origin: Job, changes: Changes) -> Job:
    """The job that takes a replay's frames; made where it is new, gone on with where it is the same.

    Raises:
        BadReplay: As ``Changes.of``.
        JobExists: A job of that name is there, for something else.
        NoSuchJob: No new name, and the job is not in the book (a recording from elsewhere).
    """
    wanted = changes.of(origin)
    if changes.job_id is None:
        return book.job(wanted.id)
    there = book.jobs().get(wanted.id)
    if there is None:
        return book.create(wanted)
    if _meant(there) != _meant(wanted):
        msg = f"job {wanted.id}: exists already and differs from this replay's; choose another name or remove it"
        raise JobExists(msg)
    return there


def _meant(job: Job) -> tuple[object, ...]:
    objects = [(item.object_id, item.model_uri, item.model_unit_m) for item in job.objects]
    return job.pool, job.estimator, job.estimator_version, job.mode, dict(job.options), objects
