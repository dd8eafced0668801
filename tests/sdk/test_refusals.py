"""What is refused, with which status, code and words; the SDK must understand every refusal."""

import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huaweicloudsdkbss.v2 as bss
import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from sandbox import Gateway, World, run, wait_until
from wire import (
    HERE,
    SECONDS,
    SPECS,
    SPECS_BODY,
    THERE,
    Answer,
    SdkAuth,
    head,
    read,
    send,
    send_at_once,
    signed,
    specs_request,
)

RESOURCE_TYPES = "/v2/products/resource-types"
MEBIBYTE = 1 << 20
MAX_BODY = 12 * MEBIBYTE
OK, TOO_MANY = 200, 429


@pytest.fixture(scope="module")
def declared(world: World) -> Iterator[Gateway]:
    """A gateway whose quotas are the declared ones. Each test calls another operation, since each has its own count."""
    with world.gateway({}) as gateway:
        yield gateway


def refusal_of_the_sdk(gateway: Gateway, access_key: str, secret_key: str) -> ClientRequestException:
    credentials = GlobalCredentials(access_key, secret_key, "another-account")
    client = bss.BssClient.new_builder().with_credentials(credentials).with_endpoint(gateway.url).build()
    with pytest.raises(ClientRequestException) as refusal:
        client.list_resource_types(bss.ListResourceTypesRequest())
    return refusal.value


def assert_refused(answer: requests.Response | Answer, status: int, code: str, words: str = "") -> None:
    """Checks a refusal in the gateway's or in the service's shape."""
    got = answer.status if isinstance(answer, Answer) else answer.status_code
    body = answer.json()
    assert (got, body["error_code"]) == (status, code)
    assert words in body["error_msg"]
    assert answer.headers["Content-Type"] == "application/json"
    from_gateway = code.startswith("APIGW")
    assert body.keys() == {"error_code", "error_msg"} | ({"request_id"} if from_gateway else set())
    if from_gateway:
        assert body["request_id"] == answer.headers["X-Request-Id"]


def get(gateway: Gateway, target: str, **options: Any) -> requests.Response:
    """A signed call of demo-partner."""
    auth = SdkAuth(gateway.accounts["demo-partner"])
    return requests.get(gateway.url + target, auth=auth, timeout=SECONDS, **options)


def test_a_wrong_secret_key_is_refused_with_what_the_server_would_have_signed(gateway: Gateway) -> None:
    refusal = refusal_of_the_sdk(gateway, gateway.accounts["demo-reseller"].access_key, "wrong")
    assert (refusal.status_code, refusal.error_code) == (401, "APIGW.0301")
    assert "canonical request: GET|/v2/products/resource-types/|" in refusal.error_msg
    assert re.fullmatch("[0-9a-f]{32}", refusal.request_id)


def test_in_the_sandbox_a_refused_signature_says_what_the_client_did(gateway: Gateway) -> None:
    request = signed(gateway, "demo-reseller", "GET", RESOURCE_TYPES, headers={"Content-Type": "application/json"})
    request.headers["Content-Type"] = "application/json;charset=utf-8"
    words = "Likely cause: the header content-type was signed with the value `application/json`"
    assert_refused(send(gateway, request), 401, "APIGW.0301", words)
    wrong_key = refusal_of_the_sdk(gateway, gateway.accounts["demo-reseller"].access_key, "wrong")
    assert (wrong_key.status_code, wrong_key.error_code) == (401, "APIGW.0301")
    assert "Likely cause: none of the usual mistakes gives this signature" in wrong_key.error_msg
    # A success ends the row of failures, for the tests that come after.
    assert send(gateway, signed(gateway, "demo-reseller", "GET", RESOURCE_TYPES)).status == OK


def test_the_doctor_finds_the_same_in_a_pasted_request(gateway: Gateway, tmp_path: Path) -> None:
    demo = gateway.accounts["demo-partner"]
    request = specs_request(gateway)
    pasted = tmp_path / "request.txt"
    pasted.write_bytes(head(request) + SPECS_BODY)
    secret_key = tmp_path / "secret-key"
    secret_key.write_text(f"{demo.secret_key}\n")
    right = run("doctor", "signature", str(pasted), "--secret-key-file", str(secret_key))
    assert (right.returncode, right.stdout) == (0, "The signature is right.\n"), right.stderr
    pasted.write_bytes(head(request).replace(b"POST ", b"POST /proxied") + SPECS_BODY)
    wrong = run("doctor", "signature", str(pasted), HUAWEICLOUD_SDK_SK=demo.secret_key)
    assert (wrong.returncode, wrong.stdout.split(":")[0]) == (1, "path_prefix")
    assert demo.secret_key not in wrong.stdout + wrong.stderr


