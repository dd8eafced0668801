"""File subscriptions, into buckets of a server that speaks S3 in a process of its own: at the right instant of the tenant's clock,
once, and after the server was away."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import boto3
import pytest
import requests
from botocore.client import Config

from sandbox import Gateway, World, wait_until
from test_bills import CHINA, Meter, text
from test_coupons import RAISED
from test_crash import free_port
from test_customers import sql
from test_exports import CROWD, MANY
from wire import SECONDS, SdkAuth

BUCKET = "example-bills"
KEYS = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI"}
SECONDS_TO_DELIVER = 240
# Parts but for the last must have 5 MiB; of these the first has 8.
FIRST_PART = 8 * 1024 * 1024


class Store:
    """Moto's server: what it holds goes with it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        server = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(server, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def listens() -> bool:
            try:
                return requests.get(self.url, timeout=SECONDS).status_code < 500
            except requests.ConnectionError:
                return False

        wait_until(listens, "the store listens", 60)
        self.client = boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=KEYS["access_key"],
            aws_secret_access_key=KEYS["secret_key"],
            config=Config(s3={"addressing_style": "path"}),
        )
        self.client.create_bucket(Bucket=BUCKET)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def names(self) -> list[str]:
        return sorted(item["Key"] for item in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", []))

    def read(self, name: str) -> bytes:
        return self.client.get_object(Bucket=BUCKET, Key=name)["Body"].read()


class Subscriber(Meter):
    """A sandbox whose partner has files delivered."""

    def send(self, method: str, path: str = "", **body: Any) -> Any:
        url = f"{self.gateway.url}/partner/v1/file-subscriptions{path}"
        auth = SdkAuth(self.gateway.accounts["demo-partner"])
        answer = requests.request(method, url, json=body or None, auth=auth, timeout=SECONDS)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def subscribe(self, store: Store, **body: Any) -> dict[str, Any]:
        bucket = {"endpoint": store.url, "region": "us-east-1", "name": BUCKET, "prefix": "bss", "addressing": "path"} | KEYS
        return self.send("POST", bucket=bucket, **body)

    def deliveries(self, subscription: dict[str, Any]) -> list[dict[str, Any]]:
        return self.send("GET", f"/{subscription['subscription_id']}/deliveries")["deliveries"]

    def delivered(self, subscription: dict[str, Any], count: int) -> list[dict[str, Any]]:
        shown = lambda: [one["status"] for one in self.deliveries(subscription)]
        wait_until(lambda: shown() == ["delivered"] * count, "the files are delivered", SECONDS_TO_DELIVER)
        return self.deliveries(subscription)

    def told(self) -> list[dict[str, Any]]:
        events = requests.get(
            f"{self.gateway.url}/partner/v1/events?after=0&kind=export.delivered&limit=1000",
            auth=SdkAuth(self.gateway.accounts["demo-partner"]),
            timeout=SECONDS,
        ).json()["events"]
        return [event["data"] for event in events]


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.stop()


@pytest.fixture(scope="module")
def subscriber(world: World) -> Iterator[Subscriber]:
    with world.gateway(RAISED) as gateway:
        yield Subscriber(gateway)


def instant(value: str) -> datetime:
    return datetime.fromisoformat(value)


def test_each_instant_of_the_tenants_clock_has_one_file(subscriber: Subscriber, store: Store) -> None:
    daily = subscriber.subscribe(store, kind="customers", rhythm="daily", format="jsonl")
    weekly = subscriber.subscribe(store, kind="orders", rhythm="weekly")
    due = instant(weekly["next_time"]).astimezone(CHINA)
    assert (due.isoweekday(), due.hour) == (3, 0)
    first = instant(daily["next_time"])
    assert first.astimezone(CHINA).hour == 4
    happened = subscriber.until(first - timedelta(seconds=1))
    assert [one for one in happened if one["kind"] == "file.due"] == []
    assert subscriber.deliveries(daily) == []
    happened = subscriber.until(first)
    assert [one for one in happened if one["kind"] == "file.due"] == [{"at": text(first), "kind": "file.due", "count": 1}]
    [delivery] = subscriber.delivered(daily, 1)
    assert delivery["due_time"] == daily["next_time"]
    assert delivery["time_begin"] == delivery["time_end"] == (first - timedelta(days=1)).astimezone(CHINA).strftime("%Y-%m-%d")

    subscriber.until(due)
    subscriber.delivered(weekly, 1)
    days = [one["due_time"] for one in subscriber.deliveries(daily)]
    files = subscriber.delivered(daily, len(days)) + subscriber.delivered(weekly, 1)
    assert store.names() == sorted(one["file"] + end for one in files for end in ("", ".sha256", ".manifest.json"))
    for one in files:
        content = store.read(one["file"])
        manifest = json.loads(store.read(one["file"] + ".manifest.json"))
        [described] = manifest["files"]
        assert described["sha256"] == one["sha256"] == hashlib.sha256(content).hexdigest()
        assert described["bytes"] == len(content)
        assert store.read(one["file"] + ".sha256").decode() == f"{one['sha256']}  {described['name']}\n"
    told = subscriber.told()
    assert sorted(one["file"] for one in told) == sorted(one["file"] for one in files), "each is told once"
    assert b"demo-customer" not in b"".join(store.read(one["file"]) for one in files), "names are masked"


def test_a_store_that_was_away_gets_the_file_when_it_is_back(subscriber: Subscriber, store: Store) -> None:
    subscription = subscriber.subscribe(store, kind="funds", rhythm="daily", format="parquet")
    store.stop()
    subscriber.until(instant(subscription["next_time"]))
    has_failed = lambda: [one["error"] for one in subscriber.deliveries(subscription) if one["error"]] != []
    wait_until(has_failed, "it was tried", SECONDS_TO_DELIVER)
    [tried] = subscriber.deliveries(subscription)
    assert tried["status"] == "uploading" and "could not be reached" in tried["error"]
    store.start()
    [delivery] = subscriber.delivered(subscription, 1)
    assert delivery["attempts"] > 1 and delivery["error"] is None
    assert hashlib.sha256(store.read(delivery["file"])).hexdigest() == delivery["sha256"]


def test_a_long_file_comes_whole_though_the_gateway_dies(world: World, store: Store) -> None:
    with world.copy() as folder:
        gateway = Gateway(["--data", str(folder)], RAISED)
        try:
            sql(gateway, CROWD)
            subscriber = Subscriber(gateway)
            subscription = subscriber.subscribe(store, kind="customers", rhythm="daily", format="jsonl")
            subscriber.until(instant(subscription["next_time"]))
            is_begun = lambda: [one["export_id"] for one in subscriber.deliveries(subscription)] != [None]
            wait_until(is_begun, "the file is being written", SECONDS_TO_DELIVER)
            gateway.kill()
            gateway = Gateway(["--data", str(folder)], RAISED)
            subscriber.gateway = gateway
            # The replica that died has the export for a minute, and the delivery for two.
            [delivery] = subscriber.delivered(subscription, 1)
            content = store.read(delivery["file"])
            assert len(content) > FIRST_PART, "it has more than one part"
            assert hashlib.sha256(content).hexdigest() == delivery["sha256"]
            table = [json.loads(line) for line in content.splitlines()]
            assert len(table) == len({row["customer_id"] for row in table}) >= MANY
        finally:
            gateway.stop()
