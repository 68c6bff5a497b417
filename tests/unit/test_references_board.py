"""Photos on the printed board: drawn from known places, solved, and what is said where they cannot be."""

import re
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from estimators.mesh import Mesh
from estimators.references import load_references
from estimators.references.board import Board
from estimators.references.board_pdf import board_pdf
from estimators.references.board_photos import with_board
from estimators.references.solve import solved
from estimators.references.target import Charuco, target_of
from estimators.rendering import CpuRenderer
from posestream.cli import app as posestream
from posestream.job_commands import _object
from schemas import BadJob, Camera, Pose
from schemas.arrays import Array
from tests.unit.gen6d_world import box, looking_from, photos

CAMERA = Camera(480, 360, 420.0, 420.0, 239.5, 179.5)
SIZE_M = np.array([0.06, 0.1, 0.14])
SHEET_UV = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
_WHITE = 60  # pixels about a board


def page(board: Board, per_mm: int = 4) -> Array:
    """The board as a picture, white about it."""
    width, height = (round(side * per_mm) for side in board.paper_mm)
    picture = np.full((height, width, 3), 255, np.uint8)
    for tag, (x, y) in enumerate(board.places_mm):
        side = round(board.tag_mm * per_mm)
        cells = cv2.resize((~board.cells(tag)).astype(np.uint8) * 255, (side, side), interpolation=cv2.INTER_NEAREST)
        corner = np.array(board.paper_mm) / 2 + (x, -y) - board.tag_mm / 2
        left, top = np.rint(corner * per_mm).astype(int)
        picture[top : top + side, left : left + side] = cells[..., None]
    return picture


@lru_cache
def sheet() -> Mesh:
    board = Board.of("a4")
    half = np.array(board.paper_mm) / 2000
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [*half, 0]
    return Mesh.build(corners, np.array([[0, 1, 2], [0, 2, 3]]), uv=SHEET_UV, texture=page(board))


def views() -> list[Array]:
    angles = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    heights = 0.3 + 0.05 * (np.arange(9) % 3)
    return [looking_from(np.array([0.4 * np.cos(a), 0.4 * np.sin(a), z])) for a, z in zip(angles, heights, strict=True)]


