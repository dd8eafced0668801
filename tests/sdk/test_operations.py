"""The official SDKs call every operation that is built, by signature and by token, and get what they ask for."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import huaweicloudsdkbss.v2 as bss
import huaweicloudsdkbssintl.v2 as bssintl
import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.region.region import Region
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from sandbox import REPOSITORY, Gateway

SDKS = {"cn": (bss, bss.BssClient), "intl": (bssintl, bssintl.BssintlClient)}
SPECS = {
    "cloud_service_type": "hws.service.type.ec2",
    "resource_type": "hws.resource.type.vm",
    "region_code": "cn-north-4",
    "charge_mode": "1",
}


class TokenCredentials(GlobalCredentials):
    """A token in place of a signature: this is where the SDK signs every request."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token

    def process_sts(self, http_client: Any) -> None:
        """There are no temporary keys to be fetched."""

    def sign_request(self, request: SdkRequest) -> SdkRequest:
        request.header_params["X-Auth-Token"] = self.token
        Signer.process_request_uri(request)
        return request


class Client:
    """One SDK's client, called by operation id."""

    def __init__(self, site: str, gateway: Gateway, credentials: GlobalCredentials) -> None:
        self.models, client = SDKS[site]
        # The builder accepts only the SDK's own class by its name, so ours comes afterwards.
        placeholder = GlobalCredentials("none", "none", "none")
        self.client = client.new_builder().with_credentials(placeholder).with_endpoint(gateway.url).build()
        self.client.with_credentials(credentials)

    def __call__(self, operation: str, **arguments: Any) -> Any:
        request = getattr(self.models, f"{operation}Request")(**arguments)
        return getattr(self.client, re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower())(request)

    def specs(self, **arguments: Any) -> Any:
        """ListResourceSpecs, the one with a body."""
        return self("ListResourceSpecs", body=self.models.ResourceSpecsQueryReq(**SPECS | arguments))


def codes(rows: list[Any], field: str = "code") -> list[str]:
    return [getattr(row, field) for row in rows]


def names(rows: list[Any]) -> dict[str, str]:
    return {row.code: row.name for row in rows}


def has_gigabytes(answer: Any) -> None:
    [unit] = [unit for unit in answer.measure_units if unit.measure_id == 10]
    assert (unit.measure_name, unit.abbreviation, unit.measure_type) == ("GB", "GB", 3)


def converts_gigabytes(answer: Any) -> None:
    [ratio] = [row.conversion_ratio for row in answer.conversions if (row.measure_id, row.ref_measure_id) == (10, 11)]
    assert ratio == 1024
    assert {row.measure_type for row in answer.conversions} == {3}


def has_servers(answer: Any) -> None:
    assert answer.total_count == len(answer.service_types) == 1
    [server] = answer.service_types
    assert (server.service_type_code, server.abbreviation) == ("hws.service.type.ec2", "ECS")


def has_virtual_machine(answer: Any) -> None:
    [machine] = [row for row in answer.resource_types if row.resource_type_code == "hws.resource.type.vm"]
    assert (machine.resource_type_name, machine.service_type_code) == ("云主机", "hws.service.type.ec2")
    assert machine.resource_type_desc


def has_resources_of_servers(answer: Any) -> None:
    infos = [info.basic_info for info in answer.infos]
    assert answer.total_count == len(infos) > 1
    assert "hws.resource.type.vm" in codes(infos, "resource_type_code")
    assert {info.product_owner_service for info in infos} == {"hws.service.type.ec2"}


def has_duration(answer: Any) -> None:
    assert "duration" in [code.lower() for code in codes(answer.usage_types)]
    for usage in answer.usage_types:
        assert usage.resource_type_code == "hws.resource.type.vm"
        assert (usage.service_type_code, usage.resource_type_name) == ("hws.service.type.ec2", "云主机")


def has_specifications(answer: Any) -> None:
    assert len(answer.cloud_service_basics) == 3
    for row in answer.cloud_service_basics:
        assert {field: getattr(row, field) for field in SPECS} == SPECS
        assert row.resource_spec_name
    assert answer.page_info.next_marker == answer.cloud_service_basics[-1].resource_spec


