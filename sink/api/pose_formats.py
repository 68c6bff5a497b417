"""Poses as text: a line each of NDJSON or CSV."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

NAMES: tuple[str, ...] = ("run_id", "seq", "captured_at", "object_id", "state", "score", "rotation", "translation_m")
VECTORS = {"rotation": 9, "translation_m": 3}
Row = Sequence[Any]


def ndjson(rows: Sequence[Row]) -> str:
    """One object a line, fields as in ``PoseOut``."""
    return "".join(json.dumps(dict(zip(NAMES, map(_plain, row), strict=True))) + "\n" for row in rows)


def csv_head() -> str:
    """The names of the columns, one a number."""
    vectors = [f"{name}_{at}" for name, count in VECTORS.items() for at in range(count)]
    return _csv([[name for name in NAMES if name not in VECTORS] + vectors])


def csv_rows(rows: Sequence[Row]) -> str:
    """One column a number; what no pose has stays empty."""
    lines: list[list[Any]] = []
    for row in rows:
        values = dict(zip(NAMES, row, strict=True))
        numbers = [number for name, count in VECTORS.items() for number in values[name] or [""] * count]
        lines.append([_plain(values[name]) for name in NAMES if name not in VECTORS] + numbers)
    return _csv(lines)


def _csv(lines: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(lines)
    return out.getvalue()


def _plain(value: Any) -> Any:  # noqa: ANN401 - a column's
    return value.isoformat() if isinstance(value, datetime) else value
