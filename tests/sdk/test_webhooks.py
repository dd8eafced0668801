"""Webhooks: a receiver in a process of its own, signatures checked by the convention's library, and crashes in between.

The time that passes between attempts is the system's, which no test here can move: an hour of silence is in tests/webhooks.rs.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook, WebhookVerificationError

from sandbox import Account, Gateway, wait_until
from test_admin import Production, database_url, production  # noqa: F401 - fixtures
from test_crash import free_port
from test_customers import RAISED, admin
from wire import SECONDS, SdkAuth, signed

WEBHOOKS = "/partner/v1/webhooks"
LOCK = threading.Lock()
IMPATIENT = RAISED | {"BSS_NOTIFICATIONS_TIMEOUT_SECONDS": "1"}


class Handler(BaseHTTPRequestHandler):
    """Answers by the script, a status or `hang` a line, then 204; writes down each request and how it was answered."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with LOCK:
            script = self.server.folder / "script"
            replies = script.read_text().split()
            reply = replies.pop(0) if replies else "204"
            script.write_text("\n".join(replies))
        if reply == "hang":
            time.sleep(3)
            return
        headers = {name: value for name, value in self.headers.items() if name.startswith("webhook-")}
        with LOCK, (self.server.folder / "asked").open("a") as asked:
            asked.write(json.dumps({"headers": headers, "body": body, "taken": reply == "204"}) + "\n")
        self.send_response(int(reply))
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


class Receiver:
    """That server as a process, which can be killed and started anew at the same address."""

    def __init__(self, folder: Path, *replies: str) -> None:
        self.folder, self.port, self.process = folder, free_port(), None
        (folder / "script").write_text("\n".join(replies))
        self.url = f"http://127.0.0.1:{self.port}/events"

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, __file__, str(self.folder), str(self.port)])

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def asked(self) -> list[dict]:
        log = self.folder / "asked"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def taken(self) -> list[dict]:
        return [json.loads(request["body"]) for request in self.asked() if request["taken"]]


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path, "500", "hang", "503")
    yield receiver
    receiver.kill()


def ask(gateway: Gateway, method: str, target: str, body: dict | None = None) -> dict:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    data = json.dumps(body).encode() if body is not None else None
    request = signed(gateway, "demo-partner", method, target, data=data, headers=headers)
    answer = requests.Session().send(request, timeout=SECONDS)
    assert answer.ok, answer.text
    return answer.json()


def change_associations(gateway: Gateway, times: int) -> None:
    for _ in range(times):
        for customer in ("demo-customer", "referral-customer"):
            admin(gateway, "association", "unbind", customer)
            admin(gateway, "association", "invite", customer, "demo-partner", "--referral")
            steps = lambda customer=customer: admin(gateway, "association", "show", customer)
            wait_until(lambda: steps()[-1]["step"] == "associated", "it is associated anew")


def assert_in_order(events: list[dict]) -> None:
    by_customer: dict[str, list[int]] = {}
    for event in events:
        positions = by_customer.setdefault(event["data"]["customer_id"], [])
        # One that was taken when the gateway died comes again.
        if event["position"] not in positions:
            positions.append(event["position"])
    assert len(by_customer) == 2
    assert all(positions == sorted(positions) for positions in by_customer.values()), by_customer


