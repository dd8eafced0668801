"""Production from nothing: an empty database, `serve`, and the first accounts by the command line alone."""

import base64
import hmac
import json
import os
import re
import signal
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from huaweicloudsdkcore.auth.credentials import GlobalCredentials
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException

from sandbox import BINARY, SECONDS_TO_START, SECONDS_TO_STOP, environment, wait_until
from test_operations import Client
from wire import SECONDS


RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Production:
    """`serve` on a database that is told by its address, with the command line that operators have."""

    def __init__(self, database_url: str) -> None:
        self.env = environment(
            DATABASE_URL=database_url,
            BSS_SECRETS_MASTER_KEY="5a" * 32,
            BSS_SERVER_LISTEN="127.0.0.1:0",
            BSS_SERVER_OPERATOR_LISTEN="127.0.0.1:0",
        )
        self._log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([BINARY, "serve"], env=self.env, stderr=self._log)
        wait_until(lambda: self._address() is not None, "it serves", SECONDS_TO_START)
        self.url, self.operator_url = f"http://{self._address()}", f"http://{self._address('operator')}"
        wait_until(self.is_ready, "it is ready")

    def _address(self, of: str = "api") -> str | None:
        """From its log: the system picked the port."""
        assert self.process.poll() is None, self.log()
        lines = [json.loads(line) for line in self.log().splitlines()]
        return next((line[of] for line in lines if line.get("message") == "serving"), None)

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    def is_ready(self) -> bool:
        return requests.get(f"{self.url}/readyz", timeout=SECONDS).status_code == 200

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        command = [BINARY, *arguments]
        return subprocess.run(command, env=self.env, input=text, capture_output=True, text=True, timeout=SECONDS)

    def admin(self, *arguments: str, text: str = "") -> dict:
        ended = self.run("admin", "--json", *arguments, text=text)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def client(self, key: dict) -> Client:
        return Client("cn", self, GlobalCredentials(key["access_key"], key["secret_key"]))

    def log_in(self, account: str, password: str, totp: dict | None = None) -> requests.Response:
        user = {"name": account, "password": password, "domain": {"name": account}}
        identity: dict = {"methods": ["password"], "password": {"user": user}}
        if totp is not None:
            identity = identity | {"methods": ["password", "totp"], "totp": {"user": totp}}
        body = {"auth": {"identity": identity}}
        return requests.post(f"{self.url}/v3/auth/tokens", json=body, timeout=SECONDS)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS_TO_STOP) == 0, self.log()


@pytest.fixture(scope="module")
def database_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        told = Path(folder) / "url"
        # Reads its standard input until we close it.
        script = f'echo "$DATABASE_URL" > {told}.new && mv {told}.new {told} && cat'
        command = [BINARY, "with-postgres", "--", "sh", "-c", script]
        process = subprocess.Popen(command, env=environment() | {"PATH": os.environ["PATH"]}, stdin=subprocess.PIPE)
        wait_until(told.exists, "PostgreSQL runs", SECONDS_TO_START)
        yield told.read_text().strip()
        process.stdin.close()
        assert process.wait(SECONDS_TO_STOP) == 0


@pytest.fixture(scope="module")
def production(database_url: str) -> Iterator[Production]:
    production = Production(database_url)
    yield production
    production.stop()


def test_the_first_partner_is_made_and_calls(production: Production) -> None:
    production.admin("account", "create", "first-partner", "--kind", "partner")
    key = production.admin("key", "create", "first-partner")
    client = production.client(key)
    assert client("ListResourceTypes").total_count == 0, "nothing was imported yet"

    assert production.run("migrate", "--catalogue").returncode == 0
    wait_until(lambda: client("ListResourceTypes").total_count > 200, "the catalogue is followed")


