"""Prices by the official SDK: quotes equal what is worked out here from the price sheet, and what operators change shows."""

import csv
import json
import re
from collections.abc import Callable, Iterator
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from sandbox import REPOSITORY, Gateway, run, wait_until
from test_admin import Production, database_url, production  # noqa: F401
from test_operations import HOUR, MONTH, Client, TokenCredentials
from wire import SECONDS

REGION = "cn-north-4"
# How many hours, gigabytes and times are in one of a unit, by its id.
UNITS = {
    0: (4, 24),
    4: (4, 1),
    5: (4, Decimal(1) / 60),
    9: (10, 1024),
    10: (10, 1),
    14: (14, 1),
    31: (31, 1),
    33: (31, 1_000_000),
}


# The sandbox's price sheet, as it is exported.
ROWS: list[dict[str, str]] = []


@pytest.fixture(scope="module", autouse=True)
def sheet(gateway: Gateway) -> None:
    """Reads the prices that everything here is worked out from."""
    exported = run("admin", "prices", "export", DATABASE_URL=gateway.database_url)
    assert exported.returncode == 0, exported.stderr
    ROWS[:] = csv.DictReader(exported.stdout.splitlines())


def row(kind: str, spec: str, factor: str | None = None, currency: str = "CNY", region: str = REGION) -> dict[str, str]:
    """The row of a product; without a factor the one with its period prices."""
    [found] = [
        row
        for row in ROWS
        if (row["resource_type"], row["resource_spec"], row["currency"]) == (kind, spec, currency)
        and region in row["regions"].split("|")
        and (row["month"] if factor is None else row["usage_factor"] == factor.lower())
    ]
    return found


def along(row: dict[str, str], column: str, quantity: Decimal) -> Decimal:
    """What a quantity costs at the prices of a column."""
    prices = [Decimal(price) for price in row[column].split("|")]
    tiers = [Decimal(tier) for tier in row["tiers"].split("|")] if row["tiers"] and len(prices) > 1 else [Decimal(0)]
    if row["shape"] == "fixed":
        return prices[0] if quantity else Decimal(0)
    if row["shape"] == "stepped":
        return quantity * prices[max(index for index, tier in enumerate(tiers) if index == 0 or tier < quantity)]
    ends = [*tiers[1:], quantity]
    parts = (max(min(quantity, end) - begin, 0) * price for begin, end, price in zip(tiers, ends, prices, strict=True))
    return sum(parts, Decimal(0))


def usage_price(row: dict[str, str], value: str, unit: int, size: int, count: int) -> Decimal:
    base, ratio = UNITS[unit]
    assert base == int(row["measure_id"])
    quantity = Decimal(value) * ratio
    if row["tier_by"] == "size":
        amount = along(row, "on_demand", Decimal(size)) * quantity
    else:
        amount = along(row, "on_demand", quantity) * (size if row["size_measure_id"] else 1)
    return (amount * count).quantize(Decimal("0.000001"), ROUND_DOWN)


def period_price(row: dict[str, str], column: str, times: int, size: int, count: int) -> Decimal:
    by_size = row["tier_by"] == "size"
    amount = along(row, column, Decimal(size if by_size else 1)) * (
        1 if by_size or not row["size_measure_id"] else size
    )
    return (amount * times * count).quantize(Decimal("0.01"), ROUND_HALF_UP)


