"""``posestream train``: our own networks, from data made in code."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from consumers.loop import stop_on_signals
from estimators.registry import without_package
from posestream.progress import progress_bar
from schemas import BadJob

if TYPE_CHECKING:
    from estimators.training.log import Moment
    from estimators.training.plan import Plan
    from estimators.training.run import Run

_HOME = Path("training")


def train(
    network: Annotated[str, typer.Argument(help="refiner | scorer | lite")],
    minutes: Annotated[float, typer.Option(help="of this call, saving included; the run can go on later")],
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N; bf16 on CUDA")] = "auto",
    to: Annotated[Path | None, typer.Option(help="folder of a new run; default: training/NETWORK")] = None,
    resume: Annotated[Path | None, typer.Option(help="folder of a run to go on with, at its last step")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of a new run: first numbers, scenes and poses")] = 0,
    scenes: Annotated[int | None, typer.Option(min=1, help="of a batch of a new run; default: as the network")] = None,
    poses: Annotated[int | None, typer.Option(min=4, help="of a scene of a new run")] = None,
    trunk: Annotated[
        Path | None, typer.Option(help="scorer: run of a refiner whose picture encoders to begin with")
    ] = None,
    cool_down: Annotated[
        float, typer.Option(min=0, help="minutes at the end in which the rate falls to a tenth; for a run's last call")
    ] = 0.0,
    processes: Annotated[
        int | None, typer.Option(min=0, help="that make data; default: all cores on CUDA, else this one makes it")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the last figures as one JSON document")] = False,
) -> None:
    """Train a network of our own: refiner and scorer are FoundationPose's two, lite is a small one for CPUs.

    Everything it sees is made in code from numbered scenes; nothing is downloaded or read from disk. It stops after
    --minutes, leaves its state in the run's folder, in pieces below 16 MiB with their sha256, and goes on from there
    exactly: the same losses as without the break. Ctrl-C keeps the state too; every two minutes it is kept anyway, so a
    machine that is taken away costs two minutes at most.

    Example, on a GPU that is lent for ten minutes:

    posestream train refiner --minutes 9 --device cuda --to runs/refiner

    and on the next one, with the folder copied there:

    posestream train refiner --minutes 9 --device cuda --resume runs/refiner

    The folder's log.jsonl has a line a step (loss, rate, pairs a second, seconds waited for data) and the figures on
    the validation scenes, which no run trains on. A last call with --cool-down 2 makes a network sharper; then
    posestream weights export. A scorer learns faster with --trunk runs/refiner: it begins with what the refiner has
    learned to see. docs/models/training.md says more.
    """
    if not minutes > 0:
        msg = f"expected more than 0, got {minutes:g}"
        raise typer.BadParameter(msg, param_hint="--minutes")
    if to is not None and resume is not None:
        msg = "expected --to for a new run or --resume for one that goes on, got both"
        raise BadJob(msg)
    fixed = {name: value for name, value in {"scenes": scenes, "poses": poses}.items() if value is not None}
    if resume is not None and (fixed or seed):
        msg = "--resume: expected no --seed, --scenes or --poses beside it: a run keeps its own"
        raise BadJob(msg)
    try:
        plan = _plan(minutes, cool_down, device, processes)
        run, begun = _run(network, plan, to, resume, trunk, seed, fixed)
    except ModuleNotFoundError as error:
        raise without_package(error) from error
    with stop_on_signals() as stop, progress_bar() as bar:
        task = bar.add_task(f"{network}: seconds", total=round(60 * minutes))

        def told(moment: "Moment") -> None:
            line = f"{network}: step {moment.step}, loss {moment.loss:.4f}, {moment.pairs_per_s:.0f} pairs/s, seconds"
            bar.update(task, completed=round(moment.spent_s), description=line)

        figures = run.train(told, stop.is_set)
    step = run.learner.step
    if as_json:
        typer.echo(json.dumps({"step": step, "steps": step - begun, "validation": figures}))
    else:
        told_figures = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        typer.echo(f"{network}: {step - begun} steps, {step} in all; validation: {told_figures}; kept in {run.folder}")


def _plan(minutes: float, cool_down_minutes: float, device: str, processes: int | None) -> "Plan":
    from estimators.crew import usable_cores
    from estimators.foundationpose.device import Device
    from estimators.training.plan import Plan

    place = Device.named(device).place
    makers = processes if processes is not None else usable_cores() if place.type == "cuda" else 0
    return Plan(minutes, place, cool_down_minutes, makers)


def _run(
    network: str,
    plan: "Plan",
    to: Path | None,
    resume: Path | None,
    trunk: Path | None,
    seed: int,
    fixed: dict[str, int],
) -> "tuple[Run, int]":
    """The run, and at which step it is."""
    from estimators.training import checkpoints, tasks
    from estimators.training.run import Run

    if trunk is not None and (network != "scorer" or resume is not None):
        msg = f"--trunk: expected a new run of the scorer, got {network if resume is None else 'one to go on with'}"
        raise BadJob(msg)
    if resume is not None:
        task, origin, checkpoint = tasks.resumed(network, resume)
        return Run(task, resume, origin.seed, plan, checkpoint), origin.step
    folder = to or _HOME / network
    if checkpoints.checkpoints_in(folder):
        msg = (
            f"{folder}: expected a folder without a run for a new one, got one with; --resume {folder} goes on with it"
        )
        raise BadJob(msg)
    run = Run(tasks.make(network, fixed), folder, seed, plan)
    if trunk is not None:
        from estimators.foundationpose.training.scorer_task import trunk_of
        from estimators.training.export import averaged

        _, _, checkpoint = tasks.resumed("refiner", trunk)
        run.learner.begin_with(trunk_of(averaged(checkpoint)))
    return run, 0
