"""Orders and resources as the tools call them that partners' customers use today: bodies, limits and polling as they send them.

The calls without the SDK are those of clients that sign by themselves.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from sandbox import World, wait_until
from test_coupons import RAISED, admin
from test_orders import CUSTOMER, SERVER, Stall
from wire import SECONDS, signed

RESOURCES = "/v2/orders/suscriptions/resources/query"
SUBSCRIPTIONS = "/v2/orders/subscriptions/resources"
ORDERS = "/v2/orders/customer-orders"
DISK = {
    "resource_type": "hws.resource.type.volume",
    "resource_spec": "SSD",
    "region": "cn-north-4",
    "resource_size": 40,
    "size_measure_id": 17,
    "period_type": 2,
    "period_num": 1,
    "name": "data",
    "main_line": 1,
}


@pytest.fixture(scope="module")
def stall(world: World) -> Iterator[Stall]:
    with world.gateway(RAISED) as gateway:
        stall = Stall(gateway)
        stall.partner.allocate(stall.customer, 20_000)
        yield stall


def call(stall: Stall, method: str, target: str, status: int = 200, **options: Any) -> Any:
    """A signed request, to the letter; its answer's body, of which 204 has none."""
    answer = requests.Session().send(signed(stall.gateway, CUSTOMER, method, target, **options), timeout=SECONDS)
    assert answer.status_code == status, answer.text
    assert (status == 204) == (answer.content == b"")
    return answer.json() if answer.content else None


def pages(stall: Stall, limit: int, **filters: Any) -> list[dict[str, Any]]:
    """Every row, by offset until the total is reached."""
    rows: list[dict[str, Any]] = []
    while True:
        page = call(stall, "POST", RESOURCES, json={"limit": limit, "offset": len(rows)} | filters)
        rows += page["data"]
        if len(rows) >= page["total_count"]:
            return rows
        assert page["data"], "a client would ask for ever"


def buy(stall: Stall, lines: list[dict[str, Any]], ids: list[str] | None = None) -> tuple[str, list[dict[str, Any]]]:
    """Orders, pays and waits as provisioning tools do: for status 5, then for the primary. With `ids` a service reports first."""
    order = stall.ask("POST", f"accounts/{CUSTOMER}/orders", lines=lines)["order_id"]
    call(stall, "POST", "/v3/orders/customer-orders/pay", 204, json={"order_id": order, "use_coupon": "NO", "use_discount": "NO"})
    if ids:
        said = [{"line": place, "provided": True, "resource_id": one} for place, one in enumerate(ids, 1)]
        stall.ask("POST", f"accounts/{CUSTOMER}/orders/{order}/provisioning", lines=said)

    def is_done() -> bool:
        status = call(stall, "GET", f"{ORDERS}/details/{order}")["order_info"]["status"]
        assert status in (2, 3, 5, 6), "anything else is taken for a failure"
        return status == 5

    wait_until(is_done, "the order is completed", 30)
    found = call(stall, "POST", RESOURCES, json={"order_id": order, "only_main_resource": 1})
    assert found["total_count"] >= 1
    return order, found["data"]


def test_terraform_buys_waits_and_unsubscribes_without_a_reason(stall: Stall) -> None:
    order, [server] = buy(stall, [SERVER, DISK])
    # MRS: the same order without only_main_resource has its other resources too, the primary first.
    everything = call(stall, "POST", RESOURCES, json={"order_id": order})["data"]
    assert [row["is_main_resource"] for row in everything] == [1, 0]
    assert everything[0]["resource_id"] == server["resource_id"] == everything[1]["parent_resource_id"]
    # ModelArts: what is not found is taken for pay-per-use.
    assert call(stall, "POST", RESOURCES, json={"resource_ids": ["not-bought-for-a-time"]})["total_count"] == 0

    body = {"resource_ids": [server["resource_id"]], "unsubscribe_type": 1}
    given_back = call(stall, "POST", f"{SUBSCRIPTIONS}/unsubscribe", json=body)
    assert (len(given_back["order_ids"]), given_back["fail_resource_infos"]) == (1, [])
    # HSS, WAF and others take this code for deleted.
    assert call(stall, "POST", f"{SUBSCRIPTIONS}/unsubscribe", 400, json=body)["error_code"] == "CBC.30000067"
    # cbc_resources_unsubscribe: until none of them is in use.
    ids = [row["resource_id"] for row in everything]
    assert pages(stall, 100, resource_ids=ids, status_list=[2]) == []
    assert len(pages(stall, 1, resource_ids=ids, status_list=[2, 3])) == 2


