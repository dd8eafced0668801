"""Crashes under load: of one gateway, of the other, of PostgreSQL, of all. Afterwards every cent, every key, every order and every
hour of use is right.

CRASH_SECONDS makes it longer, CRASH_SEED repeats a run.
"""

import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import BINARY, Gateway, environment, run, wait_until
from test_accounts import RAISED, Account
from test_orders import SERVER
from wire import SECONDS, signed

SECONDS_OF_LOAD = float(os.environ.get("CRASH_SECONDS", "8"))
SEED = int(os.environ.get("CRASH_SEED", str(random.randrange(10**6))))
CLIENTS = 8
ALLOCATE = "/v2/accounts/partner-accounts/adjust-amount"
RECLAIM = "/v2/accounts/partner-accounts/reclaim"
ORDER = "/admin/v1/accounts/demo-customer/orders"
PAY = "/v3/orders/customer-orders/pay"
USAGE = "/admin/v1/accounts/demo-customer/usage"
# A server that is paid by use.
METERED = "crash-metered"
# Who calls what.
CALLERS = {ALLOCATE: "demo-partner", RECLAIM: "demo-partner", PAY: "demo-customer"}
DONE = (200, 204)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Cluster:
    """A sandbox, which owns PostgreSQL, and a second gateway beside it on the same database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = [free_port() for _ in range(2)]
        self.first = self.start_first()
        self.second = self.start_second()

    def settings(self, which: int) -> dict[str, str]:
        listen = {"BSS_SERVER_LISTEN": f"127.0.0.1:{self.ports[which]}", "BSS_SERVER_OPERATOR_LISTEN": "127.0.0.1:0"}
        own = {"BSS_LEDGER_WRITERS": "2", "BSS_ORDERS_PROVISION_SECONDS": "2", "BSS_LOG_FILTER": "error"}
        return RAISED | listen | own

    def start_first(self) -> Gateway:
        return Gateway(["--data", str(self.folder)], self.settings(0))

    def start_second(self) -> subprocess.Popen:
        own = {"DATABASE_URL": self.first.database_url, "BSS_DATABASE_MIGRATE_ON_START": "false"}
        key = {"BSS_SECRETS_MASTER_KEY_FILE": str(self.folder / "master.key")}
        process = subprocess.Popen(
            [BINARY, "serve"], env=environment(**self.settings(1) | own | key), stderr=subprocess.DEVNULL
        )
        wait_until(self.second_is_alive, "the second gateway is alive", 30)
        return process

    def second_is_alive(self) -> bool:
        try:
            return requests.get(f"http://127.0.0.1:{self.ports[1]}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def crash(self, what: str) -> None:
        if what in ("first", "both", "postgres", "all"):
            self.first.kill()
        if what in ("second", "both", "all"):
            self.second.kill()
            self.second.wait()
        if what in ("postgres", "all"):
            postmaster = int((self.folder / "data/postmaster.pid").read_text().split()[0])
            os.kill(postmaster, signal.SIGKILL)
        if what != "second":
            self.first = self.start_first()
        if what in ("second", "both", "all"):
            self.second = self.start_second()

    def stop(self) -> None:
        self.second.kill()
        self.second.wait()
        self.first.stop()


class Calls:
    """What the clients asked for and what they were told."""

    def __init__(self, cluster: Cluster, customer: str) -> None:
        self.cluster, self.customer = cluster, customer
        self.begin = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self.lock, self.done = threading.Lock(), threading.Event()
        self.asked: dict[str, tuple[str, dict]] = {}
        self.told: dict[str, tuple[int, dict] | None] = {}

    def ask(self, key: str, port: int) -> tuple[int, dict] | None:
        target, body = self.asked[key]
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        data = json.dumps(body).encode()
        try:
            if target in CALLERS:
                request = signed(self.cluster.first, CALLERS[target], "POST", target, data=data, headers=headers)
                request.url = f"http://127.0.0.1:{port}{target}"
                answer = requests.Session().send(request, timeout=SECONDS)
            else:
                gateway = self.cluster.first
                headers["Authorization"] = f"Bearer {gateway.operator_token}"
                answer = requests.post(gateway.operator_url + target, data=data, headers=headers, timeout=SECONDS)
        except requests.RequestException:
            return None
        # 5xx, and what is said while the database is away, leave it open whether it happened.
        if answer.status_code not in (*DONE, 400):
            return None
        return answer.status_code, answer.json() if answer.content else {}

    def make(self, key: str, target: str, body: dict, port: int) -> tuple[int, dict] | None:
        with self.lock:
            self.asked[key] = target, body
        told = self.ask(key, port)
        with self.lock:
            self.told[key] = told
        return told

    def client(self, number: int) -> None:
        dice = random.Random(f"{SEED} {number}")
        for step in range(10**9):
            if self.done.is_set():
                return
            key = f"crash-{number}-{step}"
            port = dice.choice(self.cluster.ports)
            if step % 4 == 3:
                hour = self.begin - timedelta(hours=step * CLIENTS + number)
                told = self.make(key, USAGE, {"records": [used(key, hour)]}, port)
            elif dice.random() < 0.4:
                told = self.make(f"{key}-order", ORDER, {"lines": [SERVER]}, port)
                if told and told[0] == 200:
                    how = {"order_id": told[1]["order_id"], "use_coupon": "NO", "use_discount": "NO"}
                    told = self.make(f"{key}-pay", PAY, how, port)
            else:
                target = ALLOCATE if dice.random() < 0.6 else RECLAIM
                amount = f"{dice.randrange(1, 30)}.{dice.randrange(100):02}"
                told = self.make(key, target, {"customer_id": self.customer, "amount": amount}, port)
            if told is None:
                time.sleep(0.2)


def used(record: str, until: datetime) -> dict:
    """An hour's use, as a service reports it."""
    span = {"from": f"{until - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}", "until": f"{until:%Y-%m-%dT%H:%M:%SZ}"}
    measured = {"usage_type": "Duration", "quantity": 3600, "measure_id": 6}
    return {"record_id": record, "resource_id": METERED} | measured | span