def test_an_unknown_access_key_is_refused(gateway: Gateway) -> None:
    refusal = refusal_of_the_sdk(gateway, "NOSUCHKEY", gateway.secret_key)
    assert (refusal.status_code, refusal.error_code) == (401, "APIGW.0301")
    assert refusal.error_msg.endswith("Get secretKey failed,ak:NOSUCHKEY,err:ak not exist")


def test_a_key_for_another_account_than_its_own_is_refused(gateway: Gateway) -> None:
    demo = gateway.accounts["demo-partner"]
    refusal = refusal_of_the_sdk(gateway, demo.access_key, demo.secret_key)
    assert (refusal.status_code, refusal.error_code) == (401, "APIGW.0301")
    assert refusal.error_msg.endswith("X-Domain-Id is not the account of the access key")


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "x-auth-token not found"),
        ({"X-Auth-Token": "unknown"}, "decrypt token fail"),
        ({"Authorization": "Basic eDp5"}, "x-auth-token not found"),
        ({"Authorization": "SDK-HMAC-SHA256 Access=x"}, "verify aksk signature fail"),
    ],
)
def test_a_call_without_valid_credentials_is_refused(gateway: Gateway, headers: dict[str, str], words: str) -> None:
    answer = requests.get(gateway.url + RESOURCE_TYPES, headers=headers, timeout=SECONDS)
    assert_refused(answer, 401, "APIGW.0301", f"Incorrect IAM authentication information: {words}")


def test_a_request_changed_after_signing_is_refused(gateway: Gateway) -> None:
    request = specs_request(gateway, account="demo-reseller")
    request.body = SPECS_BODY.replace(b'"1"', b'"3"')
    assert_refused(send(gateway, request), 401, "APIGW.0301", "verify aksk signature fail, canonical request: POST|")


def test_an_old_signature_is_refused(gateway: Gateway) -> None:
    request = signed(gateway, "demo-reseller", "GET", RESOURCE_TYPES)
    request.headers["X-Sdk-Date"] = "20200101T000000Z"
    assert_refused(send(gateway, request), 401, "APIGW.0301", "away from the server's clock")


@pytest.mark.parametrize("limit", ["0", "1001", "x"])
def test_a_limit_out_of_range_is_refused_by_name(gateway: Gateway, limit: str) -> None:
    words = "Parameter error. limit: must be an integer from 1 to 1000."
    assert_refused(get(gateway, RESOURCE_TYPES, params={"limit": limit}), 400, "CBC.0100", words)


def test_a_missing_parameter_is_refused_by_name(gateway: Gateway) -> None:
    assert_refused(get(gateway, "/v2/systems/configs/cities"), 400, "CBC.0100", "province_code")


def test_an_unknown_language_is_refused(gateway: Gateway) -> None:
    answer = get(gateway, RESOURCE_TYPES, headers={"X-Language": "fr_FR"})
    assert_refused(answer, 400, "CBC.0100", "X-Language")


@pytest.mark.parametrize(
    ("body", "words"), [(b"{", "body"), (b"", "body"), (b"[]", "body"), (b"{}", "cloud_service_type")]
)
def test_a_malformed_body_is_refused(gateway: Gateway, body: bytes, words: str) -> None:
    answer = send(gateway, specs_request(gateway, body))
    assert_refused(answer, 400, "CBC.0100", words)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/nothing"),
        ("DELETE", RESOURCE_TYPES),
        ("GET", SPECS),
        ("GET", "/metrics"),
        ("GET", f"{RESOURCE_TYPES}/x"),
    ],
)
def test_an_unknown_path_and_a_wrong_method_look_alike(gateway: Gateway, method: str, path: str) -> None:
    answer = send(gateway, signed(gateway, "demo-partner", method, path))
    assert_refused(answer, 404, "APIGW.0101")


def test_a_body_of_12_mebibytes_is_read(gateway: Gateway) -> None:
    request = specs_request(gateway, SPECS_BODY.ljust(MAX_BODY))
    assert send(gateway, request).status == OK


def test_a_body_that_announces_more_is_refused_before_it_is_sent(gateway: Gateway) -> None:
    request = specs_request(gateway, b"{}")
    request.headers["Content-Length"] = str(MAX_BODY + 1)
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(head(request))
        assert_refused(read(connection), 413, "APIGW.0201")


def test_a_body_that_turns_out_longer_is_refused(gateway: Gateway) -> None:
    request = specs_request(gateway, b"{}")
    del request.headers["Content-Length"]
    request.headers["Transfer-Encoding"] = "chunked"
    chunk = b"%x\r\n%s\r\n" % (MEBIBYTE, b" " * MEBIBYTE)
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(head(request) + chunk * 12)
        # One byte more than is allowed, and nothing after it that would still be on its way when the answer comes.
        connection.sendall(b"1\r\n \r\n")
        assert_refused(read(connection), 413, "APIGW.0201")


