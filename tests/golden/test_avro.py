"""Messages of every released version are read by today's schemas; tests/golden/write_avro.py made them."""

import importlib.util
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.codec import Codec
from schemas.registry import Registry

HERE = Path(__file__).parent
VERSIONS = sorted(HERE.glob("avro_v*"))


def words() -> dict[str, Any]:
    spec = importlib.util.spec_from_file_location("write_avro", HERE / "write_avro.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WORDS


WORDS = words()


def test_there_is_a_released_version_with_every_word() -> None:
    assert VERSIONS
    for version in VERSIONS:
        assert {path.stem for path in version.glob("*.bin")} <= WORDS.keys()
    assert {path.stem for path in VERSIONS[-1].glob("*.bin")} == WORDS.keys()


@pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.name)
@pytest.mark.parametrize("name", WORDS)
def test_a_released_message_is_read_as_it_was_written(version: Path, name: str) -> None:
    body = (version / f"{name}.bin").read_bytes()
    url = f"mock://{version.name}-{name}"
    schema_id = Registry(url, auto_register=True).id_of("golden", (version / f"{name}.avsc").read_text())
    word = WORDS[name]
    back = Codec(url).decode(struct.pack(">bI", 0, schema_id) + body, type(word))
    assert same(back, word), f"{back}\n{word}"


def same(left: Any, right: Any) -> bool:
    """Deep equality that goes into arrays and values without ``==``; an event's estimates carry no memory."""
    if isinstance(right, np.ndarray):
        return isinstance(left, np.ndarray) and left.dtype == right.dtype and bool((left == right).all())
    if hasattr(right, "items"):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in right)
    if isinstance(right, tuple) and right and hasattr(right[0], "__dataclass_fields__"):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(right, tuple) and right and isinstance(right[0], np.ndarray):
        return len(left) == len(right) and all(map(same, left, right))
    if hasattr(right, "__dataclass_fields__") and not right.__dataclass_params__.eq:
        names = [name for name in right.__dataclass_fields__ if name != "memory"]
        return all(same(getattr(left, name), getattr(right, name)) for name in names)
    return bool(left == right)
