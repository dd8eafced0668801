"""Clients that are not the BSS SDK: the vendor's older SDK, its identity SDK, and OpenStack's login."""

import collections
import collections.abc
import warnings

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException
from huaweicloudsdkiam.v3 import (
    AgencyAuth,
    AgencyAuthIdentity,
    CreateTemporaryAccessKeyByAgencyRequest,
    CreateTemporaryAccessKeyByAgencyRequestBody,
    CreateTemporaryAccessKeyByTokenRequest,
    CreateTemporaryAccessKeyByTokenRequestBody,
    IamClient,
    IdentityAssumerole,
    IdentityToken,
    KeystoneListAuthProjectsRequest,
    KeystoneListRegionsRequest,
    ShowPermanentAccessKeyRequest,
    ShowUserRequest,
    TokenAuth,
    TokenAuthIdentity,
)
from keystoneauth1 import session as keystone
from keystoneauth1.identity import v3

from sandbox import Gateway
from wire import SECONDS, SdkAuth, account_id

# The older SDK was written for versions of Python that had these names here.
for name in ("Mapping", "MutableMapping", "Callable", "Iterable"):
    if not hasattr(collections, name):
        setattr(collections, name, getattr(collections.abc, name))
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from openstack.aksksession import ASKSession
    from openstack.profile import Profile

UNITS = "/v2/bases/measurements"


@pytest.mark.parametrize("region", ["cn-north-4", ""])
def test_the_vendors_older_sdk_signs_and_is_let_in(gateway: Gateway, region: str) -> None:
    session = ASKSession(
        Profile(), ak=gateway.access_key, sk=gateway.secret_key, domain="example.com", region=region
    )
    answer = session.request(gateway.url + UNITS, "GET", params={"limit": "5"})
    assert answer.status_code == 200 and answer.json()["measure_units"]
    body = {"cloud_service_type": "hws.service.type.ec2", "resource_type": "hws.resource.type.vm", "limit": 1,
            "region_code": "cn-north-4", "charge_mode": "1"}  # fmt: skip
    answer = session.request(f"{gateway.url}/v2/products/resource-specs-query", "POST", json=body)
    assert answer.status_code == 200


def test_the_vendors_older_sdk_is_refused_with_another_secret(gateway: Gateway) -> None:
    session = ASKSession(Profile(), ak=gateway.access_key, sk="x" * 40, domain="example.com", region="")
    answer = session.request(gateway.url + UNITS, "GET", raise_exc=False)
    assert answer.status_code == 401 and "secret key is another" in answer.json()["error_msg"]


@pytest.fixture
def iam(gateway: Gateway) -> IamClient:
    account = gateway.accounts["demo-partner"]
    credentials = GlobalCredentials(account.access_key, account.secret_key, account_id(gateway, account))
    return IamClient.new_builder().with_credentials(credentials).with_endpoint(gateway.url).build()


def works(gateway: Gateway, credential) -> str:
    """The account for which a temporary key acts."""

    class Key:
        access_key, secret_key = credential.access, credential.secret

    answer = requests.get(
        f"{gateway.url}/v5/caller-identity",
        auth=SdkAuth(Key()),
        headers={"X-Security-Token": credential.securitytoken},
        timeout=SECONDS,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["account_id"]


def test_the_identity_sdk_gets_a_temporary_key_by_its_signature(gateway: Gateway, iam: IamClient) -> None:
    identity = TokenAuthIdentity(methods=["token"], token=IdentityToken(duration_seconds=900))
    body = CreateTemporaryAccessKeyByTokenRequestBody(auth=TokenAuth(identity=identity))
    answer = iam.create_temporary_access_key_by_token(CreateTemporaryAccessKeyByTokenRequest(body=body))
    assert works(gateway, answer.credential) == account_id(gateway, gateway.accounts["demo-partner"])


def test_the_identity_sdk_acts_under_an_agency_by_its_signature(gateway: Gateway, iam: IamClient) -> None:
    role = IdentityAssumerole(agency_name="demo-agency", domain_name="demo-customer", duration_seconds="900")
    identity = AgencyAuthIdentity(methods=["assume_role"], assume_role=role)
    body = CreateTemporaryAccessKeyByAgencyRequestBody(auth=AgencyAuth(identity=identity))
    answer = iam.create_temporary_access_key_by_agency(CreateTemporaryAccessKeyByAgencyRequest(body=body))
    assert works(gateway, answer.credential) == account_id(gateway, gateway.accounts["demo-customer"])


def test_the_identity_sdk_finds_what_managers_ask_first(gateway: Gateway, iam: IamClient) -> None:
    regions = iam.keystone_list_regions(KeystoneListRegionsRequest()).regions
    assert "cn-north-4" in {region.id for region in regions}
    key = iam.show_permanent_access_key(ShowPermanentAccessKeyRequest(access_key=gateway.access_key)).credential
    assert key.status == "active"
    user = iam.show_user(ShowUserRequest(user_id=key.user_id)).user
    assert user.name == "demo-partner"
    projects = iam.keystone_list_auth_projects(KeystoneListAuthProjectsRequest()).projects
    assert "cn-north-4" in {project.name for project in projects}
    with pytest.raises(ClientRequestException) as refused:
        other = gateway.accounts["other-partner"].access_key
        iam.show_permanent_access_key(ShowPermanentAccessKeyRequest(access_key=other))
    assert refused.value.status_code == 404


def test_openstacks_login_by_ids_finds_bss_in_the_catalogue(gateway: Gateway, iam: IamClient) -> None:
    key = iam.show_permanent_access_key(ShowPermanentAccessKeyRequest(access_key=gateway.access_key)).credential
    account = gateway.accounts["demo-partner"]
    domain = account_id(gateway, account)
    for who in (
        {"user_id": key.user_id},
        {"username": "demo-partner", "user_domain_id": domain},
        {"username": "demo-partner", "user_domain_name": "demo-partner"},
    ):
        login = v3.Password(f"{gateway.url}/v3", password=account.password, domain_id=domain, **who)
        session = keystone.Session(login)
        access = login.get_access(session)
        endpoint = access.service_catalog.url_for(service_type="bss", interface="public")
        assert endpoint == gateway.url
        assert session.get(endpoint + UNITS, authenticated=True).status_code == 200


def test_a_token_in_the_header_counts_before_one_in_the_body(gateway: Gateway, token: str) -> None:
    outdated = {"auth": {"identity": {"methods": ["token"], "token": {"id": "outdated"}}}}
    asked = requests.post(
        f"{gateway.url}/v3/auth/tokens", json=outdated, headers={"X-Auth-Token": token}, timeout=SECONDS
    )
    assert asked.status_code == 201
    assert requests.post(f"{gateway.url}/v3/auth/tokens", json=outdated, timeout=SECONDS).status_code == 404