SERVICES = {
    "vm": "ec2", "volume": "ebs", "bandwidth": "vpc", "ip": "vpc", "obs": "obs", "rds.vm": "rds", "rds.volume": "rds",
    "dcs3": "dcs", "natgateway": "natgateway", "cce.cluster": "cce", "lts.logflow": "lts", "secmaster.typical": "sa",
    "elbv2": "elb", "waf": "waf", "pm": "baremetal", "sfs.turbo": "sfs",
}  # fmt: skip
# Kind, specification, factor, value, unit, size with unit, count.
USAGES: list[tuple[str, str, str, str, int, tuple[int, int] | None, int]] = [
    ("vm", "s6.large.2.linux", "Duration", "1", 4, None, 1),
    ("vm", "c7.2xlarge.2.win", "duration", "2", 0, None, 3),
    ("vm", "s6.large.2.linux", "DURATION", "7", 5, None, 1),
    ("volume", "SSD", "Duration", "24", 4, (40, 17), 1),
    ("volume", "GPSSD", "Duration", "1", 4, (32768, 17), 2),
    ("bandwidth", "19_bgp", "Duration", "3", 4, (5, 15), 1),
    ("bandwidth", "19_bgp", "Duration", "3", 4, (20, 15), 1),
    ("bandwidth", "12_bgp", "upflow", "4.5", 10, (1, 15), 1),
    ("ip", "5_bgp", "Duration", "720", 4, None, 1),
    ("obs", "obs.standard", "size", "37376000", 10, None, 1),
    ("obs", "obs.standard", "size", "500000000", 10, None, 1),
    ("obs", "obs.standard", "downloadexternal", "11", 9, None, 1),
    ("obs", "obs.standard", "download.cdn", "20000", 10, None, 1),
    ("obs", "obs.standard", "download.cdn", "20000.5", 10, None, 1),
    ("obs", "obs.standard", "reqNumber", "0.002", 33, None, 1),
    ("obs", "obs.cold", "get_cold", "1234567", 14, None, 1),
    ("obs", "obs.standard", "delete", "1000", 14, None, 1),
    ("rds.volume", "rds.mysql.volume.cloudssd", "Duration", "1", 4, (100, 17), 1),
    ("dcs3", "redis.single.xu1.large.1", "duration", "10", 4, None, 1),
    ("natgateway", "natgateway_small", "duration", "1", 0, None, 1),
    ("cce.cluster", "cce.s2.medium", "duration", "1", 4, None, 1),
    ("lts.logflow", "lts.log.flow", "traffic", "12.25", 10, None, 1),
    ("secmaster.typical", "secmaster.professional", "count", "99", 14, None, 2),
    ("elbv2", "21_instance", "Duration", "5", 4, None, 1),
    ("sfs.turbo", "sfs.turbo.standard", "duration", "2", 4, (600, 17), 1),
]
# Kind, specification, column, period type, periods, size with unit, count.
PURCHASES: list[tuple[str, str, str, int, int, tuple[int, int] | None, int]] = [
    ("vm", "s6.large.2.linux", "month", 2, 1, None, 1),
    ("vm", "c6.large.4.linux", "1_year", 3, 1, None, 2),
    ("vm", "c6.large.4.win", "3_years", 3, 3, None, 1),
    ("vm", "c6.large.4.win", "day", 0, 10, None, 1),
    ("pm", "physical.s4.large.linux", "month", 2, 3, None, 1),
    ("volume", "SSD", "month", 2, 5, (30, 17), 1),
    ("volume", "SAS", "2_years", 3, 2, (501, 17), 1),
    ("bandwidth", "19_bgp", "month", 2, 1, (5, 15), 1),
    ("bandwidth", "19_bgp", "1_year", 3, 1, (6, 15), 1),
    ("bandwidth", "19_share", "month", 2, 11, (50, 15), 1),
    ("ip", "5_bgp", "month", 2, 1, None, 10),
    ("rds.vm", "rds.mysql.n1.large.2.ha", "month", 2, 6, None, 1),
    ("rds.volume", "rds.mysql.volume.cloudssd", "month", 2, 6, (100, 17), 1),
    ("dcs3", "redis.single.xu1.large.1", "1_year", 3, 1, None, 1),
    ("natgateway", "natgateway_large", "month", 2, 1, None, 1),
    ("waf", "waf.enterprise", "1_year", 3, 1, None, 1),
    ("cce.cluster", "cce.s1.small", "day", 0, 7, None, 1),
]


def product(number: int, kind: str, spec: str, size: tuple[int, int] | None, count: int) -> dict[str, Any]:
    """The fields that usage and purchases share."""
    fields = {
        "id": str(number),
        "cloud_service_type": f"hws.service.type.{SERVICES[kind]}",
        "resource_type": f"hws.resource.type.{kind}",
        "resource_spec": spec,
        "region": REGION,
        "subscription_num": count,
    }
    return fields | ({"resource_size": size[0], "size_measure_id": size[1]} if size else {})