def test_no_event_is_lost_by_a_receiver_or_a_gateway_that_dies(
    start_gateway: Callable[..., Gateway], receiver: Receiver
) -> None:
    gateway = start_gateway(keep=True, **IMPATIENT)
    everything = lambda after: ask(gateway, "GET", f"/partner/v1/events?limit=1000&after={after}")
    before_it = everything(0)["next_after"]
    webhook = ask(gateway, "POST", WEBHOOKS, {"url": receiver.url, "kinds": ["customer.bound", "customer.unbound"]})
    change_associations(gateway, 2)
    deliveries = f"{WEBHOOKS}/{webhook['id']}/deliveries"
    tried = lambda: [row for row in ask(gateway, "GET", deliveries)["deliveries"] if row["attempts"]]
    wait_until(lambda: tried() != [], "nobody listens")
    gateway.kill()
    receiver.start()
    gateway = start_gateway(keep=True, **IMPATIENT)
    wait_until(lambda: receiver.taken() != [], "the receiver refuses some and then takes them", 30)
    gateway.kill()
    gateway = start_gateway(keep=True, **IMPATIENT)
    change_associations(gateway, 1)
    receiver.kill()
    change_associations(gateway, 1)
    receiver.start()

    polled: list[dict] = []
    after = before_it
    while (page := ask(gateway, "GET", f"/partner/v1/events?limit=5&after={after}"))["events"]:
        polled, after = polled + page["events"], page["next_after"]
    assert len(polled) == 4 * 4 and {event["type"] for event in polled} == {"customer.bound", "customer.unbound"}
    got = lambda: {event["id"] for event in receiver.taken()}
    wait_until(lambda: got() == {event["id"] for event in polled}, "every event has come", 60)
    by_id = {event["id"]: event for event in polled}
    assert all(event == by_id[event["id"]] for event in receiver.taken())
    assert_in_order(receiver.taken())

    library = Webhook(webhook["secret"])
    for request in receiver.asked():
        verified = library.verify(request["body"], request["headers"])
        assert verified["id"] == request["headers"]["webhook-id"]
    request = receiver.asked()[0]
    with pytest.raises(WebhookVerificationError):
        library.verify(request["body"].replace("customer", "Customer"), request["headers"])

    replay = f"{WEBHOOKS}/{webhook['id']}/replay"
    before = len(receiver.taken())
    assert ask(gateway, "POST", replay, {"event_id": polled[0]["id"]}) == {"events": 1}
    wait_until(lambda: len(receiver.taken()) == before + 1, "it is sent once more", 30)
    assert receiver.taken()[-1] == polled[0]
    span = {"from": "2020-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    ever = [event for event in everything(0)["events"] if event["type"].startswith("customer.")]
    assert len(ever) > len(polled), "also what happened before it was registered"
    assert ask(gateway, "POST", replay, span) == {"events": len(ever)}
    wait_until(lambda: len(receiver.taken()) == before + 1 + len(ever), "all are sent once more", 30)
    assert {event["id"] for event in receiver.taken()[before + 1 :]} == {event["id"] for event in ever}


def test_in_production_only_addresses_on_the_open_internet_are_called(production: Production) -> None:
    production.admin("account", "create", "webhook-partner", "--kind", "partner")
    key = production.admin("key", "create", "webhook-partner")
    auth = SdkAuth(Account("partner", key["access_key"], key["secret_key"], ""))
    for url, rule in [
        ("http://partner.example.com/events", "must begin with https://"),
        ("https://127.0.0.1/events", "its address is in a network that is not called"),
        ("https://10.0.0.7/events", "its address is in a network that is not called"),
        ("https://[::ffff:192.168.0.1]/events", "its address is in a network that is not called"),
        ("https://169.254.169.254/latest/meta-data", "its address is in a network that is not called"),
    ]:
        answer = requests.post(f"{production.url}{WEBHOOKS}", json={"url": url}, auth=auth, timeout=SECONDS)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "CBC.0100")
        assert answer.json()["error_msg"] == f"Parameter error. url: {rule}."
    # What a name resolves to is seen when it is called.
    answer = requests.post(f"{production.url}{WEBHOOKS}", json={"url": "https://localhost/events"}, auth=auth, timeout=SECONDS)
    webhook = answer.json()["id"]
    production.admin("account", "create", "webhook-customer", "--kind", "customer", "--parent", "webhook-partner")
    production.admin("association", "unbind", "webhook-customer")
    target = f"{production.url}{WEBHOOKS}/{webhook}/deliveries"

    def attempts() -> list[dict]:
        time.sleep(0.2)  # The quota is the vendor's.
        listed = requests.get(target, auth=auth, timeout=SECONDS).json()["deliveries"]
        # The oldest: what came after it waits for it.
        return listed[-1]["attempts"] if listed else []

    wait_until(lambda: attempts() != [], "it was tried")
    attempt = attempts()[0]
    assert attempt["status"] is None and "a network that is not called" in attempt["error"], attempt


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
    server.folder = Path(sys.argv[1])
    server.serve_forever()
