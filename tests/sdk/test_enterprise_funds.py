"""Money and coupons between an enterprise's master account and its members, by the official SDK."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox import Gateway, World
from test_accounts import Account, refusal
from test_coupons import RAISED, admin, exact
from test_orders import OFFICIAL, SERVER
from wire import SECONDS, SdkAuth

MASTER, MEMBER = "demo-master", "demo-member-1"
DEBIT, CREDIT = "BALANCE_TYPE_DEBIT", "BALANCE_TYPE_CREDIT"


class Firm:
    """A sandbox with an enterprise, seen by its master account, a member and the operators."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.master, self.member = Account(gateway, MASTER), Account(gateway, MEMBER)
        self.operators = requests.Session()
        self.operators.headers["Authorization"] = f"Bearer {gateway.operator_token}"

    def body(self, name: str, **fields: Any) -> Any:
        return getattr(self.master.client.models, name)(customer_id=self.member.id, **fields)

    def give(self, amount: Any, **more: Any) -> None:
        body = self.body("TransferEnterpriseMultiAccountReq", amount=str(amount), **more)
        self.master("UpdateSubEnterpriseAmount", body=body)

    def take(self, amount: Any, **more: Any) -> None:
        body = self.body("RetrieveEnterpriseMultiAccountReq", amount=str(amount), **more)
        self.master("ReclaimSubEnterpriseAmount", body=body)

    def claim(self, coupon: str, amount: Any, **more: Any) -> str:
        body = self.body("TransferEnterpriseMultiAccountCouponReq", coupon_id=coupon, amount=str(amount), **more)
        return self.master("ClaimEnterpriseMultiAccountCoupon", body=body).sub_coupon_id

    def reclaim(self, coupon: str, part: str, **more: Any) -> Decimal:
        body = self.body("RetrieveEnterpriseMultiAccountCouponReq", coupon_id=coupon, sub_coupon_id=part, **more)
        return exact(self.master("ReclaimEnterpriseMultiAccountCoupon", body=body).real_retrieve_amout)

    def can_give(self, balance: str, **page: Any) -> list[Any]:
        return self.master("ShowMultiAccountTransferAmount", balance_type=balance, **page).amount_infos

    def can_take(self, balance: str, **page: Any) -> list[Any]:
        arguments = {"sub_customer_id": self.member.id, "balance_type": balance} | page
        return self.master("ListEnterpriseMultiAccount", **arguments).amount_infos

    def buy(self, **more: Any) -> None:
        """A server for a month, that the member orders and pays."""
        url = f"{self.gateway.operator_url}/admin/v1/accounts/{MEMBER}/orders"
        order = self.operators.post(url, json={"lines": [SERVER]}, timeout=SECONDS).json()["order_id"]
        how = {"order_id": order, "use_coupon": "NO", "use_discount": "NO"} | more
        self.member("PayOrders", body=self.member.client.models.PayCustomerOrderV3Req(**how))


@pytest.fixture(scope="module")
def firm(world: World) -> Iterator[Firm]:
    with world.gateway(RAISED) as gateway:
        yield Firm(gateway)


def test_a_member_buys_with_the_cash_it_was_given(firm: Firm) -> None:
    admin(firm.gateway, "funds", "top-up", MASTER, "1000")
    [cash] = firm.can_give(DEBIT)
    assert (exact(cash.avail_transfer_amount), cash.measure_id, cash.currency) == (1000, 1, "CNY")
    own = firm.member.own_balance()
    firm.give("300.00", trans_id="walk-1", balance_type=DEBIT)
    assert refusal(lambda: firm.give(300, trans_id="walk-1")) == (400, "CBC.99007009")
    firm.buy()
    [cash] = firm.can_take(DEBIT)
    left = own + 300 - OFFICIAL
    assert exact(cash.avail_retrieve_amount) == min(left, 300)
    assert refusal(lambda: firm.take(left + 1)) == (400, "CBC.99005003")
    firm.take(exact(cash.avail_retrieve_amount))
    assert exact(firm.can_take(DEBIT)[0].avail_retrieve_amount) == 0
    arguments = {"balance_type": DEBIT, "trade_type": "BEADJUST"}
    [record] = firm.master("ListCustomerAccountChangeRecords", **arguments).records
    assert (record.trade_detail_type, record.change_amount) == ("SOURCE_OPERATION_BEADJUST", "300.00")