def test_the_callers_request_id_is_taken_over(gateway: Gateway) -> None:
    for answer in (
        get(gateway, RESOURCE_TYPES, headers={"X-Request-Id": "order-4711"}),
        requests.get(gateway.url + "/nothing", headers={"X-Request-Id": "order-4711"}, timeout=SECONDS),
    ):
        assert answer.headers["X-Request-Id"] == "order-4711"


@pytest.mark.parametrize("target", ["/healthz", "/readyz", "/openapi.json", "/explorer/", RESOURCE_TYPES, "/nothing"])
def test_every_answer_has_a_request_id_of_its_own(gateway: Gateway, target: str) -> None:
    ids = {requests.get(gateway.url + target, timeout=SECONDS).headers["X-Request-Id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", request_id) for request_id in ids)


@pytest.mark.parametrize(
    ("path", "callers", "dimension"),
    [
        # (account, source address) of the odd and of the even calls.
        (RESOURCE_TYPES, [("demo-partner", HERE)], "ip"),
        ("/v2/products/service-types", [("demo-partner", HERE), ("demo-partner", THERE)], "user"),
        ("/v2/products/usage-types", [("demo-partner", HERE), ("other-partner", HERE)], "ip"),
    ],
    ids=["one caller", "two addresses of an account", "two accounts behind an address"],
)
def test_of_twelve_calls_at_once_two_are_over_the_quota(
    declared: Gateway, path: str, callers: list[tuple[str, str]], dimension: str
) -> None:
    calls = [(source, signed(declared, account, "GET", path)) for account, source in callers * (12 // len(callers))]
    answers = send_at_once(declared, calls)
    assert Counter(answer.status for answer in answers) == {OK: 10, TOO_MANY: 2}
    for answer in (answer for answer in answers if answer.status == TOO_MANY):
        words = f"The throttling threshold has been reached: policy {dimension} over ratelimit,limit:10,time:1 second"
        assert_refused(answer, TOO_MANY, "APIGW.0308", words)
        assert answer.headers["Retry-After"] == "1"
        assert answer.headers["RateLimit-Policy"] == f'"{dimension}";q=10;w=1'
        assert answer.headers["RateLimit"] == f'"{dimension}";r=0;t=1'


def test_two_accounts_at_two_addresses_do_not_share_a_quota(declared: Gateway) -> None:
    callers = [("demo-partner", HERE), ("other-partner", THERE)] * 10
    calls = [(source, signed(declared, account, "GET", "/v2/bases/conversions")) for account, source in callers]
    assert {answer.status for answer in send_at_once(declared, calls)} == {OK}


def test_the_sixth_wrong_signature_in_a_row_locks_the_key_for_its_address(
    start_gateway: Callable[..., Gateway],
) -> None:
    gateway = start_gateway(BSS_QUOTAS_OVERRIDE='{ "*" = "1000/1" }')

    def right() -> requests.PreparedRequest:
        return signed(gateway, "demo-partner", "GET", RESOURCE_TYPES)

    def fail(times: int) -> None:
        for _ in range(times):
            request = right()
            request.prepare_url(gateway.url + RESOURCE_TYPES, {"limit": 1})
            assert_refused(send(gateway, request), 401, "APIGW.0301", "canonical request: GET|")

    fail(5)
    assert send(gateway, right()).status == OK, "five failures do not lock, and a success ends the row"
    fail(6)
    locked = "Incorrect IAM authentication information: AK access failed to reach the limit,forbidden."
    refused = send(gateway, right())
    assert_refused(refused, 401, "APIGW.0301", locked)
    # For how long, and in the sandbox also how not to wait.
    access_key = gateway.accounts["demo-partner"].access_key
    assert 290 < int(refused.headers["Retry-After"]) <= 300
    assert f"bss-gateway admin key unlock {access_key}" in refused.body.decode()
    assert send(gateway, right(), THERE).status == OK, "who knows the key elsewhere cannot lock its owner out"
    assert send(gateway, signed(gateway, "other-partner", "GET", RESOURCE_TYPES)).status == OK
    settings = {"DATABASE_URL": gateway.database_url, "BSS_SECRETS_MASTER_KEY_FILE": gateway.master_key_file}
    assert run("admin", "key", "unlock", access_key, **settings).returncode == 0
    wait_until(lambda: send(gateway, right()).status == OK, "the key is unlocked")


def test_the_sixth_wrong_password_in_a_row_locks_the_user(
    declared: Gateway, log_in: Callable[..., requests.Response]
) -> None:
    statuses = [log_in("demo-reseller", "wrong", of=declared).status_code for _ in range(6)]
    statuses.append(log_in("demo-reseller", of=declared).status_code)
    assert statuses == [401] * 7
    assert log_in("demo-customer", of=declared).status_code == 201
