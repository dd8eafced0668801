"""Acting for another account, and keys for a while, by the official SDK."""

from collections.abc import Callable

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from sandbox import Gateway, run, wait_until
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


def test_when_the_agency_is_withdrawn_the_token_calls_nothing_more(
    start_gateway: Callable[..., Gateway], log_in: Callable[..., requests.Response]
) -> None:
    place = start_gateway()
    token = log_in("demo-partner", of=place).headers["X-Subject-Token"]
    assumed = ask(place, "/v3/auth/tokens", token, "assume_role", AGENCY).headers["X-Subject-Token"]
    customer = Client("cn", place, TokenCredentials(assumed))
    # Customers only: the partner itself may not ask this.
    assert customer("ShowCustomerAccountBalances").account_balances is not None
    with pytest.raises(ClientRequestException) as refusal:
        Client("cn", place, TokenCredentials(token))("ShowCustomerAccountBalances")
    assert (refusal.value.status_code, refusal.value.error_code) == (403, "CBC.0151")

    withdrawn = run("admin", "agency", "withdraw", "demo-customer", "demo-agency", DATABASE_URL=place.database_url)
    assert withdrawn.returncode == 0, withdrawn.stderr

    def is_refused() -> bool:
        try:
            customer("ShowCustomerAccountBalances")
        except ClientRequestException as refusal:
            return refusal.status_code == 401
        return False

    wait_until(is_refused, "the token is refused", 1)
    assert ask(place, "/v3/auth/tokens", token, "assume_role", AGENCY).status_code == 403


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