def has_beijing(answer: Any) -> None:
    assert answer.count == len(answer.provinces) == 34
    assert names(answer.provinces)["CN-11"] == "北京市"


def has_baoding(answer: Any) -> None:
    assert answer.count == len(answer.cities) == 11
    assert names(answer.cities)["CN-13-006"] == "保定市"


def has_changan(answer: Any) -> None:
    assert answer.count == len(answer.counties) == 22
    assert names(answer.counties)["CN-13-001-01"] == "长安区"


SERVER = {
    "id": "1",
    "cloud_service_type": "hws.service.type.ec2",
    "resource_type": "hws.resource.type.vm",
    "resource_spec": "s6.large.2.linux",
    "region": "cn-north-4",
    "subscription_num": 1,
}
HOUR = SERVER | {"usage_factor": "Duration", "usage_value": 1, "usage_measure_id": 4}
MONTH = SERVER | {"period_type": 2, "period_num": 1}


def costs_an_hour(answer: Any) -> None:
    assert (answer.official_website_amount, answer.currency, answer.measure_id) == (Decimal("0.32"), "CNY", 1)
    assert codes(answer.product_rating_results, "id") == ["1"]


def costs_a_month(answer: Any) -> None:
    assert answer.official_website_rating_result.official_website_amount == Decimal("153.6")


def renews_server_and_disk(answer: Any) -> None:
    [result] = answer.renew_inquiry_results
    assert (result.resource_id, result.amount) == ("demo-server", "180.48")


def has_policy_of_servers(answer: Any) -> None:
    [policy] = answer.policies
    assert (policy.service_type_name, policy.incentive_policy, policy.allow_discount) == ("弹性云服务器", "0", "YES")


def has_packages(answer: Any) -> None:
    assert [package.product_id for package in answer.free_resource_packages] == ["demo-traffic", "demo-requests"]


def has_sites(answer: Any) -> None:
    assert codes(answer.sites, "site_code") == ["HWC_CN"]


def owes_nothing(answer: Any) -> None:
    assert (answer.bill_cycle, answer.initial_amount_due, answer.tax_amount) == ("2026-01", 0, 0)


def has_dollar_prices(answer: Any) -> None:
    assert len(answer.resource_spec_infos) == 3
    prices = [price for info in answer.resource_spec_infos for price in info.price_lists]
    assert {price.currency for price in prices} == {"USD"}
    assert answer.page_info.next_marker


# What partners may not ask is asked by a customer.
CUSTOMERS_OWN = {
    "ListFreeResourceInfos",
    "ListOnDemandResourceRatings",
    "ListRateOnPeriodDetail",
    "ListRenewRateOnPeriod",
}

# By operation: the arguments of a call, and what its answer must hold.
EXAMPLES: dict[str, tuple[dict[str, Any], Callable[[Any], None]]] = {
    "ListBusinessDiscountInfo": (
        {"body": ("BusinessDiscountQueryReq", {"quoting_item_type": "CATEGORY_ITEM"})},
        has_sites,
    ),
    "ListCities": ({"province_code": "CN-13", "limit": 1000}, has_baoding),
    "ListConversions": ({"measure_type": 3}, converts_gigabytes),
    "ListCounties": ({"city_code": "CN-13-001", "limit": 1000}, has_changan),
    # Without a body, as users call it.
    "ListFreeResourceInfos": ({}, has_packages),
    "ListIncentiveDiscountPolicies": (
        {"time": "2026-01", "service_type_code": "hws.service.type.ec2"},
        has_policy_of_servers,
    ),
    "ListMeasureUnits": ({}, has_gigabytes),
    "ListOnDemandResourceRatings": (
        {"body": ("RateOnDemandReq", {"project_id": "any", "product_infos": [HOUR]})},
        costs_an_hour,
    ),
    "ListPostpaidBillSum": ({"bill_cycle": "2026-01"}, owes_nothing),
    "ListProvinces": ({"limit": 1000}, has_beijing),
    "ListRateOnPeriodDetail": (
        {"body": ("RateOnPeriodReq", {"project_id": "any", "product_infos": [MONTH]})},
        costs_a_month,
    ),
    "ListRenewRateOnPeriod": (
        {"body": ("ListRenewRateOnPeriodReq", {"resource_ids": ["demo-server"], "period_type": 2, "period_num": 1})},
        renews_server_and_disk,
    ),
    "ListResourceSpecs": ({"body": ("ResourceSpecsQueryReq", SPECS | {"limit": 3})}, has_specifications),
    "ListResourceSpecsPrice": (
        {"body": ("ResourceSpecsPriceQueryReq", {"region_code": "ap-southeast-1", "need_price": True, "limit": 3})},
        has_dollar_prices,
    ),
    "ListResourceTypes": ({"limit": 1000}, has_virtual_machine),
    "ListServiceResources": ({"service_type_code": "hws.service.type.ec2", "limit": 1000}, has_resources_of_servers),
    "ListServiceTypes": ({"service_type_name": "弹性云服务器"}, has_servers),
    "ListUsageTypes": ({"resource_type_code": "hws.resource.type.vm", "limit": 100}, has_duration),
}


