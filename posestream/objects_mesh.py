"""``posestream objects mesh``: a mesh of an object that is known by photos."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from estimators.reconstruction import Reconstruction, View, reconstruct
from estimators.reconstruction.cutting import cut_out
from estimators.references import Photo, posed_photos, told_box
from estimators.references.keeping import objects_folder
from posestream.progress import progress_bar
from schemas.arrays import Array

if TYPE_CHECKING:
    from rich.progress import TaskID


def mesh(
    name: Annotated[str, typer.Argument(help="of posestream objects add, or a folder of posed photos")],
    out: Annotated[Path | None, typer.Option(help="folder to write; default: mesh/ beside the object's photos")] = None,
    number: Annotated[int | None, typer.Option("--bop-object", help="which object of a BOP folder")] = None,
    unit: Annotated[float, typer.Option(help="metres in one unit of its poses; of a BOP folder 1")] = 1.0,
    cells: Annotated[int, typer.Option(min=32, max=400, help="of the grid, along the longest side")] = 128,
) -> None:
    """Make a textured mesh of an object's photos, for every estimator that needs one, and say how good it is."""
    from estimators.reconstruction.files import write_mesh

    kept = objects_folder() / name
    added = kept.parent == objects_folder() and kept.is_dir()
    folder = kept if added else Path(name)
    target = out or (kept / "mesh" if added else None)
    if target is None:
        msg = f"{name} is no object of posestream objects add; for a folder say where the mesh is to go"
        raise typer.BadParameter(msg, param_hint="--out")
    address = f"{folder}" + ("" if number is None else f"?object={number}")
    photos = posed_photos(address, unit)
    box = told_box(address, unit) if any(photo.mask is None for photo in photos) else None
    with progress_bar() as bar:
        tasks: dict[str, TaskID] = {}

        def on_step(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        views: list[View] = []
        for photo in photos:
            views.append(_view(photo, box))
            on_step("photos", len(views), len(photos))
        made = reconstruct(name, views, on_step, cells)
    path = write_mesh(made.mesh, target)
    (target / "quality.json").write_text(json.dumps(asdict(made.quality), indent=1) + "\n")
    _tell(name, made)
    Console(stderr=True).print(f"posestream job create JOB --object {path.parent.parent.name}={path}", soft_wrap=True)


def _view(photo: Photo, box: tuple[Array, Array] | None) -> View:
    """A photo; one without a mask is given one where it is known how large the object is."""
    pose, depth_m = photo.cam_from_obj.matrix(), photo.depth_m()
    view = View(photo.path.name, photo.picture(), photo.K, pose, depth_m, photo.seen())
    return view if view.mask is not None or box is None else cut_out(view, *box)


def _tell(name: str, made: Reconstruction) -> None:
    q = made.quality
    size = " x ".join(f"{side:.0f}" for side in q.size_mm)
    typer.echo(f"{name}: {size} mm from the {q.means} of {q.photos} photos, {q.faces} faces")
    whole = "closed" if q.closed else "open where no photo measured it"
    typer.echo(f"{whole}; {q.seen_share:.0%} of it seen by photos, texture from photos on {q.textured_share:.0%}")
    typer.echo(f"drawn into the photos it covers {q.overlap:.1%} of the object, least in {q.worst_photo[0]}: "
               f"{q.worst_photo[1]:.1%}")  # fmt: skip
    deep = "" if q.depth_error_mm is None else f"depth differs by {q.depth_error_mm:.1f} mm in the median, "
    typer.echo(f"{deep}colours by {q.colour_error:.0f} of 255")
