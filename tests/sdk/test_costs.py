"""Costs and invoices by the official SDK: what was paid counts on its days, and is invoiced once."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import Any

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials

from sandbox import World
from test_accounts import refusal
from test_bills import CENT, CHINA, HOUR, Meter, text
from test_coupons import RAISED
from test_operations import Client
from test_orders import CUSTOMER, exact
from wire import SECONDS, SdkAuth

DAY = timedelta(days=1)


def months(first: date, last: date) -> list[str]:
    return sorted({f"{first + number * DAY:%Y-%m}" for number in range((last - first).days + 1)})


def by_months(amount: Decimal, first: date, last: date) -> dict[str, Decimal]:
    """What each month counts of an amount: going from day to day, each cut to 8 decimals, the last one with the rest."""
    days = [first + number * DAY for number in range((last - first).days + 1)]
    each = (amount / len(days)).quantize(Decimal("1e-8"), ROUND_DOWN)
    counted = dict.fromkeys(months(first, last), Decimal(0))
    for day in days:
        counted[f"{day:%Y-%m}"] += each
    counted[f"{last:%Y-%m}"] += amount - each * len(days)
    return counted


class CostCentre(Meter):
    """A sandbox whose costs are looked at."""

    def costs(self, first: str, last: str, *keys: str, kind: str = "AMORTIZED_COST", amount: str = "PAYMENT_AMOUNT") -> Any:
        models = self.customer.client.models
        condition = models.TimeCondition(time_measure_id=2 if len(first) == 7 else 1, begin_time=first, end_time=last)
        groups = [models.GroupBy(type="dimension", key=key) for key in keys]
        body = models.ListCostsReq(time_condition=condition, groupby=groups, cost_type=kind, amount_type=amount, limit=1000)
        return self.customer("ListCosts", body=body)

    def of_month(self, month: str, **filters: Any) -> Any:
        return self.customer("ListCustomerBillsMonthlyBreakDown", shared_month=month, limit=1000, **filters)


@pytest.fixture(scope="module")
def centre(world: World) -> Iterator[CostCentre]:
    with world.gateway(RAISED) as gateway:
        centre = CostCentre(gateway)
        centre.partner.allocate(centre.customer, 20_000)
        yield centre


def total(rows: list[Any], name: str) -> Decimal:
    return sum((exact(getattr(row, name)) for row in rows), Decimal(0))


def test_what_was_paid_is_invoiced_once(centre: CostCentre) -> None:
    """Asked for in the partner's own interface, issued by operators, listed in the vendor's form.

    Before the others: what they give back would lower this invoice.
    """
    account = centre.gateway.accounts["demo-partner"]

    def send(method: str, path: str, **body: Any) -> requests.Response:
        return requests.request(
            method, f"{centre.gateway.url}/partner/v1/{path}", json=body or None, auth=SdkAuth(account), timeout=SECONDS
        )

    def ask(method: str, path: str, **body: Any) -> Any:
        answer = send(method, path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    order = centre.order()
    centre.pay(order)
    paid = exact(centre.details(order).order_info.amount_after_discount)
    title = ask("POST", "invoice-titles", title_type=1, invoice_title="Example Trading", tax_number="91520900MA6J6CBN9Q")
    wanted = {"order_ids": [order], "invoice_type": 1, "medium": "digital", "email": "a@example.com"} | title
    before = exact(ask("GET", "invoices/amounts")["invoiceable_amount"])
    invoice = ask("POST", "invoices", **wanted)
    assert exact(ask("GET", "invoices/amounts")["invoiceable_amount"]) == before - exact(invoice["amount"])
    of_order = [item for item in invoice["items"] if item["order_id"] == order]
    assert [exact(item["amount"]) for item in of_order] == [paid]
    assert send("POST", "invoices", **wanted).status_code == 400
    issued = centre.ask("POST", f"accounts/demo-partner/invoices/{invoice['invoice_id']}/issue", invoice_no="2631-1")
    assert issued["status"] == "issued"

    asked = datetime.fromisoformat(invoice["request_time"])
    client = Client("intl", centre.gateway, GlobalCredentials(account.access_key, account.secret_key, centre.partner.id))
    listed = client("ListInvoices", start_time=text(asked - HOUR), end_time=text(asked + HOUR), offset=1, limit=10)
    assert (listed.count, listed.invoices[0].invoice_no) == (1, "2631-1")
    assert exact(listed.invoices[0].invoice_amount) == exact(invoice["amount"])
    assert (listed.invoices[0].invoice_state, listed.invoices[0].title_type) == (8, 1)


def test_costs_are_what_was_paid_on_its_days(centre: CostCentre) -> None:
    order = centre.order()
    centre.pay(order)
    server = centre.provided(order)
    official = exact(centre.details(order).order_info.official_amount)
    bought = centre.now.astimezone(CHINA).date()
    ends = centre.resources(resource_ids=[server]).data[0].expire_time
    last = datetime.fromisoformat(ends).astimezone(CHINA).date()
    centre.open("metered")
    hours = 4
    assert centre.report("metered", centre.now - 6 * HOUR, hours)["taken"] == hours
    used = hours * centre.official().quantize(CENT, ROUND_DOWN)
    centre.advance(40)

    expected = by_months(official, bought, last)
    rows = {}
    for month, amount in expected.items():
        [row] = centre.of_month(month, resource_id=server).details
        rows[month] = row
        assert exact(row.current_month_amortized_amount) == amount
        parts = [row.past_months_amortized_amount, row.current_month_amortized_amount, row.future_months_amortized_amount]
        assert sum(map(exact, parts)) == exact(row.consume_amount) == official
        assert (row.order_id, row.charging_mode, row.bill_type) == (order, 1, 1)
    assert total(list(rows.values()), "current_month_amortized_amount") == official
    [row] = centre.of_month(centre.cycle, resource_id="metered").details
    assert (exact(row.current_month_amortized_amount), exact(row.past_months_amortized_amount)) == (used, 0)
    assert (row.usage_type, row.order_id) == ("Duration", None)
    assert datetime.fromisoformat(row.expire_time) - datetime.fromisoformat(row.effective_time) == hours * HOUR

    # The same told apart by resource: month by month, and as bills have it.
    first, until = min(expected), max(expected)
    groups = {group.dimensions[0].value: group for group in centre.costs(first, until, "RESOURCE_ID").cost_data}
    costs = {cost.time_dimension_value: Decimal(cost.amount) for cost in groups[server].costs}
    assert costs == expected
    assert Decimal(groups["metered"].amount_by_costs) >= used
    billed = centre.costs(first, until, "RESOURCE_ID", kind="ORIGINAL_COST")
    amounts = [Decimal(group.amount_by_costs) for group in billed.cost_data]
    assert amounts == sorted(amounts, reverse=True)
    # Costs and bills agree, and so do days and months.
    of_cycle = centre.costs(centre.cycle, centre.cycle, "CLOUD_SERVICE_TYPE", kind="ORIGINAL_COST")
    assert sum(Decimal(group.amount_by_costs) for group in of_cycle.cost_data) == exact(centre.sum().consume_amount)
    begin, end = f"{bought:%Y-%m-%d}", f"{last:%Y-%m-%d}"
    days = centre.costs(begin, end, "RESOURCE_ID", "CHARGING_MODE")
    [of_server] = [group for group in days.cost_data if group.dimensions[0].value == server]
    assert (of_server.dimensions[1].key, of_server.dimensions[1].value) == ("CHARGING_MODE", "1")
    assert len(of_server.costs) == (last - bought).days + 1
    assert sum(Decimal(cost.amount) for cost in of_server.costs) == official


def test_what_is_given_back_counts_no_longer(centre: CostCentre) -> None:
    order = centre.order()
    centre.pay(order)
    server = centre.provided(order)
    now = centre.ask("GET", f"accounts/{CUSTOMER}/orders/{order}")["created_at"]
    bought = datetime.fromisoformat(now).astimezone(CHINA).date()
    centre.advance(8)
    body = centre.customer.client.models.UnsubscribeResourcesReq(resource_ids=[server], unsubscribe_type=1)
    [back] = centre.customer("CancelResourcesSubscription", body=body).order_ids
    centre.advance(40)
    rows = [row for month in months(bought, bought + 48 * DAY) for row in centre.of_month(month, resource_id=server).details]
    kept = total(rows, "current_month_amortized_amount")
    paid = exact(centre.details(order).order_info.official_amount)
    returned = exact(centre.details(back).order_info.amount_after_discount)
    assert returned < 0
    assert kept == paid + returned
    assert {row.bill_type for row in rows} == {1, 4}


def test_what_costs_refuse(centre: CostCentre) -> None:
    assert refusal(lambda: centre.of_month("2020-01")) == (400, "CBC.0100")
    assert refusal(lambda: centre.costs("2026-13", "2026-14")) == (400, "CBC.0100")
    assert refusal(lambda: centre.costs(centre.cycle, centre.cycle, "WEATHER")) == (400, "CBC.0100")
