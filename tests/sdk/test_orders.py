"""Orders and resources by the official SDK: what a service orders is paid, provided, renewed, and given back."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
import requests

from sandbox import Gateway, World, wait_until
from test_accounts import Account, refusal
from test_coupons import RAISED, admin
from test_other_clients import ASKSession, Profile
from wire import SECONDS, SdkAuth

CUSTOMER = "demo-customer"
SERVER = {
    "resource_type": "hws.resource.type.vm",
    "resource_spec": "s6.large.2.linux",
    "region": "cn-north-4",
    "period_type": 2,
    "period_num": 1,
    "name": "web",
}
OFFICIAL = Decimal("153.6")
CENT = Decimal("0.01")


class Stall:
    """A sandbox of its own, seen by a service, a customer and its partner."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.customer = Account(self.gateway, CUSTOMER)
        self.partner = Account(self.gateway, "demo-partner")
        self.services = requests.Session()
        self.services.headers["Authorization"] = f"Bearer {self.gateway.operator_token}"

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = self.services.request(method, f"{self.gateway.operator_url}/admin/v1/{path}", json=body, timeout=SECONDS)
        assert answer.ok, answer.text
        return answer.json()

    def order(self, **more: Any) -> str:
        return self.ask("POST", f"accounts/{CUSTOMER}/orders", lines=[SERVER], **more)["order_id"]

    def pay(self, order: str, **more: Any) -> None:
        body = self.customer.client.models.PayCustomerOrderV3Req(
            **{"order_id": order, "use_coupon": "NO", "use_discount": "NO"} | more
        )
        self.customer("PayOrders", body=body)

    def details(self, order: str) -> Any:
        return self.customer("ShowCustomerOrderDetails", order_id=order)

    def resources(self, **filters: Any) -> Any:
        return self.customer("ListPayPerUseCustomerResources", body=self.customer.client.models.QueryResourcesReq(**filters))

    def provided(self, order: str) -> str:
        """Waits until an order is completed, as provisioning tools do; the id of its primary."""
        wait_until(lambda: self.details(order).order_info.status == 5, "the order is completed", 30)
        found = self.resources(order_id=order, only_main_resource=1)
        assert found.total_count == 1
        return found.data[0].resource_id

    def advance(self, days: int) -> list[dict[str, Any]]:
        return self.ask("POST", "clock", account="demo-partner", action="ADVANCE", days=days)["happened"]


@pytest.fixture(scope="module")
def stall(world: World) -> Iterator[Stall]:
    with world.gateway(RAISED) as gateway:
        stall = Stall(gateway)
        stall.partner.allocate(stall.customer, 20_000)
        yield stall


def exact(value: Any) -> Decimal:
    return Decimal(str(value))


def share(amount: Decimal, ratio: str) -> Decimal:
    return (amount * Decimal(ratio)).quantize(CENT, ROUND_HALF_UP)


def test_an_order_goes_its_whole_way(stall: Stall) -> None:
    models = stall.customer.client.models
    order = stall.order()
    listed = stall.customer("ListCustomerOrders", order_id=order.lower())
    assert (listed.total_count, listed.order_infos[0].status) == (1, 6)
    assert exact(listed.order_infos[0].official_amount) == OFFICIAL
    assert stall.partner("ListCustomerOrders", order_id=order).total_count == 1

    # The largest discount that is offered, and a cash coupon of 20 on top of it.
    coupon = admin(stall.gateway, "coupons", "issue", CUSTOMER, "20", "--days", "90")["coupon_id"]
    discounts = stall.customer("ListOrderDiscounts", order_id=order).discounts
    coupons = stall.customer("ListOrderCouponsByOrderId", order_id=order)
    assert coupon in [held.coupon_id for held in coupons.user_coupons]
    assert 1 in [most.use_quantity_value for most in coupons.coupon_max_use_quantity]
    before, more = stall.customer.own_balance(), {}
    due = OFFICIAL
    if discounts:
        best = discounts[0]
        more = {
            "use_discount": "YES",
            "discount_infos": [models.DiscountSimpleInfoV3(id=best.discount_id, type=best.discount_type)],
        }
        due = share(OFFICIAL, best.discount_value)
    stall.pay(order, use_coupon="YES", coupon_infos=[models.CouponSimpleInfoOrderPayV3(id=coupon, type=301)], **more)
    info = stall.details(order).order_info
    assert (exact(info.amount_after_discount), exact(info.amount_info.coupon_amount)) == (due - 20, 20)
    off = sum(exact(item.discount_amount) for item in info.amount_info.discounts)
    assert exact(info.official_amount) == exact(info.amount_after_discount) + off
    assert stall.customer.own_balance() == before - (due - 20)
    assert refusal(lambda: stall.pay(order))[1] == "CBC.99003106"

    server = stall.provided(order)
    end = stall.resources(resource_ids=[server]).data[0].expire_time
    renewed = stall.customer(
        "RenewalResources",
        body=models.RenewalResourcesReq(resource_ids=[server], period_type=2, period_num=1, is_auto_pay=1),
    )
    line = stall.details(renewed.order_ids[0]).order_line_items[0]
    assert (line.effective_time, exact(line.official_amount)) == (end, OFFICIAL)
    assert stall.resources(resource_ids=[server]).data[0].expire_time > end


