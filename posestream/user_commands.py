"""``posestream user``: accounts of the service, by whoever holds the database."""

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sink.database import connect, migrate
from sink.people.accounts import Accounts
from sink.people.rights import Role

app = typer.Typer(no_args_is_help=True, help="Accounts of the page, the websocket and the REST interface.")

Database = Annotated[str, typer.Option(envvar="POSESTREAM_DATABASE", help="Postgres of the sink")]
Name = Annotated[str, typer.Argument(metavar="USER", help="the account's name")]
LOCAL_DATABASE = "postgresql://postgres@127.0.0.1:5432/posestream"
RoleWord = Annotated[str, typer.Option(help="viewer, operator or admin")]


@app.command()
def add(name: Name, role: RoleWord = "operator", database: Database = LOCAL_DATABASE) -> None:
    """Make an account; then give it a password."""
    _accounts(database).add(name, _role(role))
    Console(stderr=True).print(f"now: posestream user set-password {name}")


@app.command(name="list")
def list_users(database: Database = LOCAL_DATABASE) -> None:
    """List all accounts."""
    table = Table("user", "role", "password", "since", "")
    for user in _accounts(database).all():
        state = "disabled" if user.disabled else ""
        since = f"{user.created_at:%Y-%m-%d}"
        table.add_row(user.name, user.role.word, "set" if user.has_password else "not set", since, state)
    Console().print(table)


@app.command(name="set-password")
def set_password(
    name: Name,
    from_stdin: Annotated[bool, typer.Option("--stdin", help="read it from stdin, its first line")] = False,
    database: Database = LOCAL_DATABASE,
) -> None:
    """Set a password, 12 characters or more, and end all sessions of the account."""
    accounts = _accounts(database)
    accounts.get(name)  # before anybody types
    if from_stdin:
        password = typer.get_text_stream("stdin").readline().rstrip("\n")
    else:
        password = typer.prompt(f"password of {name}", hide_input=True, confirmation_prompt=True)
    accounts.set_password(name, password)


@app.command(name="set-role")
def set_role(name: Name, role: Annotated[str, typer.Argument()], database: Database = LOCAL_DATABASE) -> None:
    """Give another role; it holds at once."""
    _accounts(database).set_role(name, _role(role))


@app.command()
def disable(name: Name, database: Database = LOCAL_DATABASE) -> None:
    """Let nothing of an account in any more."""
    _accounts(database).set_disabled(name, disabled=True)


@app.command()
def enable(name: Name, database: Database = LOCAL_DATABASE) -> None:
    """Let an account in again."""
    _accounts(database).set_disabled(name, disabled=False)


def _accounts(database: str) -> Accounts:
    engine = connect(database)
    migrate(engine)
    return Accounts(engine)


def _role(word: str) -> Role:
    try:
        return Role.of(word)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
