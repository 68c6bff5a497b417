"""What each measurement gives: lines of one table."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A figure beside its baseline of the same run, and what it must be."""

    what: str
    figure: str
    baseline: str
    ratio: str
    must: str


def share(values: Sequence[float], part: float) -> float:
    """The value that ``part`` of all are at or below."""
    ordered = sorted(values)
    return ordered[int(part * (len(ordered) - 1))]


def print_table(lines: Sequence[Line]) -> None:
    print(f"{'what':<58} {'figure':>26} {'baseline':>16} {'ratio':>7}  must")
    for line in lines:
        print(f"{line.what:<58} {line.figure:>26} {line.baseline:>16} {line.ratio:>7}  {line.must}")
