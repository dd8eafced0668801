"""Exports: a month's bills as a file that adds up to what the official SDK lists, by a link too, and whole after a crash."""

import csv
import io
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
import requests

from sandbox import Gateway, World, wait_until
from test_bills import HOUR, Meter
from test_coupons import RAISED
from test_customers import sql
from test_orders import exact
from wire import SECONDS, SdkAuth

SECONDS_TO_WRITE = 60


class Desk(Meter):
    """A sandbox whose partner exports."""

    def send(self, method: str, path: str, **body: Any) -> requests.Response:
        auth = SdkAuth(self.gateway.accounts["demo-partner"])
        url = f"{self.gateway.url}/partner/v1/exports{path}"
        return requests.request(method, url, json=body or None, auth=auth, timeout=SECONDS)

    def export(self, **body: Any) -> dict[str, Any]:
        """One that is asked for and done."""
        asked = self.send("POST", "", **body)
        assert asked.status_code == 202, asked.text
        return self.done(asked.json()["export_id"])

    def done(self, export: str) -> dict[str, Any]:
        shown: dict[str, Any] = {}

        def is_done() -> bool:
            shown.update(self.send("GET", f"/{export}").json())
            assert shown["status"] != "failed", shown
            return shown["status"] == "done"

        wait_until(is_done, "the export is done", SECONDS_TO_WRITE)
        return shown

    def content(self, export: dict[str, Any]) -> bytes:
        answer = self.send("GET", f"/{export['export_id']}/file")
        assert answer.status_code == 200, answer.text
        assert len(answer.content) == export["bytes"] == int(answer.headers["Content-Length"])
        return answer.content

    def file(self, export: dict[str, Any]) -> str:
        return self.content(export).decode()


@pytest.fixture(scope="module")
def desk(world: World) -> Iterator[Desk]:
    with world.gateway(RAISED) as gateway:
        desk = Desk(gateway)
        desk.partner.allocate(desk.customer, 20_000)
        yield desk


def rows(file: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file)))


def total(table: list[dict[str, str]], column: str) -> Decimal:
    return sum((Decimal(row[column]) for row in table), Decimal(0))


def test_a_months_bills_are_what_the_sdk_lists(desk: Desk) -> None:
    desk.pay(desk.order())
    desk.open("metered")
    assert desk.report("metered", desk.now - 6 * HOUR, 4)["taken"] == 4
    desk.advance(1)
    export = desk.export(kind="bills", bill_cycle_begin=desk.cycle)
    table = rows(desk.file(export))
    listed = desk.partner("ListSubCustomerBillDetail", bill_cycle=desk.cycle, customer_id=desk.customer.id, limit=1000)
    assert len(table) == listed.total_count == export["rows_done"] == export["rows_in_all"]
    for column in ("official_amount", "payment_amount", "cash_amount", "debt_amount", "coupon_amount"):
        assert total(table, column) == sum(exact(getattr(row, column)) for row in listed.fee_records), column
    of_customer = desk.sum()
    assert total(table, "payment_amount") == exact(of_customer.consume_amount)
    by_id = {row.id: row for row in listed.fee_records}
    assert {row["id"] for row in table} == set(by_id)
    for row in table:
        assert row["trade_id"] == by_id[row["id"]].trade_id
        assert row["consume_time"] == by_id[row["id"]].consume_time

    lines = desk.file(desk.export(kind="bills", bill_cycle_begin=desk.cycle, format="jsonl")).splitlines()
    objects = [json.loads(line, parse_float=Decimal, parse_int=Decimal) for line in lines]
    assert sum(one["payment_amount"] for one in objects) == total(table, "payment_amount")

    parquet = pq.read_table(io.BytesIO(desk.content(desk.export(kind="bills", bill_cycle_begin=desk.cycle, format="parquet"))))
    assert parquet.column_names == list(table[0])
    assert sum(parquet["payment_amount"].to_pylist()) == total(table, "payment_amount")
    assert [row["id"] for row in parquet.to_pylist()] == [row["id"] for row in table]
    empty = desk.content(desk.export(kind="orders", time_begin="2020-01-01", time_end="2020-01-02", format="parquet"))
    assert pq.read_table(io.BytesIO(empty)).num_rows == 0