def open_metered(gateway: Gateway) -> None:
    server = {"resource_id": METERED, "resource_type": SERVER["resource_type"]}
    server |= {"resource_spec": SERVER["resource_spec"], "region": SERVER["region"]}
    target = f"{gateway.operator_url}/admin/v1/accounts/demo-customer/on-demand-resources"
    headers = {"Authorization": f"Bearer {gateway.operator_token}"}
    assert requests.post(target, json=server, headers=headers, timeout=SECONDS).status_code == 200


@pytest.fixture
def cluster(data_folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(data_folder)
    yield cluster
    cluster.stop()


def test_crashes_lose_nothing_and_do_nothing_twice(cluster: Cluster) -> None:
    print(f"CRASH_SEED={SEED} CRASH_SECONDS={SECONDS_OF_LOAD}")
    partner, customer = Account(cluster.first, "demo-partner"), Account(cluster.first, "demo-customer")
    partner.allocate(customer, 20_000)
    open_metered(cluster.first)
    before, held = all_adjustments(partner), resources(customer)
    total = partner.balance() + customer.own_balance()
    calls = Calls(cluster, customer.id)
    # The sandbox is made anew after a crash; the signer needs only its keys, which stay.
    clients = [threading.Thread(target=calls.client, args=(number,)) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    dice, crashes = random.Random(SEED), 0
    end = time.monotonic() + SECONDS_OF_LOAD
    kinds = ["first", "postgres", "second", "all", "both"]
    # On a busy machine a start takes long: there are two crashes all the same.
    while time.monotonic() < end or crashes < 2:
        time.sleep(dice.uniform(0.5, 2))
        cluster.crash(kinds[crashes % len(kinds)])
        crashes += 1
    calls.done.set()
    for client in clients:
        client.join()
    wait_until(cluster.second_is_alive, "the second gateway is alive")

    unknown = [key for key, told in calls.told.items() if told is None]
    acknowledged = {key: told[1] for key, told in calls.told.items() if told and told[0] in DONE}
    for key in unknown:
        told = eventually(lambda key=key: calls.ask(key, cluster.ports[0]))
        if told[0] in DONE:
            acknowledged[key] = told[1]
    for key, body in random.Random(SEED).sample(sorted(acknowledged.items()), min(200, len(acknowledged))):
        status = 204 if calls.asked[key][0] == PAY else 200
        assert calls.ask(key, cluster.ports[1]) == (status, body), key

    partner, customer = Account(cluster.first, "demo-partner"), Account(cluster.first, "demo-customer")
    paid = check_orders(customer, held, calls, acknowledged) + check_usage(customer, calls, acknowledged)
    assert partner.balance() + customer.own_balance() == total - paid
    made = all_adjustments(partner)
    funds = [body for key, body in acknowledged.items() if calls.asked[key][0] in (ALLOCATE, RECLAIM)]
    numbers = [body.get("transfer_id") or body["trans_id"] for body in funds]
    assert sorted(made) == sorted(before + numbers)
    for proof in ("verify-bills", "verify-ledger"):
        proved = run(proof, DATABASE_URL=cluster.first.database_url)
        assert proved.returncode == 0, proved.stdout
    print(f"{crashes} crashes, {len(acknowledged)} acknowledged, {len(unknown)} unknown at first; {proved.stdout}")
    assert crashes >= 2 and len(acknowledged) > 20


def check_orders(customer: Account, held: int, calls: Calls, acknowledged: dict[str, dict]) -> Decimal:
    """Each order is there once; one that was paid has its resource, once, and no other has any. What was paid in all."""
    placed = {body["order_id"] for key, body in acknowledged.items() if calls.asked[key][0] == ORDER}
    paid = {calls.asked[key][1]["order_id"] for key in acknowledged if calls.asked[key][0] == PAY}
    assert paid
    # Nobody has to ask for what was paid: it is provided after some seconds.
    wait_until(lambda: len(all_orders(customer, status=5)) == len(paid), "what was paid is provided", 60)
    rows = all_orders(customer)
    assert (len(rows), {row.order_id for row in rows}) == (len(placed), placed)
    assert {row.order_id: row.status for row in rows} == {order: 5 if order in paid else 6 for order in placed}
    assert resources(customer) == held + len(paid), "nothing is provided but what was paid, and nothing twice"
    assert [resources(customer, order_id=order) for order in paid] == [1] * len(paid)
    return sum((Decimal(str(row.amount_after_discount)) for row in rows if row.status == 5), Decimal(0))


def check_usage(customer: Account, calls: Calls, acknowledged: dict[str, dict]) -> Decimal:
    """Each hour that was reported is charged, once. What was paid for all."""
    reported = [key for key in acknowledged if calls.asked[key][0] == USAGE]
    months = {calls.asked[key][1]["records"][0]["from"][:7] for key in reported}
    # In UTC+8 the last hours of a month are the first of the next one.
    months |= {f"{calls.begin + timedelta(hours=8):%Y-%m}"}
    assert reported
    wait_until(lambda: len(charged(customer, months)) >= len(reported), "what was reported is charged", 60)
    rows = charged(customer, months)
    assert len(rows) == len({row.consume_time for row in rows}) == len(reported)
    return sum((Decimal(str(row.cash_amount)) for row in rows), Decimal(0))


def charged(customer: Account, months: set[str]) -> list[Any]:
    rows: list[Any] = []
    for month in sorted(months):
        found: list[Any] = []
        while True:
            how = {"bill_cycle": month, "bill_type": 5, "offset": len(found), "limit": 1000}
            page = customer("ListCustomerBillsFeeRecords", **how)
            found += page.records or []
            if len(found) >= page.total_count:
                break
        rows += found
    return rows


def resources(customer: Account, **filters: Any) -> int:
    body = customer.client.models.QueryResourcesReq(**filters)
    return customer("ListPayPerUseCustomerResources", body=body).total_count


def all_orders(customer: Account, **filters: Any) -> list[Any]:
    rows: list[Any] = []
    while True:
        page = customer("ListCustomerOrders", order_type="1", offset=len(rows), limit=100, **filters)
        rows += page.order_infos
        if len(rows) >= page.total_count:
            return rows


def eventually(ask: Callable[[], tuple[int, dict] | None]) -> tuple[int, dict]:
    for _ in range(100):
        told = ask()
        if told:
            return told
        time.sleep(0.1)
    raise AssertionError("no answer")


def all_adjustments(partner: Account) -> list[str]:
    numbers: list[str] = []
    while True:
        page = partner("ListPartnerAdjustRecords", offset=len(numbers), limit=100)
        numbers += [row.trans_id for row in page.records]
        if len(numbers) >= page.total_count:
            return numbers
