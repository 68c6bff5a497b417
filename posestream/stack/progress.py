"""What a long step reports while it works, and how a console shows it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

ProgressReport = Callable[[str, int, int], None]
"""Called with (step, done, total): bytes for a step that begins with ``download``, else 0 or 1 of 1.

It may be called from several threads at once.
"""


def report_nothing(step: str, done: int, total: int) -> None:
    """The report of a caller that does not want one."""


@contextmanager
def console_progress(console: Console) -> Generator[ProgressReport]:
    """Show reports as bars; one line for each finished step where the console is no terminal."""
    columns = (TextColumn("{task.description:<32}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    if not console.is_terminal:
        yield _line_report(console)
        return
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, transient=True) as bars:

        def report(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total if total > 1 else None)
            bars.update(tasks[step], completed=done, total=total if total > 1 or done else None)

        yield report


def _line_report(console: Console) -> ProgressReport:
    announced: set[tuple[str, bool]] = set()

    def report(step: str, done: int, total: int) -> None:
        key = (step, done >= total)
        if key not in announced:
            announced.add(key)
            size = f" {total / 1e6:.0f} MB" if total > 1 else ""
            console.print(f"{step}{size} {'done' if done >= total else '...'}")

    return report
