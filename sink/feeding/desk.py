"""Takes jobs with a source: what it may be, how many, and which objects it knows of."""

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fastapi import HTTPException

from consumers.book import JobBook
from producers.confinement.folders import FolderRules
from producers.confinement.hosts import HostRules
from producers.confinement.refused import SourceRefused
from producers.confinement.rules import SourceRules
from producers.sources.base import SourceError
from schemas import Job, JobObject, Wanted
from sink.feeding.commands import NotDescribed
from sink.feeding.supervisor import OVER

_LOOKS = 2  # at a time: each is a process
_MADE_HERE = "synthetic:"  # its mesh is ours and lies in our cache folder


class SourceDesk:
    """May be used by several threads. What cannot be is an ``HTTPException`` with the reason.

    Args:
        rules: Which sources users may name.
        look: The objects that a source knows of.
        folders: Where the meshes of such objects may lie.
        most: Jobs with a source that are not over.
        most_of_a_user: Those of one user.
    """

    def __init__(
        self,
        rules: SourceRules,
        look: Callable[[str], tuple[JobObject, ...]],
        folders: Sequence[Path],
        most: int,
        most_of_a_user: int,
    ) -> None:
        self._rules, self._look, self._folders = rules, look, FolderRules(folders)
        self._most, self._most_of_a_user = most, most_of_a_user
        self._looking = threading.BoundedSemaphore(_LOOKS)
        self._placing = threading.Lock()

    def accepted(self, job: Job) -> Job:
        """A job with its source as it will be opened, and with the source's objects where none were named."""
        if self._most == 0:
            raise HTTPException(422, "source: this service feeds no jobs: it was started without --managed-producers")
        try:
            known = replace(job, source=self._rules.checked(job.source))
            return known if job.objects else replace(known, objects=self._objects(known.source))
        except (SourceError, NotDescribed, ValueError) as error:
            raise HTTPException(422, str(error)) from error

    @contextmanager
    def place(self, book: JobBook, mine: frozenset[str] | None) -> Generator[None]:
        """Room for one more job, held while the block makes it.

        Args:
            book: The jobs that there are.
            mine: The jobs of whoever asks; None for somebody without a quota.
        """
        with self._placing, book.ledger() as known:
            fed = {
                job.id
                for job in known.jobs.values()
                if job.source and job.wanted is not Wanted.CANCEL and known.state(job.id) not in OVER
            }
            if len(fed) >= self._most:
                raise HTTPException(409, f"expected at most {self._most} jobs with a source at a time")
            if mine is not None and len(fed & mine) >= self._most_of_a_user:
                raise HTTPException(409, f"expected at most {self._most_of_a_user} jobs of a user with a source")
            yield

    def _objects(self, source: str) -> tuple[JobObject, ...]:
        if not self._looking.acquire(timeout=1.0):
            raise HTTPException(503, "too many sources are looked at right now", {"Retry-After": "5"})
        try:
            found = self._look(source)
        finally:
            self._looking.release()
        if not found:
            raise HTTPException(422, "objects: expected some, since the source knows none")
        return found if source.startswith(_MADE_HERE) else tuple(self._confined(one) for one in found)

    def _confined(self, item: JobObject) -> JobObject:
        """A recording says where its meshes lie: it may not say any place."""
        try:
            return replace(item, model_uri=str(self._folders.checked(item.model_uri.removeprefix("file:"))))
        except SourceRefused as error:
            msg = f"object {item.object_id}: its mesh lies outside of this service's folders; name the objects yourself"
            raise SourceRefused(msg) from error


def no_sources() -> SourceDesk:
    """The desk of a service that feeds no jobs."""
    return SourceDesk(SourceRules([], [], HostRules("")), lambda _: (), [], 0, 0)