@pytest.fixture(scope="module")
def customer(gateway: Gateway) -> Client:
    account = gateway.accounts["demo-customer"]
    return Client("cn", gateway, GlobalCredentials(account.access_key, account.secret_key))


def ask_usage(client: Client, infos: list[dict[str, Any]], **more: Any) -> Any:
    body = client.models.RateOnDemandReq(project_id="any", product_infos=infos, **more)
    return client("ListOnDemandResourceRatings", body=body)


def ask_purchase(client: Client, infos: list[dict[str, Any]]) -> Any:
    body = client.models.RateOnPeriodReq(project_id="any", product_infos=infos)
    return client("ListRateOnPeriodDetail", body=body)


def test_usage_costs_what_the_sheet_says(customer: Client) -> None:
    infos, expected = [], []
    for number, (kind, spec, factor, value, unit, size, count) in enumerate(USAGES):
        usage = {"usage_factor": factor, "usage_value": Decimal(value), "usage_measure_id": unit}
        infos.append(product(number, kind, spec, size, count) | usage)
        found = row(f"hws.resource.type.{kind}", spec, factor)
        expected.append(usage_price(found, value, unit, size[0] if size else 1, count))
    assert len({info["resource_type"] for info in infos}) >= 12
    answer = ask_usage(customer, infos)
    assert [result.official_website_amount for result in answer.product_rating_results] == expected
    assert answer.official_website_amount == sum(expected)
    assert answer.amount == answer.official_website_amount - answer.discount_amount
    [discounted] = [result for result in answer.product_rating_results if result.discount_amount]
    assert discounted.id == str([usage[0] for usage in USAGES].index("rds.volume"))
    assert discounted.amount == (discounted.official_website_amount * Decimal("0.85")).quantize(
        Decimal("0.000001"), ROUND_DOWN
    )


def test_purchases_cost_what_the_sheet_says(customer: Client) -> None:
    infos, expected = [], []
    for number, (kind, spec, column, period_type, periods, size, count) in enumerate(PURCHASES):
        infos.append(product(number, kind, spec, size, count) | {"period_type": period_type, "period_num": periods})
        found = row(f"hws.resource.type.{kind}", spec)
        times = periods if column in ("day", "month") else 1
        expected.append(period_price(found, column, times, size[0] if size else 1, count))
    answer = ask_purchase(customer, infos)
    official = answer.official_website_rating_result
    assert [result.official_website_amount for result in official.product_rating_results] == expected
    assert official.official_website_amount == sum(expected)
    # The sandbox's customer has a discount on databases.
    [option] = answer.optional_discount_rating_results
    databases = [PURCHASES[int(result.id)][0].startswith("rds") for result in option.product_rating_results]
    paid = [
        (price * Decimal("0.85")).quantize(Decimal("0.01"), ROUND_HALF_UP) if database else price
        for price, database in zip(expected, databases, strict=True)
    ]
    assert [result.amount for result in option.product_rating_results] == paid
    assert (option.amount, option.discount_type, option.best_offer) == (sum(paid), 605, 1)


def test_every_sample_row_is_quoted_at_its_first_price(customer: Client) -> None:
    rows = [
        row for row in ROWS if row["currency"] == "CNY" and REGION in row["regions"].split("|") and row["on_demand"]
    ]
    services = {row["resource_type_code"]: row["service_type_code"] for row in catalogue()}
    infos = []
    for number, found in enumerate(rows):
        size = (
            {"resource_size": int(found["size_min"]), "size_measure_id": int(found["size_measure_id"])}
            if found["size_min"]
            else {}
        )
        infos.append({
            "id": str(number), "cloud_service_type": services[found["resource_type"]], "resource_type": found["resource_type"],
            "resource_spec": found["resource_spec"], "region": REGION, "usage_factor": found["usage_factor"],
            "usage_value": 1, "usage_measure_id": int(found["measure_id"]), "subscription_num": 1, **size,
        })  # fmt: skip
    assert len(infos) > 800
    for start in range(0, len(infos), 100):
        answer = ask_usage(customer, infos[start : start + 100], inquiry_precision=1)
        for found, result in zip(rows[start : start + 100], answer.product_rating_results, strict=True):
            expected = Decimal(found["on_demand"].split("|")[0]) * int(found["size_min"] or 1)
            assert result.official_website_amount == expected, found


