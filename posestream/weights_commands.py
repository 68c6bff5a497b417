"""``posestream weights``: the networks that users bring."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from estimators.registry import without_package
from estimators.weights.place import default_folder, kept_folders, manifest_of
from schemas import BadJob

if TYPE_CHECKING:
    from estimators.weights.files import Family

app = typer.Typer(
    no_args_is_help=True,
    help="Weights of networks; none come with posestream. The estimator geometric needs none.",
)


@app.command(name="import")
def import_(
    folder: Annotated[Path, typer.Argument(help="with the published runs of FoundationPose or Gen6D, or your own")],
    to: Annotated[Path | None, typer.Option(help="default: where the estimator looks by itself")] = None,
    version: Annotated[
        str | None, typer.Option(help="keep them beside others under this name, which --weights then takes")
    ] = None,
) -> None:
    """Check FoundationPose's two or Gen6D's three networks key by key and keep them as safetensors.

    Each is a model_best.pth, those of FoundationPose beside a config.yml. Nothing in them is run, and what training
    left beside the networks is dropped. Those that are published with FoundationPose may be used for research and
    evaluation only; for those of Gen6D no licence is stated.
    """
    from estimators.weights.files import import_into

    _check_version(version, to)
    for family in _families_in(folder):
        target = to or default_folder(family.estimator) / (version or "")
        for kind, found in sorted(import_into(family, folder, target).items()):
            typer.echo(f"{family.estimator} {kind}: {found.path}, sha256 {found.sha256}")
        typer.echo(f"kept in {target}; use it under the licence that they came with")


@app.command()
def show(
    folder: Annotated[Path | None, typer.Argument(help="default: where the estimators look by themselves")] = None,
) -> None:
    """Load weights as the estimators do, and say what they are and under what digest they are named in events."""
    families = _families_in(folder) if folder else _imported_families()
    from estimators.weights.files import load

    for family in families:
        _, found, digest = load(family, folder or default_folder(family.estimator))
        for kind, item in sorted(found.items()):
            settings = "".join(f", {name.replace('_', ' ')} {value:g}" for name, value in item.settings.items())
            typer.echo(f"{family.estimator} {kind}: {item.path}, checkpoint sha256 {item.sha256}{settings}")
        typer.echo(f"digest {digest}")


@app.command(name="list")
def list_() -> None:
    """Say which weights were imported: estimator, version, digest, size, folder."""
    from estimators.weights.files import describe

    for family, folder in _kept():
        estimator = family.estimator
        digest, size = describe(family, folder)
        typer.echo(f"{estimator} {_version_of(folder, estimator)}: digest {digest}, {size / 1e6:.1f} MB, {folder}")


@app.command()
def verify(
    folder: Annotated[Path | None, typer.Argument(help="with imported weights; default: all that list names")] = None,
) -> None:
    """Check imported weights: each file's sha256, every key and shape, every number finite; exits 1 at a fault."""
    from estimators.weights.files import load

    for family, place in _kept(folder):
        _, found, digest = load(family, place)
        version = _version_of(place, family.estimator)
        typer.echo(f"{family.estimator} {version}: {len(found)} networks ok, digest {digest}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="folder of a run of posestream train")],
    to: Annotated[Path, typer.Option(help="a new folder; one a network, side by side, for weights import")],
    half: Annotated[bool, typer.Option("--half", help="store fp16: half as large, for repositories")] = False,
) -> None:
    """Take the network out of a training run's last checkpoint, in the layout that weights import reads."""
    try:
        from estimators.training.export import export as write
    except ModuleNotFoundError as error:
        raise without_package(error) from error
    path = write(run, to, half=half)
    typer.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def _check_version(version: str | None, to: Path | None) -> None:
    if version is None:
        return
    if to is not None:
        msg = "expected --version or --to, got both"
        raise BadJob(msg)
    if not version or Path(version).name != version or version.startswith("."):
        msg = f"--version: expected a name as of a folder, got {version!r}"
        raise BadJob(msg)


def _kept(folder: Path | None = None) -> "list[tuple[Family, Path]]":
    """All that was imported to a folder, or to where it is looked for.

    Raises:
        BadJob: Nothing was.
    """
    kept = [
        (family, place)
        for family in _families()
        for place in (kept_folders(family.estimator) if folder is None else [folder])
        if manifest_of(place, family.estimator).is_file()
    ]
    if not kept:
        where = default_folder("*") if folder is None else folder
        msg = f"{where}: expected imported weights, got none; posestream weights import FOLDER"
        raise BadJob(msg)
    return kept


def _version_of(folder: Path, estimator: str) -> str:
    return "(no version)" if folder == default_folder(estimator) else folder.name


def _families() -> "list[Family]":
    try:
        from estimators.foundationpose.weights import FAMILY as FOUNDATIONPOSE
        from estimators.gen6d.weights import FAMILY as GEN6D
    except ModuleNotFoundError as error:
        raise without_package(error) from error
    return [FOUNDATIONPOSE, GEN6D]


def _imported_families() -> "list[Family]":
    """Those that were imported to where they are looked for; all, so that it is said what is needed, where none was."""
    families = _families()
    there = [one for one in families if manifest_of(default_folder(one.estimator), one.estimator).is_file()]
    return there or families


def _families_in(folder: Path) -> "list[Family]":
    """Whose networks are in a folder.

    Raises:
        BadJob: Nobody's.
    """
    from estimators.weights.checkpoint import read_state
    from estimators.weights.files import checkpoints_in

    families = _families()
    there = [one for one in families if manifest_of(folder, one.estimator).is_file()]
    if not there:
        states = [read_state(path) for path in checkpoints_in(folder)]
        there = [one for one in families if any(one.kind_of(state) for state in states)]
    if not there:
        msg = f"weights in {folder}: expected {' or '.join(one.title for one in families)}, got neither. "
        raise BadJob(msg + " ".join(one.needed for one in families))
    return there