def test_what_is_renewed_by_itself_lives_over_its_end(stall: Stall) -> None:
    models = stall.customer.client.models
    order = stall.order()
    stall.pay(order)
    server = stall.provided(order)
    # As Terraform calls it: without a body.
    stall.customer("AutoRenewalResources", resource_id=server)
    assert stall.resources(resource_ids=[server]).data[0].expire_policy == 3
    happened = stall.advance(40)
    assert "resource.changed" in [event["kind"] for event in happened]
    assert [event["at"] for event in happened] == sorted(event["at"] for event in happened)
    assert stall.resources(resource_ids=[server]).data[0].status == 2
    renewal = stall.customer("ListCustomerOrders", order_type="2").order_infos[0]
    assert (renewal.source_type, renewal.status) == (8, 5)
    stall.customer("CancelAutoRenewalResources", resource_id=server)

    before = stall.customer.own_balance()
    given_back = stall.customer(
        "CancelResourcesSubscription",
        body=models.UnsubscribeResourcesReq(resource_ids=[server], unsubscribe_type=1),
    )
    [back] = given_back.order_ids
    info = stall.details(back).order_info
    kept = exact(info.amount_info.commission_amount) + exact(info.amount_info.consumed_amount)
    assert exact(info.amount_info.commission_amount) == share(exact(renewal.amount_after_discount), "0.1")
    assert stall.customer.own_balance() - before == exact(renewal.amount_after_discount) - kept
    rows = stall.customer("ShowRefundOrderDetails", order_id=back)
    assert sum(exact(row.amount) for row in rows.refund_infos) == exact(info.amount_after_discount)
    assert {row.base_order_id for row in rows.refund_infos} == {renewal.order_id}
    seen = stall.partner("ShowRefundOrderDetails", order_id=back, customer_id=stall.customer.id)
    assert seen.total_count == rows.total_count
    gone = models.UnsubscribeResourcesReq(resource_ids=[server], unsubscribe_type=1)
    assert refusal(lambda: stall.customer("CancelResourcesSubscription", body=gone))[1] == "CBC.30000067"
    closed = stall.resources(resource_ids=[server], status_list=[2], limit=500)
    assert closed.total_count == 0


def test_an_order_is_cancelled(stall: Stall) -> None:
    order = stall.order()
    cancel = stall.customer.client.models.CancelCustomerOrderReq(order_id=order)
    stall.customer("CancelCustomerOrder", body=cancel)
    assert stall.details(order).order_info.status == 4
    assert refusal(lambda: stall.customer("CancelCustomerOrder", body=cancel))[1] == "CBC.99005010"


def test_resources_turn_to_pay_per_use(stall: Stall) -> None:
    models = stall.customer.client.models
    config = models.RenewResourceConfigReq(config_name="DEDUCTION_DATE", config_value="3")
    assert stall.customer("SetResourcesRenewConfig", body=config).error_code == "CBC.0000"
    now, later = stall.order(), stall.order()
    stall.pay(now)
    stall.pay(later)
    now, later = stall.provided(now), stall.provided(later)
    body = models.PeriodToOnDemandReq(operation="SET_UP", resource_ids=[later])
    assert stall.customer("UpdatePeriodToOnDemand", body=body).error_details == []
    body = models.PeriodToOnDemandInstantlyReq(resource_ids=[now])
    [result] = stall.customer("UpdatePeriodToOnDemandInstantly", body=body).to_ondemand_service_results
    assert (result.result, stall.details(result.order_id).order_info.order_type) == ("SUCCESS", 10)
    stall.advance(40)
    body = stall.partner.client.models.QueryCustomerOnDemandResourcesReq(customer_id=stall.customer.id, status=1)
    listed = stall.partner("ListCustomerOnDemandResources", body=body)
    assert {row.resource_id for row in listed.resources} == {now, later}


