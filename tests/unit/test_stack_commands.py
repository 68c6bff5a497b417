"""The command line of the stack, as far as it goes without servers."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posestream.stack import Addresses, Stack, StackError
from posestream.stack.commands import app

SECRET = "hunter2"  # noqa: S105  nobody's
ADDRESSES = Addresses("127.0.0.1:1", "http://127.0.0.1:2", f"postgresql+psycopg2://posestream:{SECRET}@127.0.0.1:3/x")


@pytest.fixture
def runner() -> CliRunner:
    return CliRunner()


@pytest.mark.parametrize("command", ["up", "down", "status", "logs"])
def test_each_command_explains_itself(runner: CliRunner, command: str) -> None:
    result = runner.invoke(app, [command, "--help"], terminal_width=200)
    assert result.exit_code == 0
    assert "--data" in result.output


def test_status_of_a_stopped_stack_exits_with_1(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["status", "--json", "--data", str(tmp_path / "s")])
    assert result.exit_code == 1
    record = json.loads(result.output)
    assert record["addresses"] is None
    assert [service["state"] for service in record["services"]] == ["stopped"] * 3


def test_down_of_a_stopped_stack_says_so(runner: CliRunner, tmp_path: Path) -> None:
    result = runner.invoke(app, ["down", "--name", "quiet", "--data", str(tmp_path / "s")])
    assert (result.exit_code, result.stdout) == (0, "stack 'quiet' was not running\n")


def test_an_error_is_one_line_without_a_traceback(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        msg = "no network: connect [first]"
        raise StackError(msg)

    monkeypatch.setattr(Stack, "up", fail)
    result = runner.invoke(app, ["up", "--data", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (1, "error: no network: connect [first]\n")


def test_a_table_never_shows_the_password_and_json_does(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Stack, "up", lambda *_: ADDRESSES)
    assert SECRET not in runner.invoke(app, ["up", "--data", str(tmp_path)]).output
    record = json.loads(runner.invoke(app, ["up", "--json", "--data", str(tmp_path)]).stdout)
    assert record == {"kafka": ADDRESSES.kafka, "registry": ADDRESSES.registry, "database": ADDRESSES.database}