def test_an_operator_does_over_http_what_the_command_line_does_and_both_leave_a_trace(production: Production) -> None:
    token = production.admin("operator", "create", "alice", "--role", "admin")["token"]
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {token}"
    accounts = f"{production.operator_url}/admin/v1/accounts"
    created = http.post(accounts, json={"name": "by-http", "kind": "partner"}, timeout=SECONDS)
    assert created.status_code == 200, created.text
    production.admin("funds", "top-up", "by-http", "12.30")
    funds = http.get(f"{accounts}/by-http/funds", timeout=SECONDS).json()
    assert [(row["kind"], row["amount"]) for row in funds["balances"]] == [("cash", 12.3)]
    events = http.get(f"{production.operator_url}/admin/v1/audit-events", timeout=SECONDS).json()["events"]
    assert [(row["operation"], row["credential"]) for row in events[:3]] == [
        ("admin funds top-up", "command line"),
        ("CreateAccount", "operator"),
        ("admin operator create", "command line"),
    ]
    assert http.get(f"{production.operator_url}/admin/openapi.json", timeout=SECONDS).json()["paths"]
    assert "swagger-ui" in http.get(f"{production.operator_url}/admin/docs/", timeout=SECONDS).text
    # The partners' listener knows nothing of it.
    assert http.get(f"{production.url}/admin/v1/accounts", timeout=SECONDS).status_code == 404
    production.admin("operator", "delete", "alice")
    assert http.get(accounts, timeout=SECONDS).status_code == 401


def test_the_command_line_lists_what_the_operators_api_lists(production: Production) -> None:
    token = production.admin("operator", "create", "lister", "--role", "admin")["token"]
    http = requests.Session()
    http.headers["Authorization"] = f"Bearer {token}"
    production.admin("account", "create", "listed-distributor", "--kind", "distributor")
    production.admin("reseller", "admit", "listed-distributor", "listed-reseller")
    production.admin("account", "create", "listed-customer", "--kind", "customer", "--parent", "listed-reseller")
    frozen = production.admin("customer", "freeze", "listed-customer", "Arrears", "--type", "account-and-resource")
    assert (frozen["frozen"], frozen["partner"]) == ("ACCOUNT_AND_RESOURCE", "listed-reseller")
    production.admin("partner", "set", "listed-reseller", "--name", "Listed Ltd", "--phone", "13800000009")
    production.admin("funds", "issue-card", "listed-customer", "5.00")
    of = f"{production.operator_url}/admin/v1/accounts"
    for arguments, url, rows in [
        (["account", "list", "--tree-of", "listed-reseller"], f"{of}?tree_of=listed-distributor", "accounts"),
        (["user", "list", "listed-customer"], f"{of}/listed-customer/users", "users"),
        (["reseller", "list", "listed-distributor"], f"{of}/listed-distributor/resellers", "resellers"),
        (["customer", "list", "listed-reseller"], f"{of}/listed-reseller/customers", "customers"),
        (["customer", "show", "listed-customer"], f"{of}/listed-customer/customer", None),
        (["partner", "show", "listed-reseller"], f"{of}/listed-reseller/profile", None),
        (["association", "show", "listed-customer"], f"{of}/listed-customer/association", "steps"),
        (["notifications", "list", "listed-reseller"], f"{of}/listed-reseller/notifications", "notifications"),
        (["funds", "list-cards", "listed-customer"], f"{of}/listed-customer/stored-value-cards", "cards"),
        (["real-name", "list"], f"{production.operator_url}/admin/v1/real-name-reviews", "reviews"),
        (["audit", "list"], f"{production.operator_url}/admin/v1/audit-events", "events"),
        (["limits", "list"], f"{production.operator_url}/admin/v1/limits", "limits"),
    ]:
        answer = http.get(url, timeout=SECONDS).json()
        assert production.admin(*arguments) == (answer[rows] if rows else answer), arguments
    ended = production.run("admin", "snapshot", "save", "listed-reseller", "before")
    assert (ended.returncode, ended.stderr) == (1, "bss-gateway: snapshots are taken in a sandbox only\n")