def test_a_link_is_opened_by_whoever_has_it(desk: Desk) -> None:
    export = desk.export(kind="customers")
    link = desk.send("POST", f"/{export['export_id']}/links").json()
    fetched = requests.get(desk.gateway.url + link["path"], timeout=SECONDS)
    assert fetched.status_code == 200
    assert fetched.text == desk.file(export)
    assert f'filename="{export["file_name"]}"' in fetched.headers["Content-Disposition"]
    assert requests.get(desk.gateway.url + link["path"][:-1] + "x", timeout=SECONDS).status_code == 400
    listed = desk.send("GET", "?limit=1").json()
    assert listed["exports"][0]["export_id"] == export["export_id"]
    staff = desk.ask("GET", f"accounts/demo-partner/exports/{export['export_id']}")
    assert staff == desk.send("GET", f"/{export['export_id']}").json()


def test_a_link_ends_and_files_go_with_the_tenants_time(desk: Desk) -> None:
    export = desk.export(kind="orders")
    link = desk.send("POST", f"/{export['export_id']}/links").json()
    # That a clock was moved is announced.
    desk.advance(1)
    opened = desk.gateway.url + link["path"]
    wait_until(lambda: requests.get(opened, timeout=SECONDS).status_code == 400, "the link has ended")
    assert desk.send("GET", f"/{export['export_id']}/file").status_code == 200
    desk.advance(7)
    shown = f"/{export['export_id']}"
    wait_until(lambda: desk.send("GET", shown).json()["status"] == "expired", "the file has expired")
    assert desk.send("GET", f"/{export['export_id']}/file").status_code == 400
    told = requests.get(
        f"{desk.gateway.url}/partner/v1/events?after=0&kind=export.completed&limit=1000",
        auth=SdkAuth(desk.gateway.accounts["demo-partner"]),
        timeout=SECONDS,
    ).json()["events"]
    assert export["export_id"] in [event["data"]["export_id"] for event in told]


# To register so many customers would take hours.
MANY = 60_000
CROWD = f"""
    insert into domains (tenant_id, domain_id, parent_id, name, kind, created_at)
    select d.tenant_id, gen_random_uuid(), d.domain_id, 'many-' || i, 'customer', now()
    from domains d, generate_series(1, {MANY}) i where d.name = 'demo-partner';
    insert into customers (tenant_id, domain_id, partner_id, association_type, associated_at, number)
    select tenant_id, domain_id, parent_id, 2, now(), {MANY} + substr(name, 6)::bigint
    from domains where name like 'many-%';
"""


def test_a_crash_in_the_middle_leaves_each_row_once(world: World) -> None:
    with world.copy() as folder:
        gateway = Gateway(["--data", str(folder)], RAISED)
        try:
            sql(gateway, CROWD)
            desk = Desk(gateway)
            asked = desk.send("POST", "", kind="customers").json()["export_id"]

            def has_begun() -> bool:
                shown = desk.send("GET", f"/{asked}").json()
                assert shown["status"] != "done", "it was written before it could be interrupted"
                return shown["rows_done"] > 0

            wait_until(has_begun, "a piece is written")
            gateway.kill()
            gateway = Gateway(["--data", str(folder)], RAISED)
            desk.gateway = gateway
            before = desk.send("GET", f"/{asked}").json()
            assert before["status"] == "running"
            assert 0 < before["rows_done"] < MANY
            started = time.monotonic()
            # The replica that died has it for a minute.
            wait_until(lambda: desk.send("GET", f"/{asked}").json()["status"] == "done", "another went on", 120)
            assert time.monotonic() - started < 120
            export = desk.send("GET", f"/{asked}").json()
            table = rows(desk.file(export))
            assert len(table) == len({row["customer_id"] for row in table}) == export["rows_done"] >= MANY
        finally:
            gateway.stop()
