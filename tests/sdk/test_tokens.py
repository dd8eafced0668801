"""Tokens: given for a password, shown, checked, revoked, and good for nothing afterwards."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox import Gateway
from wire import SECONDS, SdkAuth

TOKENS = "/v3/auth/tokens"
LogIn = Callable[..., requests.Response]


def call(
    gateway: Gateway, method: str, target: str, token: str, subject: str | None = None, **options: Any
) -> requests.Response:
    """A call with a token, about another one if `subject` is given."""
    headers = {"X-Auth-Token": token}
    if subject is not None:
        headers["X-Subject-Token"] = subject
    return requests.request(method, gateway.url + target, headers=headers, timeout=SECONDS, **options)


def assert_refused(answer: requests.Response, status: int, title: str, words: str) -> None:
    """Checks a refusal in the shape of the identity service."""
    assert answer.status_code == status
    body = answer.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"code", "message", "title"}
    assert (body["error"]["code"], body["error"]["title"]) == (status, title)
    assert words in body["error"]["message"]


def assert_revoked(gateway: Gateway, token: str) -> None:
    answer = call(gateway, "GET", "/v2/bases/measurements", token)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIGW.0301")
    assert answer.json()["error_msg"] == "Incorrect IAM authentication information: decrypt token fail"


@pytest.fixture
def own_token(log_in: LogIn) -> str:
    """A token that the test may revoke."""
    return log_in("demo-partner").headers["X-Subject-Token"]


def test_a_token_is_given_for_a_password(gateway: Gateway, log_in: LogIn) -> None:
    answer = log_in("demo-partner")
    assert answer.status_code == 201
    assert len(answer.headers["X-Subject-Token"]) >= 32
    token = answer.json()["token"]
    assert token.keys() == {"expires_at", "issued_at", "methods", "catalog", "domain", "roles", "user"}
    assert token["methods"] == ["password"]
    services = {service["type"]: service["endpoints"][0]["url"] for service in token["catalog"]}
    assert services == {"bss": gateway.url, "iam": gateway.url, "identity": f"{gateway.url}/v3"}
    assert token["roles"] == [{"id": "0", "name": "te_admin"}]
    assert token["domain"]["name"] == "demo-partner"
    assert re.fullmatch("[0-9a-f]{32}", token["domain"]["id"])
    user = token["user"]
    assert (user["name"], user["password_expires_at"], user["domain"]) == ("demo-partner", "", token["domain"])
    expires_at, issued_at = (
        datetime.strptime(token[field], "%Y-%m-%dT%H:%M:%S.%fZ") for field in ("expires_at", "issued_at")
    )
    assert expires_at - issued_at == timedelta(hours=24)
    assert call(gateway, "GET", "/v2/bases/measurements", answer.headers["X-Subject-Token"]).status_code == 200


def test_a_new_token_leaves_the_old_one_valid(gateway: Gateway, own_token: str, log_in: LogIn) -> None:
    assert log_in("demo-partner").headers["X-Subject-Token"] != own_token
    assert call(gateway, "GET", "/v2/bases/measurements", own_token).status_code == 200


@pytest.mark.parametrize("account", ["demo-distributor", "nobody"])
def test_a_wrong_password_and_an_unknown_user_look_alike(log_in: LogIn, account: str) -> None:
    assert_refused(log_in(account, "wrong"), 401, "Unauthorized", "The username or password is wrong.")


def test_the_scope_is_the_account_or_one_of_its_projects(gateway: Gateway, log_in: LogIn, token: str) -> None:
    domain = log_in("demo-partner", scope={"domain": {"name": "demo-partner"}}).json()["token"]
    assert domain["domain"]["name"] == "demo-partner"
    assert "project" not in domain
    by_id = log_in("demo-partner", scope={"domain": {"id": domain["domain"]["id"]}}).json()["token"]
    assert by_id["domain"] == domain["domain"]

    [listed] = call(gateway, "GET", "/v3/projects?name=cn-north-4", token).json()["projects"]
    for wanted in ({"name": "cn-north-4"}, {"id": listed["id"]}):
        answer = log_in("demo-partner", scope={"project": wanted})
        body = answer.json()["token"]
        assert body["project"] == {"id": listed["id"], "name": "cn-north-4", "domain": domain["domain"]}
        assert "domain" not in body
        shown = call(gateway, "GET", TOKENS, token, answer.headers["X-Subject-Token"]).json()
        assert shown == answer.json()


@pytest.mark.parametrize(
    "scope", [{"domain": {"name": "other-partner"}}, {"project": {"name": "nowhere-1"}}, {"domain": {}}]
)
def test_a_foreign_scope_is_refused(log_in: LogIn, scope: dict[str, Any]) -> None:
    assert_refused(log_in("demo-partner", scope=scope), 401, "Unauthorized", "scope")


def test_two_scopes_are_refused(log_in: LogIn) -> None:
    scope = {"domain": {"name": "demo-partner"}, "project": {"name": "cn-north-4"}}
    assert_refused(log_in("demo-partner", scope=scope), 400, "Bad Request", "auth.scope")


@pytest.mark.parametrize("body", [b"{", b"{}", b'{"auth":{"identity":{"methods":["magic"]}}}'])
def test_a_malformed_body_is_refused_in_the_same_shape(gateway: Gateway, body: bytes) -> None:
    answer = requests.post(gateway.url + TOKENS, data=body, timeout=SECONDS)
    assert_refused(answer, 400, "Bad Request", "Parameter error.")


def test_nocatalog_leaves_the_catalog_out(gateway: Gateway, log_in: LogIn) -> None:
    given = log_in("demo-partner", query="?nocatalog=true")
    assert "catalog" not in given.json()["token"]
    assert len(log_in("demo-partner", query="?nocatalog=").json()["token"]["catalog"]) == 3
    token = given.headers["X-Subject-Token"]
    assert "catalog" in call(gateway, "GET", TOKENS, token, token).json()["token"]
    assert "catalog" not in call(gateway, "GET", f"{TOKENS}?nocatalog=1", token, token).json()["token"]


def test_a_token_is_shown_and_checked(gateway: Gateway, log_in: LogIn) -> None:
    given = log_in("demo-partner")
    token = given.headers["X-Subject-Token"]
    shown = call(gateway, "GET", TOKENS, token, token)
    assert (shown.status_code, shown.headers["X-Subject-Token"]) == (200, token)
    assert shown.json() == given.json()
    checked = call(gateway, "HEAD", TOKENS, token, token)
    assert (checked.status_code, checked.content) == (200, b"")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_the_token_in_question_must_be_named(gateway: Gateway, token: str, method: str) -> None:
    answer = call(gateway, method, TOKENS, token)
    assert answer.status_code == 400
    if method != "HEAD":
        assert_refused(answer, 400, "Bad Request", "X-Subject-Token")


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_the_token_of_another_account_does_not_exist(gateway: Gateway, token: str, log_in: LogIn, method: str) -> None:
    foreign = log_in("other-partner").headers["X-Subject-Token"]
    answer = call(gateway, method, TOKENS, token, foreign)
    unknown = call(gateway, method, TOKENS, token, "unknown")
    assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content)
    assert answer.status_code == 404
    if method != "HEAD":
        assert_refused(answer, 404, "Not Found", "The token is not valid or has expired.")
    assert call(gateway, "GET", TOKENS, foreign, foreign).status_code == 200, "it is still valid for its owner"


def test_a_revoked_token_is_refused_at_once(gateway: Gateway, token: str, own_token: str) -> None:
    # Used before, so that the gateway has it in memory.
    assert call(gateway, "GET", "/v2/bases/measurements", own_token).status_code == 200
    revoked = call(gateway, "DELETE", TOKENS, token, own_token)
    assert (revoked.status_code, revoked.content) == (204, b"")
    assert_revoked(gateway, own_token)
    for method in ("GET", "HEAD", "DELETE"):
        assert call(gateway, method, TOKENS, token, own_token).status_code == 404


def test_a_token_can_revoke_itself(gateway: Gateway, own_token: str) -> None:
    assert call(gateway, "DELETE", TOKENS, own_token, own_token).status_code == 204
    assert_revoked(gateway, own_token)


def test_an_expired_token_says_when(start_gateway: Callable[..., Gateway], log_in: LogIn) -> None:
    gateway = start_gateway(BSS_IDENTITY_TOKEN_HOURS="0")
    given = log_in("demo-partner", of=gateway)
    answer = call(gateway, "GET", "/v2/bases/measurements", given.headers["X-Subject-Token"])
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIGW.0301")
    assert answer.json()["error_msg"].endswith(f"token expires, expires_at: {given.json()['token']['expires_at']}")


@pytest.mark.parametrize("by", ["token", "signature"])
def test_a_region_has_exactly_one_project(gateway: Gateway, token: str, by: str) -> None:
    def get(target: str) -> list[dict[str, Any]]:
        if by == "token":
            answer = call(gateway, "GET", target, token)
        else:
            auth = SdkAuth(gateway.accounts["demo-partner"])
            answer = requests.get(gateway.url + target, auth=auth, timeout=SECONDS)
        assert answer.status_code == 200
        return answer.json()["projects"]

    [project] = get("/v3/projects?name=cn-north-4")
    assert project["name"] == "cn-north-4"
    everything = get("/v3/projects")
    assert project in everything
    assert [row["name"] for row in everything] == sorted(row["name"] for row in everything)
    assert get("/v3/projects?name=nowhere-1") == []
