"""Coupons by the official SDK: quotas granted at the command line, split, issued from, reclaimed, and every list."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from sandbox import Gateway, World, run
from test_accounts import Account, account_id, refusal
from wire import SECONDS, signed

RAISED = {"BSS_QUOTAS_OVERRIDE": '{ "*" = "1000/1" }'}
OWN_BALANCE = {"balance_type": "BALANCE_TYPE_COUPON"}


@pytest.fixture(scope="module")
def shop(world: World) -> Iterator[Gateway]:
    """A gateway whose coupons only these tests change."""
    with world.gateway(RAISED) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def second(shop: Gateway) -> str:
    """A second customer of demo-partner."""
    created = admin(shop, "account", "create", "further-customer", "--kind", "customer", "--parent", "demo-partner")
    return created["domain_id"]


def admin(gateway: Gateway, *arguments: str) -> Any:
    done = run("admin", "--json", *arguments, DATABASE_URL=gateway.database_url)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def grant(gateway: Gateway, owner: str, value: str, *more: str) -> str:
    return admin(gateway, "coupons", "grant", owner, value, *more)["quota_id"]


class Issuer(Account):
    """A partner or distributor; `below` names the reseller it acts for."""

    below: dict[str, str] = {}

    def quotas(self, **filters: Any) -> Any:
        body = self.client.models.QueryCouponQuotasReqExt(**self.below, **filters)
        return self("ListQuotaCoupons", body=body)

    def balance_of(self, quota: str) -> Decimal:
        [row] = self.quotas(quota_ids=[quota]).quotas
        return exact(row.balance)

    def issue(self, quota: str, customers: list[str], face_value: Any, **more: Any) -> Any:
        body = self.client.models.CreatePartnerCouponsReq(
            quota_id=quota, customer_ids=customers, face_value=face_value, **self.below, **more
        )
        return self("CreatePartnerCoupons", body=body)

    def reclaim_coupon(self, coupon: str) -> None:
        self("ReclaimPartnerCoupons", body=self.client.models.ReclaimPartnerCouponsReq(coupon_id=coupon, **self.below))

    def issued(self, **filters: Any) -> Any:
        return self("ListIssuedPartnerCoupons", **self.below, **filters)

    def records(self, **filters: Any) -> Any:
        return self("ListPartnerCouponsRecord", **self.below, **filters)

    def split(self, quota: str, resellers: list[str], amount: Any) -> Any:
        body = self.client.models.AdjustCouponQuotasReq(
            quota_id=quota, indirect_partner_ids=resellers, quota_amount=amount
        )
        return self("UpdateCouponQuotas", body=body)

    def take_back(self, quotas: list[str], remark: str = "") -> Any:
        body = self.client.models.ReclaimCouponQuotasReq(quota_ids=quotas, remark=remark)
        return self("ReclaimCouponQuotas", body=body)


def exact(number: Any) -> Decimal:
    """The SDK reads amounts as binary fractions, whose shortest text is what was sent."""
    return Decimal(str(number))


def failures(answer: Any) -> list[tuple[str, str]]:
    return [(detail.id, detail.error_code) for detail in answer.error_details]


@pytest.mark.parametrize("over", ["keys", "tokens"])
def test_a_partner_issues_reclaims_and_reads_every_list(
    shop: Gateway, second: str, log_in: Callable[..., requests.Response], over: str
) -> None:
    by_token = log_in if over == "tokens" else None
    partner, customer = Issuer(shop, "demo-partner", by_token), Account(shop, "demo-customer", by_token)
    foreign = account_id(shop, "reseller-customer")
    quota = grant(shop, "demo-partner", "100", "--limit", "maxDeductionRatio=0.5", "--days", "90")
    [row] = partner.quotas(quota_ids=[quota]).quotas
    assert (row.quota_type, row.quota_status, row.quota_value, row.balance, row.currency) == (0, 0, 100, 100, "CNY")
    assert [(limit.limit_key, limit.limit_values[0].value1) for limit in row.limit_infos] == [("maxDeductionRatio", "0.5")]

    # One of three is a customer of somebody else: two coupons and one error.
    answer = partner.issue(quota, [customer.id, foreign, second], Decimal("12.34"), memo="For the first project")
    assert failures(answer) == [(foreign, "CBC.99000035")]
    given = {info.id: info.coupon_id for info in answer.coupon_infos}
    assert given.keys() == {customer.id, second}
    assert partner.balance_of(quota) == Decimal("75.32")

    [mine] = partner.issued(coupon_id=given[customer.id]).user_coupons
    assert (mine.status, mine.coupon_type) == (2, 1)
    assert exact(mine.face_value) == exact(mine.balance) == Decimal("12.34")
    assert (mine.customer_id, mine.promotion_plan_desc) == (customer.id, "For the first project")
    assert (mine.effective_time, mine.expire_time) == (row.effective_time, row.expire_time)
    [limit] = mine.use_limits
    assert (limit.limit_key, limit.value1) == ("maxDeductionRatio", "0.5")
    [own] = customer("ListSubCustomerCoupons", coupon_id=given[customer.id]).user_coupons
    assert (own.status, exact(own.balance), own.source_id) == (2, Decimal("12.34"), partner.id)
    both = partner.issued(limit=2).user_coupons
    assert {coupon.coupon_id for coupon in both} == set(given.values())

    partner.reclaim_coupon(given[customer.id])
    assert partner.balance_of(quota) == Decimal("87.66")
    assert partner.issued(coupon_id=given[customer.id], status=5).total_count == 1
    # The one that was refused is on record as well.
    records = partner.records(quota_id=quota, result="0")
    rows = [(row.operation_type, row.coupon_id, exact(row.operation_amount), row.result) for row in records.records]
    assert rows[0] == ("2", given[customer.id], Decimal("12.34"), "0")
    assert sorted(rows[1:]) == sorted(("1", coupon, Decimal("12.34"), "0") for coupon in given.values())
    assert partner.records(quota_id=quota, operation_types=["2"]).total_count == 1
    assert partner.records(quota_id=quota, operation_types=["1", "2"], result="0").total_count == 3
    assert partner.records(quota_id=quota, result="-1").total_count == 1
    changes = customer("ListCustomerCouponChangeRecords", **OWN_BALANCE, coupon_id=given[customer.id])
    assert [(row.trade_detail_type, row.change_amount, row.balance_after_change) for row in changes.records] == [
        ("SOURCE_OPERATION_COUPONCANCEL", "12.34", "0.00"),
        ("SOURCE_OPERAIION_PRIZE", "12.34", "12.34"),
    ]
    assert shop_is_proved(shop)


def shop_is_proved(gateway: Gateway) -> bool:
    proved = run("verify-ledger", DATABASE_URL=gateway.database_url)
    return proved.returncode == 0 and ", 0 wrong" in proved.stdout


def test_a_distributor_splits_a_quota_and_issues_for_its_reseller(shop: Gateway) -> None:
    distributor = Issuer(shop, "demo-distributor")
    reseller, customer = Account(shop, "demo-reseller"), Account(shop, "reseller-customer")
    foreign = account_id(shop, "demo-customer")
    quota = grant(shop, "demo-distributor", "1000")
    answer = distributor.split(quota, [reseller.id, foreign], Decimal("300.50"))
    assert failures(answer) == [(foreign, "CBC.99000037")]
    [info] = answer.simple_quota_infos
    child, to = info.quota_id, {"indirect_partner_id": reseller.id}
    assert info.id == reseller.id
    assert distributor.balance_of(quota) == Decimal("699.50")
    [shown] = distributor("ListIssuedCouponQuotas", **to, quota_id=child).quotas
    assert (shown.parent_quota_id, exact(shown.balance), shown.indirect_partner_account_name) == (
        quota,
        Decimal("300.50"),
        "demo-reseller",
    )

    for_reseller = Issuer(shop, "demo-distributor")
    for_reseller.below = to
    answer = for_reseller.issue(child, [customer.id, foreign], "100.25")
    assert failures(answer) == [(foreign, "CBC.99000035")]
    [one] = answer.coupon_infos
    assert for_reseller.balance_of(child) == Decimal("200.25")
    assert for_reseller.issued(customer_id=customer.id, limit=1).user_coupons[0].coupon_id == one.coupon_id
    assert distributor.issued(coupon_id=one.coupon_id).total_count == 0, "the reseller issued it"
    for_reseller.reclaim_coupon(one.coupon_id)
    assert for_reseller.balance_of(child) == Decimal("300.50")
    assert [row.operation_type for row in for_reseller.records(quota_id=child, result="0").records] == ["2", "1"]
    [kept] = for_reseller.issue(child, [customer.id], 50).coupon_infos

    # What is left of the reseller's quota goes back, and the coupon stays good: what it does not pay goes there too.
    [gone] = distributor.take_back([child], "end of the year").simple_quota_infos
    assert (gone.quota_id, gone.quota_balance) == (child, 0)
    assert distributor.balance_of(quota) == 950
    assert failures(distributor.take_back([child])) == [(child, "CBC.99000012")]
    assert for_reseller.quotas(quota_ids=[child]).total_count == 0
    assert distributor("ListIssuedCouponQuotas", quota_id=child).quotas[0].quota_status == 6
    for_reseller.reclaim_coupon(kept.coupon_id)
    assert distributor.balance_of(quota) == 1000
    records = distributor("ListCouponQuotasRecords", **to, parent_quota_id=quota)
    assert [(row.operation_type, exact(row.amount), row.remark, row.operator) for row in records.records] == [
        ("11", Decimal("250.50"), "end of the year", "demo-distributor"),
        ("10", Decimal("300.50"), "", "demo-distributor"),
    ]
    assert distributor("ListCouponQuotasRecords", operation_type="11", quota_id=child).total_count == 1
    assert shop_is_proved(shop)


def test_refusals(shop: Gateway, second: str) -> None:
    partner, distributor = Issuer(shop, "demo-partner"), Issuer(shop, "demo-distributor")
    customer, referral = Account(shop, "demo-customer"), Account(shop, "referral-customer")
    quota = grant(shop, "demo-partner", "10", "--face-min", "2", "--face-max", "8")
    assert refusal(lambda: partner.issue("none", [customer.id], 5)) == (400, "CBC.99000012")
    assert refusal(lambda: partner.issue(quota, [customer.id], "1.99")) == (400, "CBC.99000018")
    assert refusal(lambda: partner.issue(quota, [customer.id], "8.01")) == (400, "CBC.99000019")
    assert refusal(lambda: partner.issue(quota, [partner.id], 5)) == (400, "CBC.99000025")
    assert refusal(lambda: partner.issue(quota, [customer.id], 5, product_ids=["none"])) == (400, "CBC.50000054")
    assert refusal(lambda: partner.issue(quota, [customer.id], 5, cloud_service_types=["none"])) == (400, "CBC.50000055")
    assert failures(partner.issue(quota, [referral.id], 5)) == [(referral.id, "CBC.99000014")]
    both = partner.issue(quota, [customer.id, second], 6)
    assert [code for _, code in failures(both)] == ["CBC.99000013"], "the quota lasts for the first"
    later = grant(shop, "demo-partner", "10", "--starts-in-days", "1")
    assert refusal(lambda: partner.issue(later, [customer.id], 5)) == (400, "CBC.99000017")
    admin(shop, "coupons", "set-status", "demo-partner", quota, "frozen")
    assert refusal(lambda: partner.issue(quota, [customer.id], 2)) == (400, "CBC.99000012")
    assert partner.quotas(quota_status_list=[5]).total_count == 1
    wrong = {"indirect_partner_id": customer.id}
    assert refusal(lambda: distributor("ListIssuedPartnerCoupons", **wrong)) == (400, "CBC.99000037")
    assert refusal(lambda: partner.split(quota, [customer.id], 1)) == (403, "CBC.0151")
    assert refusal(lambda: customer("ListCustomerCouponChangeRecords", balance_type="OTHER")) == (400, "CBC.0100")


def test_a_coupon_that_is_over_is_refused_with_200(shop: Gateway) -> None:
    """The SDK takes an answer of 200 for a success without looking inside, so this reads the bytes."""
    partner = Issuer(shop, "demo-partner")
    quota = grant(shop, "demo-partner", "10")
    [coupon] = partner.issue(quota, [account_id(shop, "demo-customer")], 1).coupon_infos
    path, body = "/v2/promotions/benefits/partner-coupons/reclaim", json.dumps({"coupon_id": coupon.coupon_id})
    answers = []
    for _ in range(2):
        headers = {"Content-Type": "application/json"}
        request = signed(shop, "demo-partner", "POST", path, data=body.encode(), headers=headers)
        answers.append(requests.Session().send(request, timeout=SECONDS))
    assert (answers[0].status_code, answers[0].content) == (204, b"")
    assert (answers[1].status_code, answers[1].json()["error_code"]) == (200, "CBC.99000048")
    assert partner.balance_of(quota) == 10


def test_the_vendors_staff_withdraw_convert_and_issue_coupons_of_their_own(shop: Gateway) -> None:
    partner, customer = Issuer(shop, "demo-partner"), Account(shop, "demo-customer")
    quota = grant(shop, "demo-partner", "50", "--flexi")
    assert partner.quotas(quota_type=1, quota_ids=[quota]).total_count == 1
    [flexi] = partner.issue(quota, [customer.id], 20).coupon_infos
    assert partner.issued(coupon_id=flexi.coupon_id, coupon_type=4).total_count == 1
    assert admin(shop, "coupons", "withdraw", "demo-partner", quota)["withdrawn"] == "30.00"
    assert refusal(lambda: partner.issue(quota, [customer.id], 1)) == (400, "CBC.99000012")

    named = ["--kind", "discount", "--name", "Spring", "--limit", "subscribeType=new"]
    own = admin(shop, "coupons", "issue", "demo-customer", "0.9", *named)["coupon_id"]
    [shown] = customer("ListSubCustomerCoupons", coupon_id=own).user_coupons
    assert (shown.coupon_type, exact(shown.face_value), shown.plan_name) == (2, Decimal("0.9"), "Spring")
    assert (shown.coupon_version, shown.source_id) == (1, "")
    assert partner.issued(coupon_id=own).total_count == 0

    fresh = grant(shop, "demo-partner", "5")
    admin(shop, "coupons", "convert", "demo-partner")
    assert refusal(lambda: partner.issue(fresh, [customer.id], 1)) == (400, "CBC.50000010")
    admin(shop, "coupons", "convert", "demo-partner", "--undo")
    assert partner.issue(fresh, [customer.id], 1).error_details == []
    listed = {row["quota_id"]: row for row in admin(shop, "coupons", "quotas", "demo-partner")}
    assert (listed[fresh]["balance"], listed[quota]["status"]) == ("4.00", "reclaimed")
    assert shop_is_proved(shop)


def test_a_coupon_is_valid_as_it_was_asked(shop: Gateway) -> None:
    partner, customer = Issuer(shop, "demo-partner"), Account(shop, "demo-customer")
    quota = grant(shop, "demo-partner", "10")
    start = datetime.now(UTC) + timedelta(days=1)
    times = {"valid_time": write(start), "expire_time": write(start + timedelta(days=2))}
    [later] = partner.issue(quota, [customer.id], 1, **times).coupon_infos
    [shown] = partner.issued(coupon_id=later.coupon_id).user_coupons
    assert (shown.status, shown.effective_time, shown.expire_time) == (1, *times.values())
    around = {"effective_time_begin": write(start - timedelta(seconds=1)), "effective_time_end": write(start)}
    assert partner.issued(coupon_id=later.coupon_id, **around).total_count == 0, "the ends are excluded"
    around["effective_time_end"] = write(start + timedelta(seconds=1))
    assert partner.issued(coupon_id=later.coupon_id, **around).total_count == 1
    wide = {"expire_time": write(start + timedelta(days=4000))}
    assert refusal(lambda: partner.issue(quota, [customer.id], 1, **wide)) == (400, "CBC.0100")


def write(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
