"""Recordings beside Foxglove's own schemas, as it publishes them."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator
from mcap.reader import make_reader

from tests.unit.test_producers_archive import event, header, write

_PRINT = """
const schemas = require("@foxglove/schemas/jsonschema");
process.stdout.write(JSON.stringify(Object.values(schemas)));
"""


@pytest.fixture
def published(tmp_path: Path) -> dict[str, dict[str, Any]]:
    """Name -> JSON Schema."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if not npm or not node:
        pytest.skip("needs node and npm on PATH")
    command = [npm, "install", "--no-audit", "--no-fund", "@foxglove/schemas@2"]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=180, capture_output=True)
    said = subprocess.run([node, "-e", _PRINT], cwd=tmp_path, check=True, timeout=60, capture_output=True).stdout
    return {schema["title"]: schema for schema in json.loads(said)}


@pytest.mark.node
def test_messages_are_as_foxgloves_schemas_ask(published: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", [header(0)], [event(0)])
    seen: list[str] = []
    with (tmp_path / "a.mcap").open("rb") as stream:
        for schema, _, message in make_reader(stream).iter_messages():
            assert schema is not None
            if not schema.name.startswith("foxglove."):
                continue
            wanted, value = published[schema.name], json.loads(message.data)
            Draft7Validator(wanted).validate(value)
            assert value.keys() <= wanted["properties"].keys(), schema.name
            assert set(wanted.get("required", wanted["properties"])) - value.keys() <= {"roi"}, schema.name
            seen.append(schema.name)
    expected = {"CameraCalibration", "CompressedImage", "FrameTransforms", "RawImage"}
    assert set(seen) == {f"foxglove.{name}" for name in expected}