def catalogue() -> list[dict[str, str]]:
    with (REPOSITORY / "src/products/seed/resource_types.csv").open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_a_renewal_counts_secondaries_always_and_associated_ones_if_asked(customer: Client) -> None:
    def ask(**change: Any) -> Any:
        fields = {"resource_ids": ["demo-server"], "period_type": 3, "period_num": 1} | change
        return customer("ListRenewRateOnPeriod", body=customer.models.ListRenewRateOnPeriodReq(**fields))

    server = period_price(row("hws.resource.type.vm", "s6.large.2.linux"), "1_year", 1, 1, 1)
    disk = period_price(row("hws.resource.type.volume", "SSD"), "1_year", 1, 40, 1)
    address = period_price(row("hws.resource.type.ip", "5_bgp"), "1_year", 1, 1, 1)
    alone = ask()
    assert Decimal(alone.official_website_rating_result.official_website_amount) == server + disk
    together = ask(include_relative_resources=True)
    amounts = {result.resource_id: Decimal(result.amount) for result in together.renew_inquiry_results}
    assert amounts == {"demo-server": server + disk, "demo-address": address}
    missing = ask(resource_ids=["demo-server", "demo-disk", "none"])
    reasons = {info.resource_id: info.error_code for info in missing.fail_resource_infos}
    assert reasons == {"demo-disk": "CBC.30050007", "none": "CBC.30050009"}


def test_the_sdk_understands_a_refusal(customer: Client) -> None:
    with pytest.raises(ClientRequestException) as refusal:
        ask_usage(customer, [HOUR | {"id": "seven", "resource_spec": "none"}])
    assert (refusal.value.status_code, refusal.value.error_code) == (400, "CBC.99006006")
    assert refusal.value.error_msg.endswith("(id seven)")


def test_a_partner_asks_with_its_customers_token_only(gateway: Gateway, token: str) -> None:
    partner = Client("cn", gateway, TokenCredentials(token))
    with pytest.raises(ClientRequestException) as refusal:
        ask_usage(partner, [HOUR])
    assert (refusal.value.status_code, refusal.value.error_code) == (403, "CBC.0151")

    agency = {"domain_name": "demo-customer", "agency_name": "demo-agency"}
    body = {"auth": {"identity": {"methods": ["assume_role"], "assume_role": agency}}}
    answer = requests.post(f"{gateway.url}/v3/auth/tokens", json=body, headers={"X-Auth-Token": token}, timeout=SECONDS)
    assumed = Client("cn", gateway, TokenCredentials(answer.headers["X-Subject-Token"]))
    assert ask_usage(assumed, [HOUR]).amount == Decimal("0.32")
    assert ask_purchase(assumed, [MONTH]).official_website_rating_result.official_website_amount == Decimal("153.6")


def test_what_the_gateway_refuses_never_reaches_the_price(
    gateway: Gateway, start_gateway: Callable[..., Gateway]
) -> None:
    """The service's own codes for a bad token (CBC.0154) and for too many calls (CBC.0250) cannot occur behind it."""
    target = "/v2/bills/ratings/period-resources/renew-rate"
    answer = requests.post(gateway.url + target, json={}, headers={"X-Auth-Token": "expired"}, timeout=SECONDS)
    assert (answer.status_code, answer.json()["error_code"]) == (401, "APIGW.0301")
    limited = start_gateway(BSS_QUOTAS_OVERRIDE='{ ListRateOnPeriodDetail = "1/60" }')
    account = limited.accounts["demo-customer"]
    client = Client("cn", limited, GlobalCredentials(account.access_key, account.secret_key))
    assert ask_purchase(client, [MONTH])
    with pytest.raises(ClientRequestException) as refusal:
        ask_purchase(client, [MONTH])
    assert (refusal.value.status_code, refusal.value.error_code) == (429, "APIGW.0308")


# Below: what operators do at the command line, on a server that knows no sample.

