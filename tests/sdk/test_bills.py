"""Usage and bills by the official SDK: what services report is charged, what orders cost is billed, and all lists agree."""

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from sandbox import Gateway, World, run
from test_accounts import refusal
from test_coupons import RAISED
from test_orders import CUSTOMER, Stall, exact

CENT = Decimal("0.01")
CHINA = timezone(timedelta(hours=8))
HOUR = timedelta(hours=1)
# So many seconds of each hour, so that something is cut off below a cent.
USED = 1_000


def text(instant: datetime) -> str:
    return instant.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Meter(Stall):
    """A sandbox in which services report what resources use."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(gateway)
        # Its clock stands in the middle of a month, so that no test runs over the end of one.
        now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
        self.now = now.astimezone(CHINA).replace(day=16, hour=12).astimezone(timezone.utc)
        if self.now < now:
            self.now = (self.now.replace(day=1) + timedelta(days=32)).replace(day=16)
        self.until(self.now)
        self.cycle = self.now.astimezone(CHINA).strftime("%Y-%m")

    def until(self, instant: datetime) -> list[dict[str, Any]]:
        """Moves the clock, and what falls due on the way happens."""
        return self.ask("POST", "clock", account="demo-partner", action="ADVANCE", to=text(instant))["happened"]

    def open(self, resource: str) -> None:
        self.ask(
            "POST",
            f"accounts/{CUSTOMER}/on-demand-resources",
            resource_id=resource,
            name=resource,
            resource_type="hws.resource.type.vm",
            resource_spec="s6.large.2.linux",
            region="cn-north-4",
        )

    def report(self, resource: str, since: datetime, hours: int) -> dict[str, Any]:
        records = [
            {
                "record_id": f"{resource}-{hour}",
                "resource_id": resource,
                "usage_type": "Duration",
                "quantity": USED,
                "measure_id": 6,
                "from": text(since + hour * HOUR),
                "until": text(since + (hour + 1) * HOUR),
            }
            for hour in range(hours)
        ]
        return self.ask("POST", f"accounts/{CUSTOMER}/usage", records=records)

    def fees(self, **filters: Any) -> Any:
        return self.customer("ListCustomerBillsFeeRecords", bill_cycle=self.cycle, **filters)

    def records(self, **filters: Any) -> Any:
        return self.customer("ListCustomerselfResourceRecords", cycle=self.cycle, **filters)

    def resource_details(self, **filters: Any) -> Any:
        body = self.customer.client.models.QueryResRecordsDetailReq(cycle=self.cycle, **filters)
        return self.customer("ListCustomerselfResourceRecordDetails", body=body)

    def sum(self, **filters: Any) -> Any:
        return self.customer("ShowCustomerMonthlySum", bill_cycle=self.cycle, **filters)

    def official(self) -> Decimal:
        """What an hour of which so much is used costs, in eight digits."""
        return (self.hourly() * USED / 3600).quantize(Decimal("1e-8"), ROUND_DOWN)

    def hourly(self) -> Decimal:
        models = self.customer.client.models
        item = models.DemandProductInfo(
            id="1",
            cloud_service_type="hws.service.type.ec2",
            resource_type="hws.resource.type.vm",
            resource_spec="s6.large.2.linux",
            region="cn-north-4",
            usage_factor="Duration",
            usage_value=1,
            usage_measure_id=4,
            subscription_num=1,
        )
        body = models.RateOnDemandReq(project_id="any", inquiry_precision=1, product_infos=[item])
        return exact(self.customer("ListOnDemandResourceRatings", body=body).official_website_amount)


@pytest.fixture(scope="module")
def meter(world: World) -> Iterator[Meter]:
    with world.gateway(RAISED) as gateway:
        meter = Meter(gateway)
        meter.partner.allocate(meter.customer, 20_000)
        yield meter


def paid(row: Any) -> Decimal:
    """What paid a fee record, added up."""
    names = ["cash", "credit", "coupon", "flexipurchase_coupon", "stored_value_card", "bonus", "debt", "writeoff"]
    return sum((exact(getattr(row, f"{name}_amount")) for name in names), Decimal(0))


def test_use_is_charged_and_all_lists_agree(meter: Meter) -> None:
    meter.open("server")
    hourly = meter.official()
    cents = hourly.quantize(CENT, ROUND_DOWN)
    since = meter.now - 6 * HOUR
    assert meter.report("server", since, 5)["taken"] == 5
    assert meter.report("server", since, 5) == {"taken": 0, "repeated": 5, "aside": [], "refused": []}
    before = meter.customer.own_balance()
    happened = meter.until(meter.now + HOUR)
    assert ("usage.settled", 5) in [(event["kind"], event["count"]) for event in happened]

    fees = meter.fees(bill_type=5)
    assert fees.total_count == 5
    # The world's coupons pay first.
    assert meter.customer.own_balance() == before - sum(exact(fee.cash_amount) for fee in fees.records)
    assert [fee.consume_time for fee in fees.records] == [text(since + hour * HOUR) for hour in range(4, -1, -1)]
    for fee in fees.records:
        amounts = [fee.official_amount, fee.official_discount_amount, fee.erase_amount, fee.consume_amount]
        official, discount, erased, consumed = map(exact, amounts)
        assert (official, official - discount - erased, paid(fee)) == (hourly, consumed, consumed)
        assert (consumed, erased, fee.status) == (cents, hourly - cents, 1)
    # The same by the cycle, by the day and one by one; by GET and by POST.
    for statistic, count in [(1, 1), (2, 1), (3, 5)]:
        records = meter.records(statistic_type=statistic, resource_id="server")
        details = meter.resource_details(statistic_type=statistic, res_instance_id="server")
        assert (records.total_count, details.total_count) == (count, count)
        assert sum(exact(row.amount) for row in records.fee_records) == 5 * cents
        assert sum(exact(row.consume_amount) for row in details.monthly_records) == 5 * cents
        assert sum(exact(row.usage) for row in records.fee_records) == 5 * USED
    single = meter.records(resource_id="server").fee_records[0]
    assert (exact(single.unit_price), single.unit, single.usage_type) == (meter.hourly(), "元/小时", "Duration")
    assert meter.records(resource_id="server", bill_date_begin=f"{meter.cycle}-01", bill_date_end=f"{meter.cycle}-02").total_count == 0
    of_use = [row for row in meter.sum().bill_sums if row.charging_mode == 3]
    assert [(exact(row.consume_amount), exact(row.truncated_amount)) for row in of_use] == [(5 * cents, 5 * (hourly - cents))]

    customer = fees.records[0].customer_id
    seen = meter.partner("ListSubCustomerBillDetail", bill_cycle=meter.cycle, customer_id=customer, limit=100)
    assert sum(exact(row.payment_amount) for row in seen.fee_records if row.bill_detail_type == 5) == 5 * cents
    body = meter.partner.client.models.ListConsumeSubCustomersReq(bill_cycle=meter.cycle)
    assert customer in [row.customer_id for row in meter.partner("ListConsumeSubCustomers", body=body).sub_customers]
    monthly = meter.partner("ListSubcustomerMonthlyBills", cycle=meter.cycle, charge_mode="3", customer_id=customer)
    assert [(exact(row.amount), row.bill_type) for row in monthly.bill_sums] == [(5 * cents, "0")]


def test_orders_and_refunds_are_billed_where_they_are_paid(meter: Meter) -> None:
    order = meter.order()
    meter.pay(order)
    fee = meter.fees(trade_id=order).records[0]
    assert (fee.bill_type, fee.charging_mode, exact(fee.erase_amount)) == (1, 1, 0)
    assert exact(fee.consume_amount) == paid(fee) == exact(meter.details(order).order_info.official_amount)
    server = meter.provided(order)
    assert meter.records(resource_id=server).fee_records[0].trade_id == order
    body = meter.customer.client.models.UnsubscribeResourcesReq(resource_ids=[server], unsubscribe_type=1)
    meter.customer("CancelResourcesSubscription", body=body)
    refund = meter.fees(bill_type=4).records[0]
    assert exact(refund.consume_amount) == -exact(fee.consume_amount)
    total, pages = meter.fees().total_count, []
    for offset in range(0, total + 3, 3):
        pages += meter.fees(offset=offset, limit=3).records
    assert len({row.id for row in pages}) == len(pages) == total
    everything = meter.sum(limit=100)
    assert exact(everything.consume_amount) == sum(exact(row.consume_amount) for row in pages)
    assert exact(everything.cash_amount) == sum(exact(row.cash_amount) for row in pages)


def test_bandwidth_is_charged_by_its_95th_percentile(meter: Meter) -> None:
    asked = {
        "bill_cycle": meter.cycle,
        "service_type_code": "hws.service.type.cdn",
        "resource_type_code": "hws.resource.type.cdn",
        "usage_type": "95Peak",
    }
    assert meter.customer("ListResourceUsageSummary", **asked).total_count == 0
    assert meter.customer("ListResourceUsage", **asked, resource_id="none").actual_days == "0"
    wrong = refusal(lambda: meter.customer("ListResourceUsageSummary", **asked | {"usage_type": "Duration"}))
    assert wrong == (400, "CBC.0100")


def test_a_month_that_is_closed_answers_the_same_for_ever(meter: Meter) -> None:
    assert "bill.closed" in [event["kind"] for event in meter.advance(25)]
    hourly = meter.official()
    erased = 5 * (hourly - hourly.quantize(CENT, ROUND_DOWN))
    made_up = erased.quantize(CENT, ROUND_DOWN)
    charged = meter.fees(bill_type=25).records
    assert sum(exact(row.consume_amount) for row in charged) == made_up
    closed = [str(meter.fees(limit=100)), str(meter.records(limit=100)), str(meter.sum(limit=100))]
    meter.open("late")
    assert meter.report("late", meter.now - 6 * HOUR, 2)["taken"] == 2
    meter.advance(1)
    again = [str(meter.fees(limit=100)), str(meter.records(limit=100)), str(meter.sum(limit=100))]
    assert again == closed
    verified = run("verify-bills", DATABASE_URL=meter.gateway.database_url)
    assert verified.returncode == 0, verified.stdout


def test_what_bills_refuse(meter: Meter) -> None:
    for operation, filters, field in [
        ("ListCustomerBillsFeeRecords", {"bill_cycle": "2026-13"}, "bill_cycle"),
        ("ListCustomerBillsFeeRecords", {"bill_cycle": meter.cycle, "limit": 1001}, "limit"),
        ("ListCustomerBillsFeeRecords", {"bill_cycle": meter.cycle, "method": "sub_customer"}, "sub_customer_id"),
        ("ListCustomerBillsFeeRecords", {"bill_cycle": meter.cycle, "bill_date_begin": "2020-01-01"}, "bill_date_begin"),
        ("ListCustomerselfResourceRecords", {"cycle": meter.cycle, "charge_mode": ""}, "charge_mode"),
        ("ShowCustomerMonthlySum", {"bill_cycle": "soon"}, "bill_cycle"),
    ]:
        with pytest.raises(ClientRequestException) as caught:
            meter.customer(operation, **filters)
        assert (caught.value.status_code, caught.value.error_code) == (400, "CBC.0100")
        assert f"Parameter error. {field}: " in caught.value.error_msg
