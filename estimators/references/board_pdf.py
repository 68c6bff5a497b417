"""The board as a PDF of one page, in vectors: nothing is resampled when it is printed."""

import numpy as np

from estimators.references.board import TAG_CELLS, Board

_POINTS = 72 / 25.4
"""PDF's points in a millimetre."""
_RULER_MM = 100.0
_FONT = 9


def board_pdf(board: Board) -> bytes:
    """A PDF file (ISO 32000-1) with the board, a ruler to check the print by, and what to do."""
    width, height = board.paper_mm
    drawn = [f"{_POINTS:.6f} 0 0 {_POINTS:.6f} {width / 2 * _POINTS:.4f} {height / 2 * _POINTS:.4f} cm 0 g"]
    for tag, place in enumerate(board.places_mm):
        drawn += _tag(board, tag, float(place[0]), float(place[1]))
    left = -_RULER_MM / 2
    drawn += [f"{left} -3 {_RULER_MM} 0.4 re f", f"{left} -5 0.4 4 re f", f"{left + _RULER_MM - 0.4} -5 0.4 4 re f"]
    lines = (
        f"Print at 100 %. This line is {_RULER_MM:.0f} mm, a tag {board.tag_mm:g} mm.",
        "Lay it flat, stand the object in the middle, walk round it: 30 to 60 photos,",
        "one camera, one zoom, some tags in each. posestream objects add NAME --references DIR",
    )
    for k, line in enumerate(lines):
        drawn.append(f"BT /F1 {_FONT / _POINTS:.4f} Tf {left} {-10 - 5 * k} Td ({line}) Tj ET")
    return _file(" \n".join(drawn).encode(), width * _POINTS, height * _POINTS)


def _tag(board: Board, tag: int, x_mm: float, y_mm: float) -> list[str]:
    """Rectangles of a tag, one for each run of black cells in a row."""
    cell, out = board.tag_mm / TAG_CELLS, list[str]()
    for row, black in enumerate(board.cells(tag)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], black.astype(int), [0]])))
        for start, end in edges.reshape(-1, 2):
            left, low = x_mm - board.tag_mm / 2 + start * cell, y_mm + board.tag_mm / 2 - (row + 1) * cell
            out.append(f"{left:.4f} {low:.4f} {(end - start) * cell:.4f} {cell:.4f} re f")
    return out


def _file(content: bytes, width: float, height: float) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] /Contents 4 0 R "
        "/Resources << /Font << /F1 5 0 R >> >> >>".encode(),
        b"<< /Length " + str(len(content)).encode() + b" >>\nstream\n" + content + b"\nendstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = b"%PDF-1.4\n", list[int]()
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer << /Size {count} /Root 1 0 R >>\n"
    return out + end.encode() + f"startxref\n{len(out)}\n%%EOF\n".encode()