def test_terraform_waits_while_a_transaction_is_under_way(stall: Stall) -> None:
    buy(stall, [SERVER], ["ecs-2"])
    admin(stall.gateway, "resources", "set-state", CUSTOMER, "ecs-2", "changing")
    body = {"resource_ids": ["ecs-2"], "unsubscribe_type": 1}
    assert call(stall, "POST", f"{SUBSCRIPTIONS}/unsubscribe", 400, json=body)["error_code"] == "CBC.99003651"
    admin(stall.gateway, "resources", "set-state", CUSTOMER, "ecs-2", "in-use")
    call(stall, "POST", f"{SUBSCRIPTIONS}/unsubscribe", json=body)


def test_terraform_gives_back_a_server_and_its_address_as_two_primaries(stall: Stall) -> None:
    # DRS: the id is the service's own, not the job's, and there is exactly one primary.
    _, [server] = buy(stall, [SERVER, DISK], ["ecs-1", "disk-1"])
    _, [address] = buy(stall, [SERVER | {"name": "address"}], ["eip-1"])
    assert (server["resource_id"], address["resource_id"]) == ("ecs-1", "eip-1")
    before = stall.customer.own_balance()
    body = {"resource_ids": ["ecs-1", "eip-1"], "unsubscribe_type": 1, "unsubscribe_reason": ""}
    [order] = call(stall, "POST", f"{SUBSCRIPTIONS}/unsubscribe", json=body)["order_ids"]
    info = stall.details(order).order_info
    assert float(stall.customer.own_balance() - before) == -info.amount_after_discount > 0
    assert stall.resources(resource_ids=["ecs-1", "disk-1", "eip-1"], status_list=[2, 4, 5]).total_count == 0


def test_terraform_switches_automatic_renewal_without_a_body(stall: Stall) -> None:
    buy(stall, [SERVER], ["ecs-3"])
    for method, policy in [("POST", 3), ("DELETE", 0)]:
        headers = {"X-Language": "en-us", "Content-Type": "application/json"}
        call(stall, method, f"{SUBSCRIPTIONS}/autorenew/ecs-3", 204, headers=headers)
        [row] = call(stall, "POST", RESOURCES, json={"resource_ids": ["ecs-3"]})["data"]
        assert row["expire_policy"] == policy


def test_cloudpods_pages_by_five_hundred_renews_with_a_field_of_its_own_and_says_why_it_leaves(stall: Stall) -> None:
    buy(stall, [SERVER], ["ecs-4"])
    rows = pages(stall, 500, status_list=[2, 4])
    assert "ecs-4" in [row["resource_id"] for row in rows]
    assert pages(stall, 1, status_list=[2, 4]) == rows
    beyond = call(stall, "POST", RESOURCES, json={"limit": 500, "offset": 10_000, "status_list": [2, 4]})
    assert (beyond["data"], beyond["total_count"]) == ([], len(rows))

    renewal = {"period_type": 2, "period_num": 1, "is_auto_pay": 1, "expire_policy": 0}
    renewed = call(stall, "POST", f"{SUBSCRIPTIONS}/renew", json={"resource_ids": ["ecs-4"]} | renewal)
    assert (len(renewed["order_ids"]), renewed["fail_resource_infos"]) == (1, [])
    why = {"unsubscribe_type": 1, "unsubscribe_reason_type": 5, "unsubscribe_reason": "Cloudpods unsubscribe"}
    call(stall, "POST", f"{SUBSCRIPTIONS}/unsubscribe", json={"resource_ids": ["ecs-4"]} | why)


def test_consul_manager_asks_what_ends_soon_and_reads_the_times(stall: Stall) -> None:
    _, [server] = buy(stall, [SERVER], ["ecs-5"])
    end = datetime.strptime(server["expire_time"], "%Y-%m-%dT%H:%M:%SZ")
    assert (end.hour, end.minute, end.second) == (15, 59, 59)
    for days, there in [(0, True), (-1, False)]:
        until = (end + timedelta(days=days)).strftime("%Y-%m-%dT16:00:00Z")
        rows = call(stall, "POST", RESOURCES, json={"limit": 500, "status_list": [2], "expire_time_end": until})["data"]
        assert ("ecs-5" in [row["resource_id"] for row in rows]) == there


def test_a_script_reads_all_packages_without_a_body(stall: Stall) -> None:
    packages = call(stall, "POST", "/v3/payments/free-resources/query")
    assert packages["total_count"] == len(packages["free_resource_packages"]) > 0


def test_a_probe_of_the_site_sees_the_chinese_one(stall: Stall) -> None:
    # The international site would answer 403.
    assert len(call(stall, "GET", "/v2/products/service-types?limit=1")["service_types"]) == 1
