"""Acting for another account, and keys for a while, by the official SDK."""

from collections.abc import Callable

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from sandbox import Gateway
from test_operations import Client, TokenCredentials
from wire import SECONDS

AGENCY = {"assume_role": {"domain_name": "demo-customer", "agency_name": "demo-agency"}}


def ask(gateway: Gateway, path: str, token: str, method: str, details: dict) -> requests.Response:
    """Asks for a token or a temporary key with a token of one's own."""
    body = {"auth": {"identity": {"methods": [method], **details}}}
    return requests.post(gateway.url + path, json=body, headers={"X-Auth-Token": token}, timeout=SECONDS)


def account_behind(gateway: Gateway, token: str) -> str:
    answer = requests.get(f"{gateway.url}/v3/auth/domains", headers={"X-Auth-Token": token}, timeout=SECONDS)
    return answer.json()["domains"][0]["name"]


def temporary_credentials(answer: requests.Response) -> GlobalCredentials:
    assert answer.status_code == 201, answer.text
    credential = answer.json()["credential"]
    credentials = GlobalCredentials(credential["access"], credential["secret"])
    return credentials.with_security_token(credential["securitytoken"])


def test_a_partners_token_becomes_its_customers(gateway: Gateway, token: str) -> None:
    answer = ask(gateway, "/v3/auth/tokens", token, "assume_role", AGENCY)
    assert answer.status_code == 201
    assumed = answer.headers["X-Subject-Token"]
    assert account_behind(gateway, token) == "demo-partner"
    assert account_behind(gateway, assumed) == "demo-customer"
    assert Client("cn", gateway, TokenCredentials(assumed))("ListMeasureUnits").measure_units


def test_another_partners_token_does_not(gateway: Gateway, log_in: Callable[..., requests.Response]) -> None:
    other = log_in("other-partner").headers["X-Subject-Token"]
    answer = ask(gateway, "/v3/auth/tokens", other, "assume_role", AGENCY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, 403)


@pytest.mark.parametrize(("method", "details"), [("token", {}), ("assume_role", AGENCY)])
def test_the_sdk_signs_with_a_temporary_key(gateway: Gateway, token: str, method: str, details: dict) -> None:
    credentials = temporary_credentials(ask(gateway, "/v3.0/OS-CREDENTIAL/securitytokens", token, method, details))
    assert Client("cn", gateway, credentials)("ListMeasureUnits").measure_units

    without = GlobalCredentials(credentials.ak, credentials.sk)
    with pytest.raises(ClientRequestException, match="security token") as refusal:
        Client("cn", gateway, without)("ListMeasureUnits")
    assert refusal.value.status_code == 401


def test_the_caller_is_told_who_it_is(gateway: Gateway, token: str) -> None:
    answer = requests.get(f"{gateway.url}/v5/caller-identity", headers={"X-Auth-Token": token}, timeout=SECONDS).json()
    assert answer["principal_urn"] == f"iam::{answer['account_id']}:user:demo-partner"
