"""A master account pays for a member whose finances it keeps, by the official SDK."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest

from sandbox import Gateway, World, run
from test_accounts import Account, refusal
from test_bills import CENT, Meter, text
from test_coupons import RAISED, admin
from test_customers import client
from test_enterprises import PASSWORD, TokenCredentials, create, token
from test_operations import Client
from test_orders import OFFICIAL, SERVER, exact

MASTER = "demo-master"


class House(Meter):
    """A sandbox with a member that its master has created in custody."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        self.master = Account(gateway, MASTER)
        self.name = f"kept-{time.monotonic_ns()}"
        own = client(gateway, MASTER)
        create(own, own("ListEnterpriseOrganizations").root_id, self.name, {"use_pri_mobile_phone": "Y"}, financial_custody=1)
        self.member = Client("cn", gateway, TokenCredentials(token(gateway, self.name, PASSWORD)))
        [listed] = own("ListEnterpriseSubCustomers", sub_customer_account_name=self.name).sub_customer_infos
        self.id = listed.id

    def until(self, instant: datetime) -> list[dict[str, Any]]:
        """Moves the clock of the enterprise, which is no customer of the partner's."""
        return self.ask("POST", "clock", account=MASTER, action="ADVANCE", to=text(instant))["happened"]

    def buy(self, **more: Any) -> dict[str, Any]:
        return self.ask("POST", f"accounts/{self.name}/orders", lines=[SERVER], **more)

    def pays(self, order: str, **more: Any) -> None:
        """The master pays an order, through the SDK."""
        how = {"order_id": order, "use_coupon": "NO", "use_discount": "NO"} | more
        self.master("PayOrders", body=self.master.client.models.PayCustomerOrderV3Req(**how))

    def handed_over(self) -> list[str]:
        """The orders that the master has to pay."""
        return [order.order_id for order in self.master("ListCustomerOrders", method="sub_customer", status=6).order_infos]

    def bills(self, **filters: Any) -> list[Any]:
        """The member's bills, as its master sees them."""
        models = self.master.client.models
        whose = {"cycle": self.cycle, "method": "sub_customer", "sub_customer_id": self.id, "statistic_type": 3}
        body = models.QueryResRecordsDetailReq(**whose | filters)
        return self.master("ListCustomerselfResourceRecordDetails", body=body).monthly_records


@pytest.fixture(scope="module")
def house(world: World) -> Iterator[House]:
    with world.gateway(RAISED) as gateway:
        house = House(gateway)
        admin(gateway, "funds", "top-up", MASTER, "1000")
        yield house


def test_what_is_paid_automatically_is_paid_from_the_masters_balance_with_its_coupon(house: House) -> None:
    before = house.master.own_balance()
    coupon = admin(house.gateway, "coupons", "issue", MASTER, "20", "--days", "90")["coupon_id"]
    order = house.buy(auto_pay=True)
    assert (order["status"], order["paying_agent_id"]) == (3, house.master.id)
    paid = exact(order["amount_after_discount"])
    assert (0 < paid <= OFFICIAL - 20, house.master.own_balance()) == (True, before - paid)
    # The coupon is used up, and comes back with the refund.
    provided = [{"line": 1, "provided": False}]
    house.ask("POST", f"accounts/{house.name}/orders/{order['order_id']}/provisioning", lines=provided)
    assert house.master.own_balance() == before
    held = house.master("ListSubCustomerCoupons").user_coupons
    assert [exact(one.balance) for one in held if one.coupon_id == coupon] == [20]
    paid_by = {bill.payer_account_id for bill in house.bills()}
    assert (paid_by, len(house.bills(payer_account_id=house.master.id))) == ({house.master.id}, 2)
    assert house.bills(payer_account_id=house.id) == []
    # It pays again, and nothing is left of it for what follows.
    again = house.buy(auto_pay=True)
    assert house.master.own_balance() == before - exact(again["amount_after_discount"]) == before - paid


def test_what_is_paid_by_hand_is_handed_to_the_master(house: House) -> None:
    order = house.buy()["order_id"]
    pay = house.member.models.PayCustomerOrderV3Req(order_id=order, use_coupon="NO", use_discount="NO")
    assert refusal(lambda: house.member("PayOrders", body=pay)) == (400, "CBC.99003106")
    assert house.handed_over() == [order]
    assert house.master("ShowCustomerOrderDetails", order_id=order).order_info.customer_id == house.id
    coupon = admin(house.gateway, "coupons", "issue", MASTER, "20", "--days", "90")["coupon_id"]
    offered = house.master("ListOrderCouponsByOrderId", order_id=order)
    assert [held.coupon_id for held in offered.user_coupons] == [coupon]
    assert house.master("ListOrderDiscounts", order_id=order).discounts is not None
    before = house.master.own_balance()
    house.pays(order, use_coupon="YES", coupon_infos=[{"id": coupon, "type": 301}])
    assert house.master.own_balance() == before - (OFFICIAL - 20)
    assert house.handed_over() == []
    [listed] = house.master("ListCustomerOrders", method="sub_customer", order_id=order).order_infos
    assert (listed.agent_pay_info.is_agent_pay, listed.agent_pay_info.paying_agent_id) == (True, house.master.id)

    other = house.buy()["order_id"]
    cancel = house.master.client.models.CancelCustomerOrderReq(order_id=other)
    house.master("CancelCustomerOrder", body=cancel)
    assert house.member("ShowCustomerOrderDetails", order_id=other).order_info.status == 4


def test_an_hour_of_use_is_settled_from_the_masters_money(house: House) -> None:
    house.ask(
        "POST", f"accounts/{house.name}/on-demand-resources", resource_id="kept-server", name="kept-server",
        resource_type="hws.resource.type.vm", resource_spec="s6.large.2.linux", region="cn-north-4",
    )  # fmt: skip
    before, since = house.master.own_balance(), house.now
    house.until(since + timedelta(hours=3))
    record = {"record_id": "kept-1", "resource_id": "kept-server", "usage_type": "Duration", "quantity": 3600,
              "measure_id": 6, "from": text(since + timedelta(hours=1)), "until": text(since + timedelta(hours=2))}  # fmt: skip
    assert house.ask("POST", f"accounts/{house.name}/usage", records=[record])["taken"] == 1
    house.until(since + timedelta(hours=5))
    [bill] = house.bills(res_instance_id="kept-server")
    assert (bill.payer_account_id, bill.customer_id) == (house.master.id, house.id)
    cost = exact(bill.consume_amount)
    assert cost >= CENT and house.master.own_balance() == before - cost
    verified = run("verify-bills", DATABASE_URL=house.gateway.database_url)
    assert verified.returncode == 0, verified.stdout + verified.stderr