HEADER = (
    "resource_type,resource_spec,regions,currency,effective_at,usage_factor,measure_id,size_measure_id,size_min,size_max,"
    "size_step,shape,tier_by,tiers,on_demand,day,month,1_year,2_years,3_years"
)
LINE = "hws.resource.type.vm,s6.large.2.linux,cn-north-4,CNY,{instant},duration,4,,,,,linear,,,{price},,{month},,,"


@pytest.fixture(scope="module")
def priced(production: Production) -> Iterator[tuple[Production, Client]]:  # noqa: F811
    assert production.run("migrate", "--catalogue").returncode == 0
    production.admin("account", "create", "price-partner", "--kind", "partner")
    production.admin("account", "create", "price-customer", "--kind", "customer", "--parent", "price-partner")
    client = production.client(production.admin("key", "create", "price-customer"))
    yield production, client


def price_of(client: Client) -> Decimal | None:
    """What an hour of the server costs, once the catalogue is followed; None without a price."""
    while True:
        try:
            return ask_usage(client, [HOUR]).amount
        except ClientRequestException as refusal:
            if refusal.error_code == "CBC.99006006":
                return None
            # Ten calls a second are more than these tests need, but the declared quota stands.
            assert refusal.status_code == 429


def test_a_sheet_is_imported_as_a_whole_or_not_at_all(priced: tuple[Production, Client], tmp_path: Path) -> None:
    production, client = priced
    assert price_of(client) is None, "a production system starts with an empty book"
    good = LINE.format(instant="2026-01-01T00:00:00Z", price="0.5", month="300")
    file = tmp_path / "prices.csv"

    file.write_text(f"{HEADER}\n{good}\n{good.replace('s6.large.2.linux', 's6.none')}\n")
    wrong = production.run("admin", "prices", "import", str(file))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "row 3, resource_spec: hws.resource.type.vm has no specification s6.none" in wrong.stderr

    file.write_text(f"{HEADER}\n{good}\n")
    trial = production.admin("prices", "import", str(file), "--dry-run")
    assert (trial["dry_run"], trial["added"]) == (True, 1)
    assert production.run("admin", "prices", "export").stdout.splitlines() == [HEADER]
    done = production.admin("prices", "import", str(file))
    assert (done["added"], done["changed"], done["rows"]) == (1, 0, [f"+ {good}"])
    wait_until(lambda: price_of(client) == Decimal("0.5"), "the price is followed")

    dearer = good.replace(",0.5,", ",0.6,")
    file.write_text(f"{HEADER}\n{dearer}\n")
    changed = production.run("admin", "prices", "import", str(file))
    assert re.search(
        f"changed +1\n.*^- {re.escape(good)}\n^\\+ {re.escape(dearer)}$", changed.stdout, re.DOTALL | re.MULTILINE
    )
    wait_until(lambda: price_of(client) == Decimal("0.6"), "the change is followed")
    assert production.run("admin", "prices", "export").stdout == f"{HEADER}\n{dearer}\n"


def test_discounts_currencies_and_resources_are_given_at_the_command_line(
    priced: tuple[Production, Client], tmp_path: Path
) -> None:
    production, client = priced
    file = tmp_path / "prices.csv"
    line = LINE.format(instant="2026-01-01T00:00:00Z", price="1", month="100")
    file.write_text(f"{HEADER}\n{line}\n{line.replace('CNY', 'USD').replace(',1,,100', ',0.2,,20')}\n")
    production.admin("prices", "import", str(file))
    wait_until(lambda: price_of(client) == 1, "the price is followed")

    span = ["--from", "2026-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z"]
    partner = production.admin(
        "discounts", "add", "price-partner", "granted", "--kind", "partner", "--ratio", "0.9", "--for-customers", *span
    )
    assert price_of(client) == Decimal("0.9")
    production.admin("discounts", "agreement", "price-customer", "FA", *span)
    arguments = ["--kind", "commercial", "--ratio", "0.95", "--agreement", "FA", "--service", "hws.service.type.ec2"]
    own = production.admin("discounts", "add", "price-customer", "own", *arguments, "--mode", "ONDEMAND")
    assert price_of(client) == Decimal("0.95"), "the commercial one is preferred"
    # It is for usage only; of a month the partner's is the best offer.
    [option] = ask_purchase(client, [MONTH]).optional_discount_rating_results
    assert (option.discount_id, option.amount, option.best_offer) == (partner["discount_id"], 90, 1)
    assert [row["name"] for row in production.admin("discounts", "list", "price-customer")] == ["own"]
    production.admin("discounts", "end", "price-customer", own["discount_id"])
    assert price_of(client) == Decimal("0.9")

    production.admin("prices", "currency", "price-customer", "USD")
    assert ask_usage(client, [HOUR]).currency == "USD"
    assert price_of(client) == Decimal("0.18")
    production.admin("prices", "currency", "price-customer", "CNY")

    server = ["--resource", "hws.resource.type.vm", "--spec", "s6.large.2.linux", "--region", "cn-north-4"]
    production.admin("resources", "add", "price-customer", "server", *server, "--expires", "2030-01-01T00:00:00Z")
    body = client.models.ListRenewRateOnPeriodReq(resource_ids=["server"], period_type=2, period_num=2)
    assert client("ListRenewRateOnPeriod", body=body).renew_inquiry_results[0].amount == "180"
    production.admin("resources", "set-state", "price-customer", "server", "pending-payment")
    assert client("ListRenewRateOnPeriod", body=body).fail_resource_infos[0].error_code == "CBC.30050010"


