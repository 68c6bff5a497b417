"""The OpenAPI document against the service: no error of ours, and no answer that it does not name."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from posestream.stack import Addresses
from sink.api.rules import RULES
from tests.integration.api_world import ApiWorld, database

pytestmark = pytest.mark.integration

QUICK = settings(
    max_examples=4, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def world(stack: Addresses) -> Iterator[ApiWorld]:
    with database(stack) as engine:
        made = ApiWorld(engine)
        made.services.per_user._most = made.services.per_address._most = 1e9
        yield made


def operations(world: ApiWorld) -> dict[str, Any]:
    """Every operation of the document, by method and path."""
    headers = {"host": "127.0.0.1:8080"}
    schema = schemathesis.openapi.from_asgi("/api/v1/openapi.json", world.app, headers=headers)
    found = [result.ok() for result in schema.get_all_operations()]
    return {f"{one.method.upper()} {one.path}": one for one in found}


def test_the_service_keeps_to_its_document(world: ApiWorld) -> None:
    found = operations(world)
    assert set(found) == {f"{method} {path}" for method, path in RULES if path.startswith("/api/v1/")} - {
        "GET /api/v1/openapi.json"
    }
    headers = {"authorization": f"Bearer {world.tokens['root']}", "host": "127.0.0.1:8080"}
    for operation in found.values():

        @given(operation.as_strategy())
        @QUICK
        def check(case: Any) -> None:
            world.services.log_ins._buckets.clear()
            case.call_and_validate(headers=headers, checks=CHECKS)

        check()
