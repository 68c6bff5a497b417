"""The command ``posestream stack``: up, down, status, logs."""

import json
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from posestream.stack.errors import StackError
from posestream.stack.progress import console_progress
from posestream.stack.stack import SERVICES, ServiceStatus, Stack

app = typer.Typer(
    help="Real Kafka, a schema registry and Postgres on this machine, with nothing but Python installed.\n\n"
    "They run as processes of yours, listen on 127.0.0.1 only, live on after the command, and keep their data in "
    "one folder per stack. The first start downloads about 215 MB into the cache folder ($POSESTREAM_CACHE), "
    "verified against the hashes that posestream ships; later starts take a few seconds and no network.",
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Option(help="Tells stacks apart that run side by side.", envvar="POSESTREAM_STACK_NAME", metavar="NAME")
]
Data = Annotated[
    Path | None,
    typer.Option(
        help="The stack's data folder. Else $POSESTREAM_STACK_DIR/NAME, else ~/.local/share/posestream/stacks/NAME "
        "(root: /var/lib/posestream/stacks/NAME).",
        metavar="DIR",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object; it holds the database's password.")]
_STYLES = {"running": "green", "silent": "yellow", "dead": "red", "stopped": "dim"}


def _port(name: str) -> typer.models.OptionInfo:
    return typer.Option(
        help=f"Port of {name}; else the last one, else a free one.",
        envvar=f"POSESTREAM_{name.upper()}_PORT",
        min=1,
        max=65535,
        show_default=False,
    )


@app.command()
def up(
    *,
    name: Name = "default",
    data: Data = None,
    kafka_port: Annotated[int | None, _port("kafka")] = None,
    registry_port: Annotated[int | None, _port("registry")] = None,
    database_port: Annotated[int | None, _port("database")] = None,
    as_json: Json = False,
) -> None:
    """Start the three servers, or those of them that died; does nothing where all run.

    Ports and data are those of the last start. After kill -9 of anything, `up` puts it right.
    """
    asked = {"kafka": kafka_port, "registry": registry_port, "database": database_port}
    with _errors():
        stack = Stack(name, data, {service: port for service, port in asked.items() if port is not None})
        already = stack.addresses() is not None
        start_s = time.monotonic()
        with console_progress(Console(stderr=True)) as report:
            addresses = stack.up(report)
        if as_json:
            typer.echo(json.dumps(asdict(addresses)))
            return
        took_s = time.monotonic() - start_s
        console = Console()
        console.print(f"stack {name!r} is up" + (" already" if already else f" after {took_s:.1f} s"))
        console.print(_table(stack.status()))
        console.print(f"Data and logs are in {stack.folder}.", soft_wrap=True)
        console.print(f"The database's user and name are 'posestream'; password: {stack.password_file}", soft_wrap=True)


@app.command()
def down(*, name: Name = "default", data: Data = None) -> None:
    """Stop the three servers and keep their data and ports; does nothing where none runs.

    The first stop after an install takes some seconds longer: it keeps what makes later starts quick.
    """
    with _errors(), Console(stderr=True).status("stopping ..."):
        stopped = Stack(name, data).down()
    typer.echo(f"stopped {', '.join(stopped)}" if stopped else f"stack {name!r} was not running")


@app.command()
def status(*, name: Name = "default", data: Data = None, as_json: Json = False) -> None:
    """Show each server; exits 0 where all three run and 1 otherwise.

    running: it answers. silent: it runs but does not answer. dead: it was killed or crashed, and `up` starts it
    again. stopped: it was stopped by `down`, or never started.
    """
    with _errors():
        stack = Stack(name, data)
        statuses, addresses = stack.status(), stack.addresses()
    if as_json:
        services = [{**asdict(each), "log": str(each.log)} for each in statuses]
        typer.echo(json.dumps({"services": services, "addresses": asdict(addresses) if addresses else None}))
    else:
        Console().print(_table(statuses))
    if addresses is None:
        raise typer.Exit(1)


@app.command()
def logs(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.", metavar="SERVICE")],
    *,
    lines: Annotated[int, typer.Option(help="How many of the last lines.", min=1)] = 50,
    name: Name = "default",
    data: Data = None,
) -> None:
    """Print the end of a server's log."""
    with _errors():
        for line in Stack(name, data).logs(service, lines):
            typer.echo(line)


@contextmanager
def _errors() -> Generator[None]:
    """Say what went wrong on one line, without a traceback, and exit with 1."""
    try:
        yield
    except StackError as error:
        Console(stderr=True).print(Text.assemble(("error: ", "red"), str(error)), soft_wrap=True)
        raise typer.Exit(1) from error


def _table(statuses: list[ServiceStatus]) -> Table:
    table = Table("service", "state", "address", "process", "memory")
    for each in statuses:
        memory = f"{each.memory_bytes / 1e6:.0f} MB" if each.memory_bytes else ""
        state = f"[{_STYLES[each.state]}]{each.state}[/]"
        table.add_row(each.name, state, each.address, str(each.pid or ""), memory)
    return table