def test_a_quote_is_explained_step_by_step(priced: tuple[Production, Client], tmp_path: Path) -> None:
    production, _ = priced
    request = tmp_path / "request.json"
    request.write_text(
        json.dumps({"project_id": "any", "product_infos": [HOUR | {"usage_value": 90, "usage_measure_id": 5}]})
    )
    sheet = tmp_path / "prices.csv"
    sheet.write_text(f"{HEADER}\n{LINE.format(instant='2099-01-01T00:00:00Z', price='2', month='100')}\n")
    production.admin("prices", "import", str(sheet))
    arguments = ["prices", "explain", "price-customer", str(request), "--kind", "on-demand", "--at"]
    for instant, price, amount in [("2098-12-31T23:59:59Z", "1", "1.35"), ("2099-01-01T00:00:00Z", "2", "2.7")]:
        explained = production.admin(*arguments, instant)
        steps = {step["step"]: step for step in explained["steps"]}
        assert [step["step"] for step in explained["steps"]] == [
            "item", "terms", "conversion", "tier", "count", "rounding", "discount",
        ]  # fmt: skip
        assert (steps["conversion"]["divide"], steps["tier"]["price"]) == ("60", price)
        assert (steps["discount"]["name"], steps["discount"]["after"]) == ("granted", amount)
        assert explained["amounts"][0]["amount"] == amount


def test_what_cannot_be_done_is_said_in_words(priced: tuple[Production, Client]) -> None:
    production, _ = priced
    add = ["discounts", "add", "price-customer", "x", "--ratio", "0.9", "--kind"]
    span = ["--from", "2026-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z"]
    server = ["--spec", "s", "--region", "nowhere", "--resource", "r", "--expires", "2030-01-01T00:00:00Z"]
    for arguments, words in [
        ([*add, "commercial", *span], "a commercial discount belongs to an agreement"),
        ([*add, "commercial", "--agreement", "none"], "has no agreement none"),
        ([*add, "partner"], "it must be said from when until when it holds"),
        ([*add, "partner", *span, "--stacks"], "only promotions stack"),
        ([*add, "partner", *span, "--spec", "s"], "a specification needs its resource type"),
        ([*add, "partner", *span, "--region", "nowhere"], "there is no region nowhere"),
        ([*add, "partner", *span, "--mode", "WEEKLY"], "must be a way of charging"),
        (["discounts", "agreement", "price-customer", "FA", *span], "already has an agreement FA"),
        (["discounts", "list", "nobody"], "there is no account nobody"),
        (["prices", "currency", "price-customer", "EUR"], "must be CNY or USD"),
        (["resources", "add", "price-customer", "x", *server], "there is no region nowhere"),
        (["resources", "set-state", "price-customer", "x", "deleted"], "has no resource x"),
    ]:
        ended = production.run("admin", *arguments)
        assert ended.returncode != 0
        assert words in ended.stderr, ended.stderr