@lru_cache
def shots() -> tuple[Array, ...]:
    up = np.eye(4)
    up[2, 3] = SIZE_M[2] / 2
    out = []
    for view in views():
        place, size = np.eye(4), (CAMERA.height, CAMERA.width)
        place[:3] = view
        scene = CpuRenderer().scene([sheet(), box()], [place, place @ up], CAMERA.K, size)
        out.append(scene.rgb.astype(np.uint8))
    return tuple(out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shots"
    made.mkdir()
    for k, picture in enumerate(shots()):
        cv2.imwrite(str(made / f"{k}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return made


def test_the_board_says_where_photos_were_taken_and_by_what_camera(folder: Path) -> None:
    posed, left_out = solved(sorted(folder.iterdir()), target_of("a4"))
    assert left_out == {}
    assert np.diag(posed[0].K)[:2] == pytest.approx([420, 420], rel=0.01)
    for photo, view in zip(posed, views(), strict=True):
        angle, distance = photo.cam_from_obj.distance(Pose(view[:, :3], view[:, 3]))
        assert np.degrees(angle) < 1.0
        assert distance < 0.006


def test_a_known_camera_and_a_print_that_came_out_smaller(folder: Path) -> None:
    made = with_board(folder, target_of("a4", 0.9 * Board.of("a4").tag_mm), SIZE_M, CAMERA.K)
    positions = np.stack([-view[:, :3].T @ view[:, 3] for view in views()])
    found = np.stack([photo.cam_from_obj.inverse().translation_m for photo in made.photos])
    assert found == pytest.approx(0.9 * positions, abs=0.004)
    assert made.low_m == pytest.approx([-0.03, -0.05, 0])


def test_photos_without_the_board_are_left_out_or_refused(folder: Path) -> None:
    cv2.imwrite(str(folder / "0.png"), np.full((360, 480, 3), 120, np.uint8))
    posed, left_out = solved(sorted(folder.iterdir()), target_of("a4"), CAMERA.K)
    assert len(posed) == 8
    assert left_out["0.png"].startswith("the board is not seen")
    for k in range(1, 6):
        (folder / f"{k}.png").unlink()
    with pytest.raises(BadJob, match=r"in 5 photos or more, got it in 3 of 4; 0.png: the board is not seen"):
        with_board(folder, target_of("a4"), SIZE_M)
    cv2.imwrite(str(folder / "7.png"), np.zeros((36, 48, 3), np.uint8))
    with pytest.raises(BadJob, match=r"7.png: expected 480 x 360 px as the others, got 48 x 36"):
        with_board(folder, target_of("a4"), SIZE_M)


def test_another_paper_than_was_printed_does_not_fit(folder: Path) -> None:
    with pytest.raises(BadJob, match=r"expected its tags where the print has them, got them .* px off; is it flat"):
        with_board(folder, target_of("letter"), SIZE_M, CAMERA.K)
    with pytest.raises(BadJob, match="expected one of a4, a3, letter"):
        Board.of("a5")


@pytest.mark.parametrize(("text", "per_m"), [("charuco:6x8:30:22", 3000), ("grid:4x5:36:9", 3000)])
def test_boards_of_others_say_where_photos_were_taken(text: str, per_m: int, tmp_path: Path) -> None:
    target = target_of(text)
    if isinstance(target, Charuco):
        board, size_m = target.board, target.size_m
    else:
        board = cv2.aruco.GridBoard((4, 5), 0.036, 0.009, target.dictionary)
        size_m = np.array([0.171, 0.216])
    width, height = (round(side * per_m) for side in size_m)
    texture = np.full((height + 2 * _WHITE, width + 2 * _WHITE, 3), 255, np.uint8)
    texture[_WHITE:-_WHITE, _WHITE:-_WHITE] = board.generateImage((width, height))[..., None]
    half = (size_m + 2 * _WHITE / per_m) / 2
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [*half, 0]
    mesh = Mesh.build(corners, np.array([[0, 1, 2], [0, 2, 3]]), uv=SHEET_UV, texture=texture)
    paths = []
    for k, view in enumerate(views()):
        place = np.eye(4)
        place[:3] = view
        scene = CpuRenderer().scene([mesh], [place], CAMERA.K, (CAMERA.height, CAMERA.width))
        paths.append(tmp_path / f"{k}.png")
        cv2.imwrite(str(paths[-1]), scene.rgb.astype(np.uint8))
    posed, left_out = solved(paths, target, CAMERA.K)
    assert left_out == {}
    for photo, view in zip(posed, views(), strict=True):
        angle, distance = photo.cam_from_obj.distance(Pose(view[:, :3], view[:, 3]))
        assert np.degrees(angle) < 1.0
        assert distance < 0.006


@pytest.mark.parametrize(
    "text", ["a5", "grid:4x5", "charuco:4:30:20", "grid:4x5:30:x", "grid:4x5:30:6:NONE", "x:1x1:1:1"]
)
def test_boards_that_are_none_are_named(text: str) -> None:
    with pytest.raises(BadJob, match="board: expected a4, a3, letter, grid:COLSxROWS"):
        target_of(text)


@pytest.mark.parametrize("paper", ["a4", "a3", "letter"])
def test_the_page_holds_all_tags_in_vectors(paper: str) -> None:
    board = Board.of(paper)
    assert (np.abs(board.places_mm) + board.tag_mm / 2 <= np.array(board.paper_mm) / 2 - 10).all()
    middle = np.abs(board.places_mm).min(axis=0)
    assert len(board.places_mm) >= 12
    assert (np.abs(board.places_mm) >= middle).all()
    data = board_pdf(board)
    start = int(data[data.rindex(b"startxref") :].split()[1])
    places = [int(line.split()[0]) for line in data[start:].splitlines()[3:8]]
    assert [data[at : at + 1] for at in places] == [b"1", b"2", b"3", b"4", b"5"]
    drawn = np.array(re.findall(rb"([-\d.]+) ([-\d.]+) ([-\d.]+) ([-\d.]+) re f", data), float)
    cell = board.tag_mm / 8
    black = sum(board.cells(tag).sum() for tag in range(len(board.places_mm))) * cell**2
    assert (drawn[:-3, 2] * drawn[:-3, 3]).sum() == pytest.approx(black, rel=1e-3)


def test_the_commands_print_a_board_add_an_object_and_show_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    run = CliRunner().invoke
    assert run(posestream, ["objects", "board", "--pdf", str(tmp_path / "board.pdf")]).exit_code == 0
    assert (tmp_path / "board.pdf").read_bytes().startswith(b"%PDF")
    added = run(posestream, ["objects", "add", "carton", "--references", str(folder), "--size", "0.06,0.1,0.14"])
    assert added.exit_code == 0, added.output
    assert "carton: 9 photos, 60 x 100 x 140 mm by what was given" in added.output
    assert "no photo within 30 degrees of: " in added.output
    assert "-z" in added.output
    kept = tmp_path / "data" / "posestream" / "objects" / "carton"
    assert cv2.imread(str(kept / "contact_sheet.jpg")).shape == (320, 1280, 3)
    made = load_references(str(kept))
    assert made.high_m == pytest.approx([0.03, 0.05, 0.14])
    assert _object("carton").model_uri == str(kept)
    assert "carton" in run(posestream, ["objects", "list"]).output
    wrong = run(posestream, ["objects", "add", "carton", "--references", str(folder), "--size", "60x100"])
    assert "expected 3 numbers above 0 with commas between" in wrong.output.replace("\n", " ")


def test_objects_of_other_layouts_are_kept_with_their_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    added = CliRunner().invoke(posestream, ["objects", "add", "box", "--references", str(photos())])
    assert added.exit_code == 0, added.output
    assert "by its masks" in added.output
    before, after = load_references(str(photos())), load_references(str(tmp_path / "posestream" / "objects" / "box"))
    assert after.high_m == pytest.approx(before.high_m)
    for one, other in zip(before.photos, after.photos, strict=True):
        assert one.cam_from_obj.distance(other.cam_from_obj) == pytest.approx((0, 0), abs=1e-9)
    assert len(after.surface_m) > 1000
