"""``posestream weights``: the networks that users bring."""

from pathlib import Path
from typing import Annotated

import typer

from estimators.foundationpose.folder import default_folder
from estimators.registry import without_package

app = typer.Typer(
    no_args_is_help=True,
    help="Weights of networks; none come with posestream. The estimator geometric needs none.",
)


@app.command(name="import")
def import_(
    folder: Annotated[Path, typer.Argument(help="with both published runs of FoundationPose in it, or your own")],
    to: Annotated[Path | None, typer.Option(help="default: where the estimator looks by itself")] = None,
) -> None:
    """Check FoundationPose's refiner and scorer key by key and keep them as safetensors.

    Each is a model_best.pth beside a config.yml. Nothing in them is run, and what training left beside the networks is
    dropped. Those that are published with FoundationPose may be used for research and evaluation only.
    """
    try:
        from estimators.foundationpose.weights import import_weights
    except ModuleNotFoundError as error:
        raise without_package(error) from error
    target = to or default_folder()
    for kind, found in sorted(import_weights(folder, target).items()):
        typer.echo(f"{kind}: {found.path}, sha256 {found.sha256}")
    typer.echo(f"kept in {target}; use it under the licence that they came with")


@app.command()
def show(
    folder: Annotated[Path | None, typer.Argument(help="default: where the estimator looks by itself")] = None,
) -> None:
    """Load weights as the estimator does, and say what they are and under what digest they are named in events."""
    try:
        from estimators.foundationpose.weights import find_weights, load_weights
    except ModuleNotFoundError as error:
        raise without_package(error) from error
    place = folder or default_folder()
    weights = load_weights(place)
    for kind, found in sorted(find_weights(place).items()):
        typer.echo(f"{kind}: {found.path}, checkpoint sha256 {found.sha256}, crop ratio {found.config.crop_ratio:g}")
    typer.echo(f"digest {weights.digest}")