def built_operations() -> dict[str, set[str]]:
    """The operations of the vendor's SDKs that this server has, with the sites whose SDK can call them."""
    contract = json.loads((REPOSITORY / "openapi/contract.json").read_text())["operations"]
    paths = json.loads((REPOSITORY / "openapi/openapi.json").read_text())["paths"]
    built = {operation["operationId"] for path in paths.values() for operation in path.values()}
    return {operation["id"]: set(operation["sites"]) for operation in contract if operation["id"] in built}


BUILT = built_operations()


@pytest.fixture(params=["signature", "token"])
def credentials(
    request: pytest.FixtureRequest, gateway: Gateway, log_in: Callable[..., requests.Response]
) -> Callable[[str], GlobalCredentials]:
    """Credentials of an account, of one kind and of the other."""

    def of(account: str) -> GlobalCredentials:
        if request.param == "token":
            return TokenCredentials(log_in(account).headers["X-Subject-Token"])
        return GlobalCredentials(gateway.accounts[account].access_key, gateway.accounts[account].secret_key)

    return of


@pytest.fixture(scope="module")
def client(gateway: Gateway) -> Client:
    return Client("cn", gateway, GlobalCredentials(gateway.access_key, gateway.secret_key))


def test_the_sdk_calls_every_operation_that_is_built() -> None:
    """Either an example here does, or a journey of the domain's own file, which then names it."""
    journeys = [path.read_text() for path in (REPOSITORY / "tests/sdk").glob("test_*.py") if path != Path(__file__)]
    called = {name for name in BUILT if any(f'"{name}"' in journey for journey in journeys)}
    assert EXAMPLES.keys() | called == BUILT.keys()


@pytest.mark.parametrize(("operation", "site"), [(name, site) for name in EXAMPLES for site in sorted(BUILT[name])])
def test_the_sdk_calls(
    gateway: Gateway, credentials: Callable[[str], GlobalCredentials], operation: str, site: str
) -> None:
    account = "demo-customer" if operation in CUSTOMERS_OWN else "demo-partner"
    client = Client(site, gateway, credentials(account))
    arguments, check = EXAMPLES[operation]
    arguments = dict(arguments)
    if "body" in arguments:
        model, fields = arguments["body"]
        arguments["body"] = getattr(client.models, model)(**fields)
    check(client(operation, **arguments))