def test_what_a_service_could_not_provide_comes_back(stall: Stall) -> None:
    before = stall.customer.own_balance()
    order = stall.order()
    stall.pay(order)
    report = f"accounts/{CUSTOMER}/orders/{order}/provisioning"
    stall.ask("POST", report, lines=[{"line": 1, "provided": False}])
    assert (stall.details(order).order_info.status, stall.customer.own_balance()) == (5, before)


def test_a_partner_orders_and_pays_for_its_customer(stall: Stall) -> None:
    def send(account: str, method: str, path: str, **body: Any) -> Any:
        url, auth = f"{stall.gateway.url}/partner/v1/orders{path}", SdkAuth(stall.gateway.accounts[account])
        return requests.request(method, url, json=body or None, auth=auth, timeout=SECONDS)

    placed = send("demo-partner", "POST", "", customer_id=stall.customer.id, lines=[SERVER])
    assert placed.ok, placed.text
    order = placed.json()["order_id"]
    info = stall.details(order).order_info
    assert (info.status, info.source_type, info.user_name) == (6, 2, "demo-partner")
    assert send("demo-partner", "POST", f"/{order}/pay").json()["error_code"] == "CBC.99003106", "nobody has asked"
    asked = send(CUSTOMER, "POST", f"/{order}/ask")
    assert asked.ok, asked.text
    assert refusal(lambda: stall.pay(order))[1] == "CBC.99003106"
    waiting = send("demo-partner", "GET", "/to-pay").json()
    assert [row["order_id"] for row in waiting["orders"]] == [order]

    funds, own = stall.partner.balance(), stall.customer.own_balance()
    paid = send("demo-partner", "POST", f"/{order}/pay").json()
    price = exact(paid["amount_after_discount"])
    assert (stall.partner.balance(), stall.customer.own_balance()) == (funds - price, own)
    listed = stall.customer("ListCustomerOrders", order_id=order).order_infos[0]
    assert (listed.agent_pay_info.is_agent_pay, listed.agent_pay_info.paying_agent_id) == (True, stall.partner.id)

    # What comes back within five days comes back to who paid.
    server = stall.provided(order)
    body = stall.customer.client.models.UnsubscribeResourcesReq(resource_ids=[server], unsubscribe_type=1)
    stall.customer("CancelResourcesSubscription", body=body)
    assert (stall.partner.balance(), stall.customer.own_balance()) == (funds, own)


