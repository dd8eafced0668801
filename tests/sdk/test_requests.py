"""The sandbox's request log: what it prints of a call makes that call again, in a shell and with the official SDK."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
import requests
from huaweicloudsdkbss.v2 import (
    BssClient,
    DemandProductInfo,
    ListCitiesRequest,
    ListOnDemandResourceRatingsRequest,
    RateOnDemandReq,
)
from huaweicloudsdkcore.auth.credentials import GlobalCredentials

from sandbox import Gateway
from test_operations import HOUR
from wire import SECONDS, account_id, send, signed

RATINGS = "/v2/bills/ratings/on-demand-resources"


class Log:
    """The operator's view."""

    def __init__(self, gateway: Gateway) -> None:
        self.url = f"{gateway.operator_url}/admin/v1/requests"
        self.headers = {"Authorization": f"Bearer {gateway.operator_token}"}

    def get(self, path: str, **query: Any) -> requests.Response:
        answer = requests.get(f"{self.url}{path}", params=query, headers=self.headers, timeout=SECONDS)
        assert answer.status_code == 200, answer.text
        return answer

    def newest(self, **query: Any) -> dict[str, Any]:
        [call] = self.get("", limit=1, **query).json()["requests"]
        return self.get(f"/{call['request']}").json()


@pytest.fixture
def log(gateway: Gateway) -> Log:
    return Log(gateway)


def client(gateway: Gateway, account: str) -> BssClient:
    keys = gateway.accounts[account]
    credentials = GlobalCredentials(keys.access_key, keys.secret_key, account_id(gateway, keys))
    return BssClient.new_builder().with_credentials(credentials).with_endpoint(gateway.url).build()


def run(command: list[str], text: str, **secrets: str) -> str:
    """What the text prints when a shell or Python is given it."""
    done = subprocess.run(
        command, input=text, env=os.environ | secrets, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, f"{text}\n{done.stderr}"
    return done.stdout


def again(log: Log, gateway: Gateway, account: str, operation: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A call's answer, and that of the code the log prints of it."""
    call = log.newest(operation=operation, account=account)
    code = log.get(f"/{call['request']}/sdk").text
    secret_key = gateway.accounts[account].secret_key
    assert secret_key not in code
    printed = run([sys.executable, "-"], code, SECRET_KEY=secret_key)
    repeated = log.newest(operation=operation, account=account)
    assert repeated["request"] > call["request"]
    for part in ("path", "query", "status", "answer_body"):
        assert repeated.get(part) == call.get(part), part
    return json.loads(call["answer_body"]["text"]), json.loads(printed)


def test_the_code_of_a_call_without_a_body_makes_it_again(gateway: Gateway, log: Log) -> None:
    request = ListCitiesRequest(x_language="en_US", province_code="CN-13", limit=3)
    cities = client(gateway, "demo-partner").list_cities(request).cities
    answer, printed = again(log, gateway, "demo-partner", "ListCities")
    assert printed == answer
    assert [city["name"] for city in printed["cities"]] == [city.name for city in cities]


def test_the_code_of_a_call_with_a_nested_body_makes_it_again(gateway: Gateway, log: Log) -> None:
    body = RateOnDemandReq(project_id='a "quoted" one', product_infos=[DemandProductInfo(**HOUR)])
    request = ListOnDemandResourceRatingsRequest(body=body)
    client(gateway, "demo-customer").list_on_demand_resource_ratings(request)
    answer, printed = again(log, gateway, "demo-customer", "ListOnDemandResourceRatings")
    assert printed["official_website_amount"] == answer["official_website_amount"] == 0.32
    code = log.get(f"/{log.newest(operation='ListOnDemandResourceRatings')['request']}/sdk").text
    assert "RateOnDemandReq(" in code and "DemandProductInfo(" in code, code


def test_the_command_of_a_signed_call_works_in_a_shell(gateway: Gateway, log: Log) -> None:
    # Spaces stay where Python's JSON has them: a write under a key is told apart by every byte.
    body = json.dumps({"project_id": "it's $HOME `id`", "product_infos": [HOUR]})
    headers = {"X-Language": "en_US", "Content-Type": "application/json"}
    send(gateway, signed(gateway, "demo-customer", "POST", RATINGS, data=body, headers=headers))
    call = log.newest(operation="ListOnDemandResourceRatings", account="demo-customer")
    assert (call["status"], call["body"]["text"]) == (200, body)
    command = log.get(f"/{call['request']}/curl").text
    password = gateway.accounts["demo-customer"].password
    assert password not in command
    printed = run(["bash", "-s"], command, PASSWORD=password)
    assert call["answer_body"]["text"] in printed, printed
    by_token = log.newest(operation="ListOnDemandResourceRatings", account="demo-customer")
    assert (by_token["credential"], by_token["body"]) == ("token", call["body"])


def test_a_call_is_replayed_as_it_was(gateway: Gateway, log: Log) -> None:
    target, headers = "/v2/bases/measurements?x=%20%2B", {"X-Language": "en_US"}
    send(gateway, signed(gateway, "demo-partner", "GET", target, headers=headers))
    call = log.newest(operation="ListMeasureUnits", account="demo-partner")
    replayed = requests.post(f"{log.url}/{call['request']}/replay", headers=log.headers, timeout=SECONDS).json()
    assert (replayed["status"], replayed["answer_body"]) == (200, call["answer_body"])
    assert log.get(f"/{replayed['request']}").json()["replay_of"] == call["request"]