def test_the_command_line_shows_accounts_funds_and_who_did_what(production: Production) -> None:
    created = production.admin("account", "create", "shown-partner", "--kind", "partner")
    production.admin("user", "create", "shown-partner", "shown-clerk")
    shown = production.admin("account", "show", "shown-partner")
    assert (shown["name"], shown["domain_id"], shown["kind"]) == ("shown-partner", created["domain_id"], "partner")
    assert sorted(shown["users"]) == ["shown-clerk", "shown-partner"]
    assert "users        shown" in production.run("admin", "account", "show", "shown-partner").stdout

    nothing = production.admin("funds", "show", "shown-partner")
    assert {nothing[kind] for kind in ("cash", "designated", "allocated", "credit", "bonus")} == {"0.00"}
    paid = production.admin("funds", "top-up", "shown-partner", "12.50")
    assert (paid["cash"], len(paid["transfer_id"])) == ("12.50", 34)
    assert RFC_3339.fullmatch(paid["time"])
    for amount in ("-5", "-0.01"):
        refused = production.run("admin", "funds", "top-up", "shown-partner", amount)
        assert "must be greater than 0" in refused.stderr and "unexpected" not in refused.stderr, refused.stderr

    operator = production.admin("operator", "create", "watcher", "--role", "operate")
    headers = {"Authorization": f"Bearer {operator['token']}"}
    path = f"{production.operator_url}/admin/v1/accounts/shown-partner/funds/top-ups"
    answer = requests.post(path, json={"amount": "1"}, headers=headers, timeout=SECONDS).json()
    assert len(answer["transfer_id"]) == 34
    events = production.admin("audit", "list", "--operation", "TopUpFunds")
    assert (events[0]["user_name"], events[0]["subject_name"]) == ("watcher", "shown-partner")
    assert all(RFC_3339.fullmatch(event["happened_at"]) for event in events)
    table = production.run("admin", "audit", "list").stdout
    assert "watcher" in table and "shown-partner" in table


def test_in_production_there_are_no_faults_and_no_clock_moves(production: Production) -> None:
    token = production.admin("operator", "create", "tester", "--role", "admin")["token"]
    headers = {"Authorization": f"Bearer {token}"}
    production.admin("account", "create", "still", "--kind", "partner")
    for path, body in [
        ("faults", {"fault": "DROP_CONNECTION"}),
        ("clock", {"account": "still", "action": "FREEZE"}),
    ]:
        answer = requests.post(f"{production.operator_url}/admin/v1/{path}", json=body, headers=headers, timeout=SECONDS)
        assert answer.status_code == 400, answer.text
        assert "sandbox only" in answer.json()["error_msg"]
    ended = production.run("admin", "clock", "freeze", "still")
    assert (ended.returncode, ended.stderr) == (1, "bss-gateway: clocks are moved in a sandbox only\n")
    open_to_all = f"{production.url}/v3/auth/tokens"
    answer = requests.post(open_to_all, json={}, headers={"X-Sandbox-Fault": "DROP_CONNECTION"}, timeout=SECONDS)
    assert (answer.status_code, "X-Sandbox-Fault" in answer.text) == (400, True)


def test_in_production_a_refused_signature_is_not_explained(production: Production) -> None:
    production.admin("account", "create", "terse", "--kind", "partner")
    key = production.admin("key", "create", "terse")
    with pytest.raises(ClientRequestException, match="canonical request: GET") as refusal:
        production.client(key | {"secret_key": "wrong"})("ListMeasureUnits")
    assert "Likely cause" not in refusal.value.error_msg


def test_a_disabled_key_and_user_and_an_old_password_are_refused_by_the_next_request(production: Production) -> None:
    production.admin("account", "create", "life", "--kind", "partner")
    key = production.admin("key", "create", "life")
    client = production.client(key)
    assert client("ListMeasureUnits")

    def is_refused() -> bool:
        try:
            client("ListMeasureUnits")
        except ClientRequestException as refusal:
            return refusal.status_code == 401
        return False

    for part, *who in [("key", key["access_key"]), ("user", "life", "life")]:
        production.admin(part, "disable", *who)
        wait_until(is_refused, f"the {part} is refused", 1)
        production.admin(part, "enable", *who)
        wait_until(lambda: not is_refused(), f"the {part} is accepted again", 2)

    production.admin("user", "set-password", "life", "life", text="First-123\n")
    token = production.log_in("life", "First-123").headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token}
    assert requests.get(f"{production.url}/v3/auth/domains", headers=headers, timeout=SECONDS).status_code == 200
    production.admin("user", "set-password", "life", "life", text="Second-123\n")
    wait_until(
        lambda: requests.get(f"{production.url}/v3/auth/domains", headers=headers, timeout=SECONDS).status_code == 401,
        "the old token is refused",
        1,
    )
    assert production.log_in("life", "First-123").status_code == 401
    assert production.log_in("life", "Second-123").status_code == 201


