"""Generated calls of every operation: what the gateway answers is what its document says it answers."""

from collections.abc import Iterator

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from conftest import RAISED_QUOTAS
from sandbox import Gateway, World
from test_operations import CUSTOMERS_OWN
from wire import SECONDS, SdkAuth

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def guessed_at(world: World) -> Iterator[Gateway]:
    """A gateway of its own: guesses of demo-partner's password lock its user, whom other tests need."""
    with world.gateway(RAISED_QUOTAS) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def document(guessed_at: Gateway) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"{guessed_at.url}/openapi.json")


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    """One for all calls: by itself each would open a connection of its own."""
    with requests.Session() as session:
        yield session


schema = schemathesis.pytest.from_fixture("document")


# Derandomised: the same calls in every run, so that a failure is one of the change at hand.
@schema.parametrize()
@settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_answers_are_those_of_the_document(
    case: schemathesis.Case, guessed_at: Gateway, session: requests.Session
) -> None:
    own = case.operation.definition.raw["operationId"] in CUSTOMERS_OWN
    auth = SdkAuth(guessed_at.accounts["demo-customer" if own else "demo-partner"])
    answer = case.call_and_validate(checks=CHECKS, session=session, auth=auth, timeout=SECONDS)
    # Else most calls would say nothing of the operation itself.
    assert "verify aksk signature fail" not in answer.text
