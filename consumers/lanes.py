"""Calls of estimators beside the loop, so that a slow job does not hold up the others of its worker."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from consumers.asking import Answered, Asked, Desk
from estimators.base import Estimator
from schemas import BadJob, Overloaded

_DIGEST_CHARACTERS = 8  # as ``posestream compare`` prints them
_A_CORE = 2  # threads for each: one that waits for a slow job leaves the other


@dataclass(slots=True, eq=False)
class Flight:
    """A call that is under way."""

    estimator: Estimator
    asked: Sequence[Asked]
    future: "Future[list[Answered]]"


class Lanes:
    """Estimators, and their calls on threads of their own; used by the loop's thread only.

    An estimator that takes calls side by side gets one for each stream, up to the number of lanes; another gets one
    call at a time, with a frame of every stream that has one, always on the same thread. A stream is in one
    call at a time.

    Args:
        desk: Does the work of a call.
        loader: Estimator's name -> estimator; BadJob where there is none of that name.
        cores: How many threads the estimators may use.
        executor: Runs the calls; threads of its own if None.
    """

    def __init__(
        self, desk: Desk, loader: Callable[[str], Estimator], cores: int, executor: Executor | None = None
    ) -> None:
        self._desk = desk
        self._loader = loader
        self._count = _A_CORE * cores
        self._executor = executor
        self._shared = executor or ThreadPoolExecutor(self._count, thread_name_prefix="lane")
        self._own: dict[str, Executor] = {}  # of each estimator: networks and their devices like to stay on a thread
        self._loads: dict[str, Future[Estimator]] = {}
        self._flights: list[Flight] = []
        self._forgotten: set[str] = set()  # jobs to be released when their call is over

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return bool(self._flights) or any(not load.done() for load in self._loads.values())

    def loaded(self, name: str, version: str = "") -> bool:
        """Whether an estimator is there; where it is not, its loading begins.

        Args:
            name: Its name.
            version: Which it must be, see ``Job.estimator_version``.

        Raises:
            BadJob: It cannot be loaded; the next that asks for it tries again. Or it is of another version.
        """
        load = self._loads.get(name)
        if load is None:
            own = self._own.setdefault(name, self._executor or ThreadPoolExecutor(1, thread_name_prefix=name))
            load = self._loads[name] = own.submit(self._loader, name)
        if load.done() and isinstance(error := load.exception(), BadJob):
            del self._loads[name]
            raise error
        if load.done():
            check_version(load.result(), version)
        return load.done()

    def has(self, job_id: str) -> bool:
        """Whether a frame of this job is in a call, wanted or not."""
        return any(one.job.id == job_id for flight in self._flights for one in flight.asked)

    def room(self, name: str) -> int:
        """How many calls of a loaded estimator may begin now."""
        estimator = self._loads[name].result()
        if estimator.side_by_side:
            return max(0, self._count - len(self._flights))
        return int(all(flight.estimator is not estimator for flight in self._flights))

    def ask(self, name: str, asked: Sequence[Asked]) -> None:
        """Begin a call."""
        estimator = self._loads[name].result()
        executor = self._shared if estimator.side_by_side else self._own[name]
        self._flights.append(Flight(estimator, asked, executor.submit(self._desk.work, estimator, asked)))

    def landed(self, timeout_s: float) -> tuple[list[Flight], Overloaded | None]:
        """Calls that are over, in the order they began; waits so long for one.

        Returns:
            Those with answers, and why others had none and are to be asked again.

        Raises:
            Exception: Whatever a call could not get over.
        """
        under_way: list[Future[Any]] = [load for load in self._loads.values() if not load.done()]
        wait(under_way + [flight.future for flight in self._flights], timeout_s, FIRST_COMPLETED)
        over = [flight for flight in self._flights if flight.future.done()]
        self._flights = [flight for flight in self._flights if flight not in over]
        answered: list[Flight] = []
        overloaded: Overloaded | None = None
        for flight in over:
            self._release_forgotten(flight)
            try:
                flight.future.result()
                answered.append(flight)
            except Overloaded as error:
                overloaded = error
        return answered, overloaded

    def side_by_side(self, name: str) -> bool:
        """Whether a loaded estimator takes one call a stream."""
        return self._loads[name].result().side_by_side

    def release(self, job_id: str) -> None:
        """Let the estimators forget a job; answers about it are not wanted any more."""
        mine = [one for flight in self._flights for one in flight.asked if one.job.id == job_id]
        for one in mine:
            one.abandoned = True
        if mine:
            self._forgotten.add(job_id)
        else:
            self._forget(job_id)

    def close(self) -> None:
        """Wait for the calls under way and end the threads."""
        for executor in (self._shared, *self._own.values()):
            executor.shutdown(wait=True, cancel_futures=True)

    def _release_forgotten(self, flight: Flight) -> None:
        for one in flight.asked:
            if one.job.id in self._forgotten:
                self._forgotten.remove(one.job.id)
                self._forget(one.job.id)

    def _forget(self, job_id: str) -> None:
        for load in self._loads.values():
            if load.done() and load.exception() is None:
                load.result().release(job_id)


def check_version(estimator: Estimator, version: str) -> None:
    """Make sure that an estimator is the one that a job asks for.

    Raises:
        BadJob: It is of another version.
    """
    digest = len(version) >= _DIGEST_CHARACTERS and estimator.weights_digest.startswith(version)
    if version in ("", estimator.version) or digest:
        return
    has = estimator.version + (
        f", weights {estimator.weights_digest[:_DIGEST_CHARACTERS]}" if estimator.weights_digest else ""
    )
    msg = (
        f"estimator {estimator.name}: expected version {version}, as the job asks, this worker has {has}; "
        "start one that has it for a pool of its own, and give the job that pool"
    )
    raise BadJob(msg)