def test_credit_is_given_in_the_parts_that_end_at_different_times(firm: Firm) -> None:
    end = (datetime.now(UTC) + timedelta(days=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    admin(firm.gateway, "funds", "grant-credit", MASTER, "40", "--expires-at", end)
    admin(firm.gateway, "funds", "grant-credit", MASTER, "60")
    assert [(exact(row.amount), row.expire_time) for row in firm.can_give(CREDIT)] == [(40, end), (60, None)]
    firm.give(50, balance_type=CREDIT)
    firm.give(30, balance_type=CREDIT, expire_time=end)
    assert [exact(row.avail_transfer_amount) for row in firm.can_give(CREDIT)] == [10, 10]
    assert [exact(row.credit_amount) for row in firm.can_take(CREDIT, offset=1, limit=1)] == [50]
    assert refusal(lambda: firm.take(51, balance_type=CREDIT)) == (400, "CBC.99005003")
    assert refusal(lambda: firm.take(1, balance_type=CREDIT, expire_time="2020-01-01T00:00:00Z")) == (400, "CBC.99007181")
    firm.take(50, balance_type=CREDIT)
    [balance] = [row for row in firm.member("ShowCustomerAccountBalances").account_balances if row.account_type == 2]
    assert (exact(balance.amount), exact(balance.credit_amount)) == (30, 30)


def test_a_member_buys_with_a_part_of_a_coupon(firm: Firm) -> None:
    main = admin(firm.gateway, "coupons", "issue", MASTER, "500", "--days", "90")["coupon_id"]
    listed = firm.master("ListMultiAccountTransferCoupons")
    assert [row.balance for row in listed.avail_transfer_coupons if row.coupon_id == main] == ["500.00"]
    part = firm.claim(main, 200, trans_id="walk-coupon")
    assert refusal(lambda: firm.claim(main, 200, trans_id="walk-coupon")) == (400, "CBC.99007009")
    firm.buy(use_coupon="YES", coupon_infos=[{"id": part, "type": 301}])
    [row] = firm.master("ListMultiAccountRetrieveCoupons", sub_customer_id=firm.member.id).avail_retrieve_coupons
    assert (row.coupon_id, row.sub_coupon_id, exact(row.balance)) == (main, part, 200 - OFFICIAL)
    assert firm.reclaim(main, part) == 200 - OFFICIAL
    assert refusal(lambda: firm.reclaim(main, part)) == (400, "CBC.99007004")
    records = firm.member("ListCustomerCouponChangeRecords", balance_type="BALANCE_TYPE_COUPON", coupon_id=part).records
    assert [record.trade_detail_type for record in records] == [
        "SOURCE_OPERATION_RETRIEVE",
        "SOURCE_OPERAIION_DEDEUCT",
        "SOURCE_OPERATION_TRANSFER",
    ]


@pytest.mark.parametrize("operation", ["ShowMultiAccountTransferAmount", "ListMultiAccountTransferCoupons"])
def test_only_a_master_account_asks(firm: Firm, operation: str) -> None:
    arguments = {"balance_type": DEBIT} if operation.startswith("Show") else {}
    for account in (firm.member, Account(firm.gateway, "demo-customer"), Account(firm.gateway, "demo-partner")):
        ask: Callable[[], Any] = lambda account=account: account(operation, **arguments)
        assert refusal(ask) == (403, "CBC.0151")


def test_the_old_forms_move_the_same_money(firm: Firm) -> None:
    admin(firm.gateway, "funds", "top-up", MASTER, "100")
    base = f"{firm.gateway.url}/v1.0/{firm.master.id}/customer/account-mgr"
    auth = SdkAuth(firm.gateway.accounts[MASTER])
    before = exact(firm.can_take(DEBIT)[0].avail_retrieve_amount)
    body = {"transId": "old-1", "balanceType": DEBIT, "subCustomerId": firm.member.id, "deductMode": "1"}
    done = requests.post(f"{base}/transfer", json=body | {"totalTransferAmount": "20"}, auth=auth, timeout=SECONDS)
    assert (done.status_code, done.json()["error_code"]) == (200, "CBC.0000"), done.text
    done = requests.post(f"{base}/retrieve", json=body | {"totalRetrieveAmout": "5"}, auth=auth, timeout=SECONDS)
    assert (done.status_code, done.json()["error_code"]) == (400, "CBC.99007009"), "one space for both"
    body["transId"] = "old-2"
    done = requests.post(f"{base}/retrieve", json=body | {"totalRetrieveAmout": "5"}, auth=auth, timeout=SECONDS)
    assert done.status_code == 200, done.text
    query = {"balance_type": DEBIT, "sub_customer_id": firm.member.id}
    shown = requests.get(f"{base}/retrieve-amount", params=query, auth=auth, timeout=SECONDS).json()
    assert exact(shown["amountInfo"][0]["availRetrieveAmount"]) == before + 15
    shown = requests.get(f"{base}/transfer-amount", params={"balance_type": CREDIT}, auth=auth, timeout=SECONDS).json()
    assert shown["totalCount"] == len(shown["amountInfo"])
