"""The official SDK signs with each of its algorithms, and what it signs is accepted."""

from collections.abc import Iterator

import huaweicloudsdkbss.v2 as bss
import pytest
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkcore.http.http_config import HttpConfig
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkcore.signer.algorithm import SigningAlgorithm

from sandbox import Account, Gateway, World, run
from wire import account_id

DERIVED = "V11-HMAC-SHA256"
# What is written in the configuration, and what a caller of the SDK sets; a derived key is no algorithm to the SDK.
ALGORITHMS = {
    "SDK-HMAC-SHA256": SigningAlgorithm.HMAC_SHA256,
    "SDK-HMAC-SM3": SigningAlgorithm.HMAC_SM3,
    "SDK-ECDSA-P256-SHA256": SigningAlgorithm.ECDSA_P256_SHA256,
    "SDK-SM2-SM3": SigningAlgorithm.SM2_SM3,
    DERIVED: SigningAlgorithm.HMAC_SHA256,
}


def client(gateway: Gateway, algorithm: str, account: Account, secret_key: str | None = None) -> bss.BssClient:
    """The SDK's client, which signs with this algorithm."""
    config = HttpConfig.get_default_config()
    config.signing_algorithm = ALGORITHMS[algorithm]
    credentials = GlobalCredentials(account.access_key, secret_key or account.secret_key, account_id(gateway, account))
    builder = bss.BssClient.new_builder().with_http_config(config).with_credentials(credentials)
    if algorithm == DERIVED:
        # The SDK's own rule: whatever is not at one of the vendor's usual addresses. The BSS client names no service.
        credentials.with_derived_predicate(GlobalCredentials.get_default_derived_predicate())
        builder = builder._with_derived_auth_service_name("bss").with_region(Region("cn-north-1", gateway.url))
    else:
        builder = builder.with_endpoint(gateway.url)
    return builder.build()


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The headers `Authorization` that the SDK wrote."""
    values: list[str] = []
    sign = GlobalCredentials.sign_request

    def note(self: GlobalCredentials, request: object) -> object:
        signed = sign(self, request)
        values.append(signed.header_params["Authorization"])
        return signed

    monkeypatch.setattr(GlobalCredentials, "sign_request", note)
    return values


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_sdk_signs_with_it_and_is_accepted(gateway: Gateway, algorithm: str, sent: list[str]) -> None:
    demo = gateway.accounts["demo-partner"]
    answer = client(gateway, algorithm, demo).list_resource_types(bss.ListResourceTypesRequest(limit=5))
    assert len(answer.resource_types) == 5
    body = bss.ResourceSpecsQueryReq("hws.service.type.ec2", "hws.resource.type.vm", "cn-north-4", "1", limit=3)
    specs = client(gateway, algorithm, demo).list_resource_specs(bss.ListResourceSpecsRequest(body=body))
    assert len(specs.cloud_service_basics) == 3
    assert [value.split(" ")[0] for value in sent] == [algorithm] * 2


@pytest.fixture(scope="module")
def strict(world: World) -> Iterator[Gateway]:
    """A gateway that accepts two of the algorithms."""
    with world.gateway({"BSS_IDENTITY_ALGORITHMS": '["SDK-HMAC-SHA256", "SDK-HMAC-SM3"]'}) as gateway:
        yield gateway


def refusal_of(client: bss.BssClient) -> str:
    with pytest.raises(ClientRequestException) as refusal:
        client.list_resource_types(bss.ListResourceTypesRequest())
    assert (refusal.value.status_code, refusal.value.error_code) == (401, "APIGW.0301")
    return refusal.value.error_msg


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_wrong_secret_key_is_refused(gateway: Gateway, algorithm: str) -> None:
    customer = gateway.accounts["demo-customer"]
    assert "canonical request: GET|/v2/products/resource-types/|" in refusal_of(
        client(gateway, algorithm, customer, "wrong")
    )
    # Failures in a row lock a key, for all of these tests together: a success is needed in between.
    client(gateway, algorithm, customer).list_resource_types(bss.ListResourceTypesRequest())


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_deployment_can_accept_fewer(strict: Gateway, algorithm: str) -> None:
    caller = client(strict, algorithm, strict.accounts["demo-partner"])
    if algorithm in ("SDK-HMAC-SHA256", "SDK-HMAC-SM3"):
        assert caller.list_resource_types(bss.ListResourceTypesRequest()).resource_types
    else:
        assert f"the algorithm {algorithm} is not accepted here" in refusal_of(caller)


def test_an_algorithm_that_does_not_exist_is_refused_by_name_at_the_start() -> None:
    ended = run("config", BSS_IDENTITY_ALGORITHMS='["SDK-HMAC-MD5"]')
    assert ended.returncode != 0
    assert "`SDK-HMAC-MD5` is no signature algorithm" in ended.stderr