def passcode(uri: str, at: float) -> str:
    """What an authenticator app shows, by the letter of RFC 6238."""
    secret = base64.b32decode(parse_qs(urlsplit(uri).query)["secret"][0])
    mac = hmac.digest(secret, struct.pack(">Q", int(at) // 30), "sha1")
    [number] = struct.unpack_from(">I", mac, mac[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def test_a_user_with_a_second_factor_gives_its_passcode_once(production: Production) -> None:
    production.admin("account", "create", "careful", "--kind", "partner")
    production.admin("user", "set-password", "careful", "careful", text="Careful-123\n")
    enrolled = production.admin("user", "enable-totp", "careful", "careful")
    assert enrolled["otpauth"].startswith("otpauth://totp/bss-gateway:careful%2Fcareful?secret=")
    assert production.log_in("careful", "Careful-123").status_code == 401
    totp = {"id": enrolled["user_id"], "passcode": passcode(enrolled["otpauth"], time.time())}
    answer = production.log_in("careful", "Careful-123", totp)
    assert (answer.status_code, answer.json()["token"]["methods"]) == (201, ["password", "totp"])
    assert production.log_in("careful", "Careful-123", totp).status_code == 401, "a replay"
    production.admin("user", "disable-totp", "careful", "careful")
    assert production.log_in("careful", "Careful-123").status_code == 201


def test_a_key_shows_when_it_was_last_used_once_the_gateway_has_written_it(database_url: str) -> None:
    production = Production(database_url)
    production.admin("account", "create", "used", "--kind", "partner")
    key = production.admin("key", "create", "used")
    production.admin("key", "create", "used")
    assert production.client(key)("ListMeasureUnits")
    assert [row["last_used_at"] for row in production.admin("key", "list", "used")] == [None, None]
    production.stop()
    used, unused = production.admin("key", "list", "used")
    assert (used["access_key"], unused["last_used_at"]) == (key["access_key"], None)
    last = datetime.strptime(used["last_used_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta() <= datetime.now(UTC) - last < timedelta(minutes=1)


def test_what_cannot_be_done_is_said_in_words(production: Production) -> None:
    production.admin("account", "create", "rules", "--kind", "distributor")
    for arguments, words in [
        (["account", "create", "rules", "--kind", "partner"], "the name rules is taken"),
        (["account", "create", "lone", "--kind", "reseller"], "a Reseller cannot be at the top of a tree"),
        (["user", "create", "nobody", "x"], "there is no account nobody"),
        (["user", "disable", "rules", "x"], "the account rules has no user x"),
        (["key", "disable", "AK"], "there is no access key AK"),
        (["agency", "withdraw", "rules", "x"], "the account rules has granted no agency x"),
    ]:
        ended = production.run("admin", *arguments)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert words in ended.stderr


def test_no_secret_is_stored_in_the_clear(production: Production, database_url: str) -> None:
    production.admin("account", "create", "hidden", "--kind", "partner")
    key = production.admin("key", "create", "hidden")
    production.admin("user", "set-password", "hidden", "hidden", text="Hidden-123\n")
    token = production.log_in("hidden", "Hidden-123").headers["X-Subject-Token"]
    uri = production.admin("user", "enable-totp", "hidden", "hidden")["otpauth"]
    [shared] = parse_qs(urlsplit(uri).query)["secret"]
    dumps = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"))
    dump = subprocess.run([dumps[-1] if dumps else "pg_dump", database_url], capture_output=True, check=True).stdout
    assert key["access_key"].encode() in dump
    assert base64.b32decode(shared).hex().encode() not in dump
    for secret in (key["secret_key"], "Hidden-123", token, shared):
        assert secret.encode() not in dump
        assert secret.encode().hex().encode() not in dump
        assert secret not in production.log()