def test_the_vendors_older_sdk_sends_the_old_forms(stall: Stall) -> None:
    keys = stall.gateway.accounts[CUSTOMER]
    session = ASKSession(Profile(), ak=keys.access_key, sk=keys.secret_key, domain="example.com", region="")

    def send(method: str, path: str, **more: Any) -> Any:
        answer = session.request(f"{stall.gateway.url}/v1.0/{stall.customer.id}/{path}", method, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    order = stall.order()
    listed = send("GET", "common/order-mgr/orders/detail", params={"order_id": order, "page_index": 1, "page_size": 10})
    assert (listed["error_code"], listed["data"]["orderInfos"][0]["status"]) == ("CBC.0000", 6)
    pay = {"orderId": order, "payAccountType": 2, "bpId": "", "couponIds": []}
    assert send("POST", "customer/order-mgr/order/pay", json=pay)["error_code"] == "CBC.0000"
    server = stall.provided(order)
    # As a PHP script asks for its servers.
    found = send("GET", "common/order-mgr/resources/detail", params={"resource_ids": server, "only_main_resource": 1})
    assert (found["total_count"], found["data"][0]["main_resource_id"]) == (1, server)
    gone = send("DELETE", f"customer/order-mgr/orders/{order}", params={"unsub_type": 3})
    assert len(gone["unsub_order_ids"]) == 1


# What servers cost a month.
SMALL, LARGE = ("s6.medium.2.linux", Decimal("76.8")), ("s6.xlarge.2.linux", Decimal("307.2"))
CHINA = timezone(timedelta(hours=8))


def instant(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def months_left(at: str, end: str) -> Decimal:
    """The days behind the day of a change until the end, each as its part of its month."""
    day, last, months = instant(at).astimezone(CHINA).date(), instant(end).astimezone(CHINA).date(), Decimal(0)
    while day < last:
        day += timedelta(days=1)
        months += 1 / Decimal(monthrange(day.year, day.month)[1])
    return months


def hours(start: str, end: str) -> int:
    def full(at: datetime) -> int:
        return int(at.timestamp()) // 3600

    return full(instant(end) + timedelta(seconds=1)) - full(instant(start))


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(CENT, ROUND_HALF_UP)


def test_a_resource_becomes_larger_and_smaller_and_is_given_back(stall: Stall) -> None:
    def change(to: tuple[str, Decimal], **more: Any) -> Any:
        body = {"resource_id": server, "resource_spec": to[0]}
        return stall.ask("POST", f"accounts/{CUSTOMER}/orders", change=body, **more)["order_id"]

    def changed(order: str) -> None:
        wait_until(lambda: stall.details(order).order_info.status == 5, "it is changed", 30)

    purchase = stall.order()
    stall.pay(purchase)
    server = stall.provided(purchase)
    bought = stall.details(purchase).order_line_items[0]
    end = bought.expire_time

    # Larger: the difference until the end.
    order = change(LARGE)
    info = stall.details(order).order_info
    assert (info.order_type, info.status) == (3, 6)
    fee = cents((LARGE[1] - OFFICIAL) * months_left(info.create_time, end))
    assert exact(info.official_amount) == fee
    models = stall.customer.client.models
    renewal = models.RenewalResourcesReq(resource_ids=[server], period_type=2, period_num=1, is_auto_pay=1)
    assert refusal(lambda: stall.customer("RenewalResources", body=renewal))[1] == "CBC.99003100"
    before = stall.customer.own_balance()
    stall.pay(order)
    changed(order)
    assert stall.customer.own_balance() == before - fee
    [found] = stall.resources(resource_ids=[server]).data
    assert (found.resource_spec_code, found.expire_time) == (LARGE[0], end)
    raised = stall.details(order).order_line_items[0]
    assert stall.customer("ListCustomerOrders", order_type="3").order_infos[0].order_id == order

    # Smaller: what is left of both payments, less what the smaller one costs with the best discount.
    probe = stall.order()
    discounts = stall.customer("ListOrderDiscounts", order_id=probe).discounts
    stall.customer("CancelCustomerOrder", body=models.CancelCustomerOrderReq(order_id=probe))
    order = change(SMALL)
    info = stall.details(order).order_info
    at = info.create_time
    left = [
        paid * hours(at, end) / hours(start, end)
        for paid, start in [(OFFICIAL, bought.effective_time), (fee, raised.effective_time)]
    ]
    cost = cents(SMALL[1] * months_left(at, end))
    cost = min([share(cost, found.discount_value) for found in discounts], default=cost)
    back = cents(sum(left) - cost)
    assert exact(info.amount_after_discount) == -back
    changed(order)
    assert stall.customer.own_balance() == before - fee + back
    rows = stall.customer("ShowRefundOrderDetails", order_id=order).refund_infos
    parts = [cents(back * left[0] / sum(left))]
    parts.append(back - parts[0])
    assert [(row.base_order_id, exact(row.amount)) for row in rows] == [
        (bought.order_id, -parts[0]),
        (raised.order_id, -parts[1]),
    ]
    assert stall.resources(resource_ids=[server]).data[0].resource_spec_code == SMALL[0]

    # Given back within five days: what was bought in full, less what changes have settled; of what made it larger a fee is kept.
    rest = [
        paid - cents(paid - value) - part for paid, value, part in zip([OFFICIAL, fee], left, parts, strict=True)
    ]
    body = models.UnsubscribeResourcesReq(resource_ids=[server], unsubscribe_type=1)
    [order] = stall.customer("CancelResourcesSubscription", body=body).order_ids
    info = stall.details(order).order_info
    used = cents(rest[1] * (hours(at, end) - hours(info.create_time, end)) / hours(at, end))
    kept = used + share(rest[1], "0.1")
    assert exact(info.amount_info.commission_amount) + exact(info.amount_info.consumed_amount) == kept
    assert stall.customer.own_balance() == before - fee + back + sum(rest) - kept
