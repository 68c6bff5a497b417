"""Rows of a measurement as a table for people."""

from collections.abc import Mapping, Sequence

from rich.table import Table


def as_table(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> Table:
    """One line a row; what a row lacks is left empty."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(_cell(row.get(name)) for name in columns))
    return table


def _cell(value: object) -> str:
    return "" if value is None else f"{value:.2f}" if isinstance(value, float) else str(value)
