"""Faults on demand: each reaches the official SDK as the exception that the real fault would be."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
import requests
from huaweicloudsdkbss.v2 import BssClient, ListMeasureUnitsRequest
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import (
    ClientRequestException,
    ConnectionException,
    SdkException,
    ServerResponseException,
)
from huaweicloudsdkcore.http.http_config import HttpConfig

from sandbox import Gateway, World
from test_accounts import RAISED, Account
from wire import SECONDS, account_id, signed

ALLOCATE = "/v2/accounts/partner-accounts/adjust-amount"


@pytest.fixture(scope="module")
def place(world: World) -> Iterator[Gateway]:
    """A gateway whose faults and balances only these tests change."""
    with world.gateway(RAISED) as gateway:
        yield gateway


class Faults:
    """The operator's rules."""

    def __init__(self, gateway: Gateway) -> None:
        self.url = f"{gateway.operator_url}/admin/v1/faults"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {gateway.operator_token}"

    def add(self, **rule: object) -> str:
        answer = self.session.post(self.url, json=rule, timeout=SECONDS)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    def met(self, rule: str) -> int:
        rules = self.session.get(self.url, timeout=SECONDS).json()["faults"]
        return next(row["met"] for row in rules if row["id"] == rule)


def call(gateway: Gateway, seconds: float = SECONDS) -> object:
    config = HttpConfig.get_default_config()
    config.timeout, config.retry_times = (seconds, seconds), 0
    account = account_id(gateway, gateway.accounts["demo-partner"])
    credentials = GlobalCredentials(gateway.access_key, gateway.secret_key, account)
    client = BssClient.new_builder().with_http_config(config).with_credentials(credentials).with_endpoint(gateway.url)
    return client.build().list_measure_units(ListMeasureUnitsRequest()).measure_units


@pytest.mark.parametrize(
    ("fault", "exception", "status"),
    [
        ("TOO_MANY_REQUESTS", ClientRequestException, 429),
        ("INTERNAL_ERROR", ServerResponseException, 500),
        ("DROP_CONNECTION", ConnectionException, None),
        ("LOSE_ANSWER", ConnectionException, None),
    ],
)
def test_the_sdk_raises_what_the_fault_would_raise(
    place: Gateway, fault: str, exception: type[SdkException], status: int | None
) -> None:
    faults = Faults(place)
    rule = faults.add(fault=fault, operation="ListMeasureUnits", access_key=place.access_key)
    with pytest.raises(exception) as raised:
        call(place)
    assert getattr(raised.value, "status_code", None) == status
    assert faults.met(rule) == 1
    assert call(place), "the rule is used up"


def test_a_late_answer_comes_late_or_too_late(place: Gateway) -> None:
    faults = Faults(place)
    rule = faults.add(fault="LATENCY", latency_ms=1500, count=2)
    with pytest.raises(ConnectionException, match="Read timed out"):
        call(place, seconds=0.5)
    assert call(place)
    assert faults.met(rule) == 2


def test_an_answer_that_is_lost_is_given_again_under_its_key(place: Gateway) -> None:
    customer = Account(place, "demo-customer")
    before = customer.own_balance()

    def allocate(**headers: str) -> requests.Response:
        headers = {"Idempotency-Key": "lost", "Content-Type": "application/json"} | headers
        body = {"customer_id": customer.id, "amount": 5}
        request = signed(place, "demo-partner", "POST", ALLOCATE, json=body, headers=headers)
        return requests.Session().send(request, timeout=SECONDS)

    with pytest.raises(requests.ConnectionError):
        allocate(**{"X-Sandbox-Fault": "LOSE_ANSWER"})
    assert customer.own_balance() == before + Decimal(5), "it was done"
    again = allocate()
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert customer.own_balance() == before + Decimal(5), "once"


def test_a_fault_that_does_not_exist_is_refused(place: Gateway) -> None:
    request = signed(place, "demo-partner", "GET", "/v2/bases/measurements", headers={"X-Sandbox-Fault": "FLOOD"})
    answer = requests.Session().send(request, timeout=SECONDS)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "CBC.0100")
    assert "X-Sandbox-Fault" in answer.json()["error_msg"]