def test_without_an_account_id_the_sdk_asks_for_it(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUAWEICLOUD_SDK_IAM_ENDPOINT", gateway.url)
    # The SDK asks only for credentials of a region, and remembers the account of each access key.
    monkeypatch.setattr(GlobalCredentials, "_CACHE", {})
    account = gateway.accounts["demo-customer"]
    credentials = GlobalCredentials(account.access_key, account.secret_key)
    region = Region("cn-north-1", gateway.url)
    client = bss.BssClient.new_builder().with_credentials(credentials).with_region(region).build()
    assert re.fullmatch("[0-9a-f]{32}", credentials.domain_id)
    assert client.list_measure_units(bss.ListMeasureUnitsRequest()).measure_units


def test_pages_by_offset_join_to_the_whole_without_overlap(client: Client) -> None:
    whole = client("ListResourceTypes", limit=1000)
    assert len(whole.resource_types) == whole.total_count > 200
    pages = [client("ListResourceTypes", limit=50, offset=offset) for offset in range(0, whole.total_count + 50, 50)]
    assert {page.total_count for page in pages} == {whole.total_count}
    joined = [code for page in pages for code in codes(page.resource_types, "resource_type_code")]
    assert joined == codes(whole.resource_types, "resource_type_code")
    assert len(set(joined)) == len(joined)


def test_a_list_has_ten_rows_unless_told_otherwise(client: Client) -> None:
    assert len(client("ListResourceTypes").resource_types) == 10
    assert codes(client("ListProvinces", offset=33).provinces) == ["CN-82"]


def test_pages_by_marker_join_to_the_whole_without_repeats(client: Client) -> None:
    specifications: list[str] = []
    marker = None
    for _ in range(100):
        page = client.specs(limit=7, marker=marker)
        specifications += codes(page.cloud_service_basics, "resource_spec")
        marker = page.page_info.next_marker
        if marker is None:
            break
        assert len(page.cloud_service_basics) == 7
    assert marker is None
    assert len(specifications) > 14
    assert specifications == sorted(set(specifications))
    whole = client.specs(limit=100)
    assert specifications[:100] == codes(whole.cloud_service_basics, "resource_spec")


def test_a_specification_is_found_by_its_code(client: Client) -> None:
    wanted = client.specs(limit=5).cloud_service_basics[-1].resource_spec
    condition = bss.ResourceSpecsFilter(key="RESOURCE_SPEC", value=wanted)
    found = client.specs(filters=[condition])
    assert codes(found.cloud_service_basics, "resource_spec") == [wanted]
    assert found.page_info.next_marker is None


def test_what_is_not_sold_has_no_specifications(client: Client) -> None:
    assert client.specs(region_code="nowhere-1").cloud_service_basics == []


@pytest.mark.parametrize(
    ("language", "name", "full_name"),
    [
        ("zh_CN", "云服务器", "弹性云服务器"),
        ("en_US", "elastic cloud serv", "Elastic Cloud Server"),
        # What older operations write and newer ones write is the same.
        ("en_us", "Elastic Cloud Serv", "Elastic Cloud Server"),
    ],
)
def test_services_are_found_by_name_in_the_asked_language(
    client: Client, language: str, name: str, full_name: str
) -> None:
    found = client("ListServiceTypes", service_type_name=name, x_language=language, limit=1000)
    assert found.total_count == len(found.service_types)
    assert full_name in codes(found.service_types, "service_type_name")
    assert all(name.lower() in row.service_type_name.lower() for row in found.service_types)


def test_an_english_name_is_no_chinese_one(client: Client) -> None:
    assert client("ListServiceTypes", service_type_name="Elastic Cloud Server").total_count == 0


@pytest.mark.parametrize("operation", ["ListResourceTypes", "ListServiceTypes", "ListUsageTypes", "ListMeasureUnits"])
def test_the_language_changes_names_and_nothing_else(client: Client, operation: str) -> None:
    default, chinese, english = (
        client(operation, **language).to_json_object()
        for language in ({}, {"x_language": "zh_CN"}, {"x_language": "en_US"})
    )
    assert default == chinese != english
    [rows] = [field for field, value in chinese.items() if isinstance(value, list)]
    assert len(chinese[rows]) == len(english[rows])
    for one, other in zip(chinese[rows], english[rows], strict=True):
        assert {field for field in one if one[field] != other[field]} <= {
            field for field in one if field.endswith(("name", "desc"))
        }


def test_no_usage_is_measured_on_the_resource_type_without_a_name(client: Client) -> None:
    assert client("ListUsageTypes").total_count > 100
    nothing = client("ListUsageTypes", resource_type_code="")
    assert (nothing.total_count, nothing.usage_types) == (0, [])


def test_what_is_unknown_has_nothing_below_it(client: Client) -> None:
    assert client("ListCities", province_code="CN-99").cities == []
    assert client("ListCounties", city_code="CN-13-999").counties == []
    assert client("ListServiceResources", service_type_code="hws.service.type.none").infos == []
