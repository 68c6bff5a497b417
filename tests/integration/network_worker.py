"""A worker with networks; FoundationPose's registrations start from one hypothesis each.

Run as ``python network_worker.py``; what is on the command line is not read.

Settings come from POSESTREAM_*. Each call of ``track`` is logged with how often the refiner was asked in it.
"""

import logging
import sys
from collections.abc import Sequence
from functools import partial

from consumers.loop import stop_on_signals
from consumers.service import run_worker
from consumers.settings import WorkerSettings
from estimators.base import Estimator
from estimators.foundationpose import starts
from estimators.foundationpose.estimator import FoundationPoseEstimator
from estimators.gen6d.estimator import Gen6DEstimator
from estimators.registry import Resources, load
from schemas import Estimates, Frame

_LOG = logging.getLogger("tests.networks")


def loaded(name: str, resources: Resources) -> Estimator:
    """The estimator, with its tracking logged."""
    made = load(name, resources)
    if isinstance(made, FoundationPoseEstimator | Gen6DEstimator):
        track, engine = made.track, made.engine

        def logged(frames: Sequence[Frame], priors: Sequence[Estimates]) -> list[Estimates]:
            before = engine.calls
            answers = track(frames, priors)
            objects = sum(len(prior) for prior in priors)
            _LOG.info("followed %d objects of %d streams in %d calls", objects, len(frames), engine.calls - before)
            return answers

        made.track = logged  # type: ignore[method-assign]
    return made


def main() -> None:
    """Run until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    starts.SURVIVORS = 1  # each costs three forwards of a network
    settings = WorkerSettings()  # type: ignore[call-arg]
    resources = Resources(settings.threads, settings.weights, settings.device, settings.precision)
    with stop_on_signals() as stop:
        run_worker(settings, stop, partial(loaded, resources=resources))


if __name__ == "__main__":
    main()
