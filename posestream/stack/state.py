"""What a stack remembers between commands: its ports, its password, what it started."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from posestream.stack import ports
from posestream.stack.errors import StackError

PORT_NAMES = ("kafka", "kafka-controller", "registry", "registry-management", "database")


@dataclass(slots=True)
class State:
    """The content of a stack's state file.

    Attributes:
        ports: Port by name, one for each of PORT_NAMES.
        processes: Process number by service, for each service that was started and not stopped.
    """

    ports: dict[str, int]
    processes: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path) -> "State | None":
        """The state of the stack in ``folder``, None where there never was one.

        Raises:
            StackError: The file is not ours, or torn.
        """
        path = folder / "stack.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            state = cls({name: int(record["ports"][name]) for name in PORT_NAMES}, dict(record["processes"]))
        except FileNotFoundError:
            return None
        except PermissionError as error:
            msg = f"{path} belongs to another user ({error}); choose another stack with --name or --data"
            raise StackError(msg) from error
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{path}: expected the state of a stack, got something else ({error}); remove the folder"
            raise StackError(msg) from error
        return state

    def save(self, folder: Path) -> None:
        """Write the state so that a kill leaves the old file or the new one."""
        temporary = folder / "stack.json.new"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        temporary.replace(folder / "stack.json")


def choose_ports(kept: dict[str, int], asked: dict[str, int]) -> dict[str, int]:
    """Ports for all of PORT_NAMES: the asked ones, else the kept ones, else free ones.

    Raises:
        StackError: An asked port has no such name or no such number.
    """
    for name, port in asked.items():
        if name not in PORT_NAMES or not 0 < port < 1 << 16:
            msg = f"expected a port from 1 to 65535 for one of {', '.join(PORT_NAMES)}, got {name}={port}"
            raise StackError(msg)
    chosen = {**kept, **asked}
    for name in PORT_NAMES:
        if name not in chosen:
            chosen[name] = ports.choose_free(set(chosen.values()))
    return chosen


def password_path(folder: Path) -> Path:
    """The file of the password of the stack in ``folder``."""
    return folder / "database.password"


def password(folder: Path) -> str:
    """The database's password: made at random once, in a file that only its owner may read."""
    path = password_path(folder)
    if not path.exists():
        temporary = folder / "database.password.new"
        temporary.unlink(missing_ok=True)
        temporary.touch(mode=0o600)
        temporary.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        temporary.replace(path)
    return path.read_text(encoding="utf-8")
