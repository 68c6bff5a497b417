"""``posestream objects``: objects that are known by photos, for people."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from estimators.references.board import PAPERS_MM, Board
from estimators.references.checks import Coverage, coverage_of
from estimators.references.photos import ReferenceSet
from posestream.objects_mesh import mesh
from schemas.arrays import Array
from schemas.job import check_id

app = typer.Typer(
    no_args_is_help=True,
    help="Objects that have no mesh: known by posed photos, for the estimator gen6d; or a mesh from them.",
)
app.command()(mesh)
Paper = Annotated[str, typer.Option(help=f"of the printed board: {', '.join(PAPERS_MM)}")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="how jobs name it: posestream job create JOB --object NAME")],
    references: Annotated[
        Path, typer.Option(help="BOP layout, a COLMAP model, poses.json, or photos with the printed board in them")
    ],
    unit: Annotated[float, typer.Option(help="metres in one unit of its poses; of a BOP folder 1")] = 1.0,
    number: Annotated[int | None, typer.Option("--bop-object", help="which object of a BOP folder")] = None,
    size: Annotated[
        str | None, typer.Option(help="X,Y,Z in metres of what stands in the middle of the board, Z upwards")
    ] = None,
    board: Annotated[
        str,
        typer.Option(
            help="in the photos: the paper that objects board was printed on, or a board of yours, "
            "grid:COLSxROWS:TAG_MM:GAP_MM or charuco:COLSxROWS:SQUARE_MM:MARKER_MM, with :DICTIONARY behind it"
        ),
    ] = "a4",
    tag_mm: Annotated[float | None, typer.Option(help="side of a printed board's tag, measured")] = None,
    intrinsics: Annotated[str | None, typer.Option(help="fx,fy,cx,cy in pixels; default: from the board")] = None,
) -> None:
    """Read and check an object's photos and keep them, with a contact sheet to look at."""
    from estimators.references.board_photos import is_bare, with_board
    from estimators.references.keeping import keep, objects_folder
    from estimators.references.layout import load_references
    from estimators.references.target import target_of

    try:
        check_id("object", name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    if is_bare(references):
        camera = None if intrinsics is None else _camera(intrinsics)
        made = with_board(references, target_of(board, tag_mm), _numbers(size or "", 3, "--size"), camera)
    else:
        made = load_references(f"{references}" + ("" if number is None else f"?object={number}"), unit)
    sheet = keep(made, objects_folder() / name)
    _tell(name, made)
    Console(stderr=True).print(f"kept in {sheet.parent}; look at {sheet}")


@app.command(name="list")
def list_objects() -> None:
    """List the objects that were added."""
    from estimators.references.keeping import objects_folder
    from estimators.references.layout import load_references

    table = Table("object", "photos", "size, mm", "directions", "missing")
    for folder in sorted(objects_folder().glob("*/poses.json")):
        made = load_references(str(folder.parent))
        covered = coverage_of(made.positions_m())
        table.add_row(folder.parent.name, str(len(made.photos)), _size(made), *_covered(covered))
    Console().print(table if table.row_count else "no object yet: posestream objects add")


@app.command()
def show(name: Annotated[str, typer.Argument(help="of posestream objects add, or a folder")]) -> None:
    """Say what an object's photos show of it and what not."""
    from estimators.references.keeping import objects_folder
    from estimators.references.layout import load_references

    kept = objects_folder() / name
    _tell(name, load_references(str(kept if kept.is_dir() else name)))


@app.command()
def board(
    pdf: Annotated[Path, typer.Option(help="the file to write")],
    paper: Paper = "a4",
) -> None:
    """Write the board to print: tags round the border, the object stands in the middle."""
    from estimators.references.board_pdf import board_pdf

    made = Board.of(paper)
    pdf.write_bytes(board_pdf(made))
    Console(stderr=True).print(f"{pdf}: {len(made.places_mm)} tags of {made.tag_mm:g} mm; print it at 100 %")


def _tell(name: str, made: ReferenceSet) -> None:
    covered = coverage_of(made.positions_m())
    share, missing = _covered(covered)
    typer.echo(f"{name}: {len(made.photos)} photos, {_size(made)} mm by {made.box_from}, {share} of all directions")
    if covered.missing:
        typer.echo(f"no photo within 30 degrees of: {missing} (sides of its box)")
    for file, why in made.left_out.items():
        typer.echo(f"left out {file}: {why}")


def _covered(covered: Coverage) -> tuple[str, str]:
    return f"{covered.share:.0%}", " ".join(covered.missing)


def _size(made: ReferenceSet) -> str:
    return " x ".join(f"{side:.0f}" for side in (made.high_m - made.low_m) * 1000)


def _camera(text: str) -> Array:
    fx, fy, cx, cy = _numbers(text, 4, "--intrinsics")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _numbers(text: str, count: int, option: str) -> Array:
    try:
        values = np.array([float(part) for part in text.split(",")])
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not (values > 0).all():
        msg = f"expected {count} numbers above 0 with commas between, got {text!r}"
        raise typer.BadParameter(msg, param_hint=option)
    return values
