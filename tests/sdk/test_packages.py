"""Resource packages by the official SDKs: what operators grant and services use up is what customers read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials

from sandbox import Gateway, World
from test_accounts import Account, refusal
from test_operations import Client
from wire import SECONDS

RAISED = {"BSS_QUOTAS_OVERRIDE": '{ "*" = "1000/1" }'}
CHINA = timezone(timedelta(hours=8))
TRAFFIC = {
    "resource_type_code": "hws.resource.type.obs",
    "usage_type_code": "downloadexternal",
    "measure_id": 10,
}


@pytest.fixture(scope="module")
def shop(world: World) -> Iterator[Gateway]:
    """A gateway whose packages only these tests change."""
    with world.gateway(RAISED) as gateway:
        yield gateway


def instant(days: int = 0) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(days: int = 0) -> str:
    return (datetime.now(CHINA) + timedelta(days=days)).strftime("%Y-%m-%d")


def operator(gateway: Gateway, account: str, target: str, body: dict[str, Any], key: str | None = None) -> Any:
    headers = {"Authorization": f"Bearer {gateway.operator_tokens['operate']}"}
    if key:
        headers["Idempotency-Key"] = key
    address = f"{gateway.operator_url}/admin/v1/accounts/{account}/{target}"
    answer = requests.post(address, json=body, headers=headers, timeout=SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def grant(gateway: Gateway, account: str, amount: int, **more: Any) -> Any:
    body = {
        "product_id": "traffic",
        "product_name": f"{amount} GB",
        "service_type_code": "hws.service.type.obs",
        "region_code": "cn-north-1",
        "expires_at": instant(365),
        "items": [TRAFFIC | {"amount": amount}],
    }
    return operator(gateway, account, "packages", body | more)


def use(
    gateway: Gateway, account: str, quantity: str, key: str | None = None, span: tuple[str, str] | None = None
) -> Any:
    used_from, used_until = span or (instant(-1), instant())
    body = TRAFFIC | {
        "resource_id": "bucket",
        "quantity": quantity,
        "region_code": "cn-north-1",
        "used_from": used_from,
        "used_until": used_until,
    }
    return operator(gateway, account, "package-usage", body, key)


def details(account: Account, *items: str) -> list[Any]:
    body = account.client.models.ListFreeResourceUsagesReq(free_resource_ids=list(items))
    return account("ListFreeResourceUsages", body=body).free_resources


def test_usage_is_taken_from_gifts_before_what_was_bought_and_each_record_adds_up(shop: Gateway) -> None:
    customer = Account(shop, "referral-customer")
    bought = grant(shop, "referral-customer", 40, order_id="CS2603281445ABCDE", reset={"cycle": 4, "by": 2})
    gift = grant(shop, "referral-customer", 5, promotional=True)
    quantities = [Decimal("1.25"), Decimal("10"), Decimal("40")]
    # A repeat is the same to the letter, and the clock's second may turn between the two.
    span = (instant(-1), instant())
    reports = [use(shop, "referral-customer", str(quantity), f"use-{quantity}", span) for quantity in quantities]
    assert use(shop, "referral-customer", "10", "use-10", span) == reports[1], "a repeat takes nothing more"
    assert [report["to_be_charged"] for report in reports] == [0, 0, 6.25]
    assert [[share["package_id"] for share in report["deducted"]] for report in reports] == [
        [gift["package_id"]],
        [gift["package_id"], bought["package_id"]],
        [bought["package_id"]],
    ]

    packages = customer("ListFreeResourceInfos")
    assert packages.total_count == 2
    shown = {package.order_instance_id: package for package in packages.free_resource_packages}
    assert {package.status for package in shown.values()} == {2}
    assert [(shown[one["package_id"]].source_type, shown[one["package_id"]].order_id) for one in (bought, gift)] == [
        (0, "CS2603281445ABCDE"),
        (1, ""),
    ]
    [item] = details(customer, bought["item_ids"][0])
    assert (item.amount, item.original_amount, item.quota_reuse_cycle, item.quota_reuse_cycle_type) == (0, 40, 4, 2)
    [plain] = details(customer, gift["item_ids"][0], "none")
    assert (plain.quota_reuse_cycle, plain.end_time) == (None, shown[gift["package_id"]].expire_time)

    span = {"deduct_time_begin": day(-90), "deduct_time_end": day()}
    records = customer("ListFreeResourcesUsageRecords", **span)
    taken = [Decimal(record.used_amount) for record in records.free_resource_records]
    assert (records.total_count, sum(taken)) == (4, sum(quantities) - Decimal("6.25"))
    for record in records.free_resource_records:
        left = Decimal(record.available_amount) - Decimal(record.used_amount)
        assert left == Decimal(record.remaining_amount)
    of_gift = customer("ListFreeResourcesUsageRecords", free_resource_id=gift["item_ids"][0], **span)
    assert [record.used_amount for record in of_gift.free_resource_records] == ["3.75", "1.25"]
    too_wide = {"deduct_time_begin": "2024-01-01", "deduct_time_end": "2024-04-01"}
    assert refusal(lambda: customer("ListFreeResourcesUsageRecords", **too_wide)) == (400, "CBC.0100")


def test_others_see_nothing_of_it_and_partners_may_not_ask(shop: Gateway) -> None:
    granted = grant(shop, "second-customer", 7)
    use(shop, "second-customer", "1")
    span = {"deduct_time_begin": day(-1), "deduct_time_end": day()}
    for name, count in [("second-customer", 1), ("third-customer", 0), ("lone-customer", 0)]:
        account = Account(shop, name)
        assert account("ListFreeResourceInfos").total_count == count, name
        assert len(details(account, granted["item_ids"][0])) == count, name
        assert account("ListFreeResourcesUsageRecords", **span).total_count == count, name
    partner = Account(shop, "demo-partner")
    assert refusal(lambda: partner("ListFreeResourceInfos"))[0] == 403


@pytest.mark.parametrize("site", ["cn", "intl"])
def test_the_sandbox_has_packages_to_look_at(shop: Gateway, site: str) -> None:
    own = shop.accounts["demo-customer"]
    client = Client(site, shop, GlobalCredentials(own.access_key, own.secret_key))
    body = client.models.ListFreeResourceInfosReq(service_type_code_list=["HWS.SERVICE.TYPE.OBS"], status=1)
    packages = client("ListFreeResourceInfos", body=body, x_language="en_US").free_resource_packages
    assert [(package.product_id, package.quota_reuse_mode) for package in packages] == [
        ("demo-traffic", 1),
        ("demo-requests", 2),
    ]
    [requests_left] = packages[1].free_resources
    assert (requests_left.usage_type_name, requests_left.amount) == ("Standard storage read requests", "850000")
    span = {"deduct_time_begin": day(-30), "deduct_time_end": day()}
    assert client("ListFreeResourcesUsageRecords", product_id="demo-traffic", **span).total_count == 2
