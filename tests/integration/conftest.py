"""Fixtures that several modules of integration tests share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.worker_world import World


@pytest.fixture(params=["at_least_once", "exactly_once"])
def world(stack: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    made = World(stack.kafka, stack.registry, tmp_path, *request.param.split())
    yield made
    made.close()
