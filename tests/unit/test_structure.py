"""The rooms import one way, and their names are ours alone."""

import ast
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "estimators", "producers", "consumers", "sink", "posestream")
ALLOWED = {
    "schemas": (),
    "estimators": ("schemas",),
    "producers": ("schemas", "estimators.rendering", "estimators.mesh"),
    "consumers": ("schemas", "estimators"),
    "sink": (
        "schemas",
        "consumers.loop",
        "consumers.handler",
        "consumers.kafka",
        "consumers.membership",
        "consumers.kafka_records",
        "consumers.broker",
        "consumers.unread",
        "consumers.book",
        "consumers.ledger",
        "producers.confinement",  # what users of the service may name as a source
        "producers.sources.base",
        "producers.sources.options",
    ),
    "posestream": ROOMS,
}


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def within(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(f"{allowed}.")


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_the_design_allows(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files, f"{room} holds no Python file"
    wrong = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in files
        for module in imports_of(path)
        if module.split(".")[0] in ROOMS
        and not within(module, room)
        and not any(within(module, allowed) for allowed in ALLOWED[room])
    ]
    assert not wrong


def test_torch_is_imported_only_below_estimators() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for room in ROOMS
        if room != "estimators"
        for path in (ROOT / room).rglob("*.py")
        if any(within(module, "torch") for module in imports_of(path))
    ]
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_distribution_owns_the_name_of_a_room(room: str) -> None:
    owners = set(packages_distributions().get(room, [])) - {"posestream"}
    assert not owners


def test_the_words_that_imports_are_judged_by_are_read_from_the_file(tmp_path: Path) -> None:
    source = tmp_path / "x.py"
    source.write_text("import torch.nn\ndef f():\n    from sink.store import Store\n")
    assert imports_of(source) == {"torch.nn", "sink.store.Store"}
