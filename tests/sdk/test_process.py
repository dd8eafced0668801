"""The process among others: pipes, signals, folders, sockets, and what other programs' settings must not do to it."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import requests

from sandbox import BINARY, SECONDS_TO_STOP, Gateway, environment, run, wait_until
from wire import SECONDS, SPECS_BODY, head, read, signed, specs_request

StartGateway = Callable[..., Gateway]
UNITS = "/v2/bases/measurements"
FULL = "/dev/full"


def is_running(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def postmaster(folder: Path) -> int:
    return int((folder / "data/postmaster.pid").read_text().split()[0])


def folder_of(gateway: Gateway) -> Path:
    return Path(gateway.master_key_file).parent


def ask(gateway: Gateway) -> int:
    request = signed(gateway, "demo-partner", "GET", UNITS)
    return requests.Session().send(request, timeout=SECONDS).status_code


def metric(gateway: Gateway, name: str) -> float:
    lines = requests.get(f"{gateway.operator_url}/metrics", timeout=SECONDS).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


# What is printed.


@pytest.fixture(params=["a pipe without a reader", "a full disk"])
def unwritable(request: pytest.FixtureRequest) -> Iterator[int]:
    if request.param == "a full disk":
        descriptor = os.open(FULL, os.O_WRONLY)
    else:
        reader, descriptor = os.pipe()
        os.close(reader)
    yield descriptor
    os.close(descriptor)


def test_a_log_that_cannot_be_written_stops_nothing(unwritable: int, data_folder: Path) -> None:
    gateway = Gateway(["--data", str(data_folder)], {"BSS_LOG_FILTER": "info"}, log=unwritable)
    assert [ask(gateway) for _ in range(5)] == [200] * 5
    wait_until(lambda: metric(gateway, "bss_log_lines_dropped_total") >= 5, "the lost lines are counted")
    server = postmaster(data_folder)
    gateway.stop()
    assert not is_running(server)


@pytest.mark.parametrize("arguments", [["config"], ["--help"], ["--version"]])
def test_an_output_that_cannot_be_written_is_one_line_and_status_1(arguments: list[str]) -> None:
    with open(FULL, "w") as full:
        ended = subprocess.run([BINARY, *arguments], env=environment(), stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 1
    assert ended.stderr == "bss-gateway: No space left on device (os error 28)\n"


def test_a_reader_that_has_seen_enough_is_no_error(gateway: Gateway) -> None:
    command = f"{BINARY} admin prices export | head -1; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", command], env=environment(DATABASE_URL=gateway.database_url), capture_output=True, text=True
    )
    assert ended.stderr == ""
    assert ended.stdout.splitlines()[-1] == "0"


@pytest.mark.parametrize(
    ("create", "look"),
    [
        (["key", "create", "demo-partner"], ["key", "list", "demo-partner"]),
        (["operator", "create", "unseen", "--role", "read"], ["operator", "list"]),
        (["funds", "top-up", "demo-partner", "1.00"], ["audit", "list"]),
    ],
)
def test_what_could_not_be_shown_was_not_done(gateway: Gateway, create: list[str], look: list[str]) -> None:
    settings = {
        "DATABASE_URL": gateway.database_url,
        "BSS_SECRETS_MASTER_KEY_FILE": gateway.master_key_file,
    }
    before = run("admin", "--json", *look, **settings).stdout
    with open(FULL, "w") as full:
        ended = subprocess.run(
            [BINARY, "admin", *create], env=environment(**settings), stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ended.returncode == 1
    assert "nothing was changed" in ended.stderr and len(ended.stderr.splitlines()) == 1
    assert run("admin", "--json", *look, **settings).stdout == before


# How it ends.


@pytest.mark.parametrize("kind", [signal.SIGHUP, signal.SIGINT])
def test_every_request_to_stop_ends_postgresql_too(kind: signal.Signals) -> None:
    gateway = Gateway(["--ephemeral"], {})
    folder = folder_of(gateway)
    server = postmaster(folder)
    gateway.process.send_signal(kind)
    assert gateway.process.wait(SECONDS_TO_STOP) == 0
    assert not is_running(server) and not folder.exists()


def test_who_runs_it_with_nohup_keeps_it_when_the_terminal_closes() -> None:
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        gateway = Gateway(["--ephemeral"], {})
    finally:
        signal.signal(signal.SIGHUP, ignored)
    gateway.process.send_signal(signal.SIGHUP)
    assert ask(gateway) == 200
    gateway.stop()


def test_a_kill_leaves_neither_postgresql_nor_a_folder() -> None:
    gateway = Gateway(["--ephemeral"], {})
    folder = folder_of(gateway)
    server = postmaster(folder)
    gateway.kill()
    wait_until(lambda: not is_running(server) and not folder.exists(), "both have gone")


def test_a_second_signal_ends_at_once(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    folder = folder_of(gateway)
    server = postmaster(folder)
    request = signed(gateway, "demo-partner", "GET", UNITS)
    request.headers["X-Sandbox-Fault"] = "LATENCY=15000"
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(head(request))
        time.sleep(0.3)  # Until the request certainly runs; nothing tells us.
        started = time.monotonic()
        gateway.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert gateway.process.poll() is None
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(SECONDS) == 130
        assert time.monotonic() - started < 3
    wait_until(lambda: not is_running(server), "PostgreSQL has ended")


def test_half_a_request_holds_the_stop_no_longer_than_five_seconds(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    sent = head(specs_request(gateway))
    half_head = socket.create_connection(gateway.address, SECONDS)
    half_body = socket.create_connection(gateway.address, SECONDS)
    with half_head, half_body:
        half_head.sendall(sent[:40])
        half_body.sendall(sent + SPECS_BODY[:40])
        time.sleep(0.3)  # Until both were certainly read; nothing tells us.
        started = time.monotonic()
        gateway.stop()
        assert time.monotonic() - started < 7


def test_a_request_that_was_sent_whole_is_finished_however_long_it_takes(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    request = specs_request(gateway)
    request.headers["X-Sandbox-Fault"] = "LATENCY=7000"
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(head(request) + SPECS_BODY)
        time.sleep(0.3)  # Until it was certainly read; nothing tells us.
        gateway.process.send_signal(signal.SIGTERM)
        assert read(connection).status == 200
    assert gateway.process.wait(SECONDS) == 0


def test_the_keys_are_shown_again(start_gateway: StartGateway, data_folder: Path) -> None:
    gateway = start_gateway(keep=True)
    shown = run("sandbox", "keys", "--data", str(data_folder))
    assert shown.returncode == 0
    for part in (gateway.access_key, gateway.secret_key, gateway.url, f"export HUAWEICLOUD_SDK_AK={gateway.access_key}"):
        assert part in shown.stdout
    assert (data_folder / "welcome").stat().st_mode & 0o077 == 0


# Where it starts.


def test_settings_of_postgresqls_tools_are_about_another_server(data_folder: Path) -> None:
    wrong = {
        "PGHOST": "203.0.113.1",
        "PGHOSTADDR": "203.0.113.1",
        "PGPORT": "1",
        "PGDATABASE": "nothing",
        "PGUSER": "nobody-we-know",
        "PGPASSWORD": "wrong",
        "PGPASSFILE": "/nonexistent",
        "PGSERVICE": "nothing",
        "PGSERVICEFILE": "/nonexistent",
        "PGOPTIONS": "-c default_transaction_read_only=on",
        "PGAPPNAME": "x",
        "PGSSLMODE": "require",
        "PGSSLROOTCERT": "/nonexistent",
        "PGSSLCERT": "/nonexistent",
        "PGSSLKEY": "/nonexistent",
        "PGREQUIREPEER": "nobody-we-know",
        "PGCONNECT_TIMEOUT": "1",
        "PGCLIENTENCODING": "LATIN1",
        "PGDATESTYLE": "SQL, DMY",
        "PGTZ": "Asia/Tokyo",
        "PGDATA": "/nonexistent",
        "PGTARGETSESSIONATTRS": "standby",
        "PGSYSCONFDIR": "/nonexistent",
    }
    gateway = Gateway(["--data", str(data_folder)], wrong)
    assert ask(gateway) == 200
    gateway.stop()


def test_a_folder_in_use_is_refused_with_who_uses_it(start_gateway: StartGateway, data_folder: Path) -> None:
    gateway = start_gateway(keep=True)
    ports = {"BSS_SERVER_LISTEN": "127.0.0.1:0", "BSS_SERVER_OPERATOR_LISTEN": "127.0.0.1:0"}
    second = run("sandbox", "--data", str(data_folder), **ports)
    assert second.returncode == 1
    for part in (str(data_folder), f"process {gateway.process.pid}", gateway.url):
        assert part in second.stderr, second.stderr
    assert ask(gateway) == 200


def test_it_starts_whatever_the_umask(data_folder: Path) -> None:
    gateway = Gateway(["--data", str(data_folder / "of/its/own")], {}, umask=0o077)
    assert ask(gateway) == 200
    gateway.stop()


def test_a_port_that_is_taken_is_found_before_a_world_is_made(data_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run("sandbox", "--data", str(data_folder), BSS_SERVER_LISTEN=address)
    assert ended.returncode == 1
    assert f"listening on {address}" in ended.stderr
    assert list(data_folder.iterdir()) == []


def test_a_file_that_cannot_be_read_is_named() -> None:
    ended = run("config", BSS_SECRETS_MASTER_KEY_FILE="/nonexistent/key")
    assert "/nonexistent/key" in ended.stderr and ended.returncode == 1


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_all_addresses_are_those_of_both_families(start_gateway: StartGateway) -> None:
    gateway = start_gateway(BSS_SERVER_LISTEN="[::]:0")
    port = gateway.address[1]
    for address in ("127.0.0.1", "::1"):
        with socket.create_connection((address, port), SECONDS) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read(connection).status == 200
    assert run("healthcheck", BSS_SERVER_LISTEN=f"[::]:{port}").returncode == 0


# What is said on a connection.


def raw(gateway: Gateway, sent: bytes) -> bytes:
    """What is answered until the connection ends."""
    answer = b""
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(sent)
        while part := connection.recv(65536):
            answer += part
    return answer


def test_names_of_headers_have_their_capitals(gateway: Gateway) -> None:
    sent = b"GET /v2/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for address in (gateway.address, tuple(gateway.operator_url.removeprefix("http://").split(":"))):
        with socket.create_connection(address, SECONDS) as connection:
            connection.sendall(sent)
            answer = connection.recv(65536)
        assert b"\r\nX-Request-Id: " in answer and b"\r\nContent-Type: " in answer, answer


NO_REQUESTS = {
    "a CR in a name": (b"GET / HTTP/1.1\r\nHo\rst: x\r\n\r\n", 400),
    "a space in the address": (b"GET /a path HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "a long address": (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "many headers": (
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(200)) + b"\r\n",
        431,
    ),
    "nonsense": (b"nonsense\r\n\r\n", 400),
}


def test_what_is_no_request_is_answered_in_our_form(start_gateway: StartGateway) -> None:
    gateway = start_gateway(BSS_LOG_FILTER="info")
    for sent, status in NO_REQUESTS.values():
        answer = parsed(raw(gateway, sent))
        assert answer.status_code == status
        body = answer.json()
        assert (body["error_code"], body["request_id"]) == ("APIGW.0201", answer.headers["x-request-id"])
        wait_until(lambda: body["request_id"] in gateway.log(), "it is logged")
    assert metric(gateway, "bss_unparsed_requests_total") == len(NO_REQUESTS)


def parsed(answer: bytes) -> httpx.Response:
    head_of_it, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head_of_it.decode().split("\r\n")
    headers = [tuple(line.split(": ", 1)) for line in lines]
    return httpx.Response(int(first.split()[1]), headers=headers, content=body)


def test_a_request_without_a_host_or_with_two_is_refused(gateway: Gateway) -> None:
    for hosts in (b"", b"Host: x\r\nHost: y\r\n"):
        answer = parsed(raw(gateway, b"GET /healthz HTTP/1.1\r\n" + hosts + b"Connection: close\r\n\r\n"))
        assert (answer.status_code, answer.json()["error_code"]) == (400, "APIGW.0201")


def test_a_misspelt_field_of_a_write_is_named(gateway: Gateway) -> None:
    partner = "demo-partner"
    body = {"customer_id": "nobody", "amount": 1, "amuont": 2}
    request = signed(gateway, partner, "POST", "/v2/accounts/partner-accounts/adjust-amount", json=body)
    answer = requests.Session().send(request, timeout=SECONDS)
    assert answer.headers["Warning"] == '299 bss-gateway "unknown fields are ignored: amuont"'


def test_http2_is_served_to_who_knows(gateway: Gateway) -> None:
    with httpx.Client(http1=False, http2=True, trust_env=False) as client:
        answers = [client.get(f"{gateway.url}/healthz") for _ in range(3)]
    assert [(answer.status_code, answer.http_version) for answer in answers] == [(200, "HTTP/2")] * 3


@pytest.mark.parametrize("size", [100, 40_000_000])
def test_a_refusal_before_the_body_spoils_no_connection(gateway: Gateway, size: int) -> None:
    with requests.Session() as session:
        for _ in range(10):
            answer = session.post(f"{gateway.url}/v2/nothing-here", data=b"x" * size, timeout=SECONDS)
            assert answer.status_code == 404
            assert session.get(f"{gateway.url}/healthz", timeout=SECONDS).status_code == 200


def test_a_body_in_a_second_packet_is_read_or_the_end_is_announced(gateway: Gateway) -> None:
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(b"POST /v2/nothing-here HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
        time.sleep(0.2)
        connection.sendall(b"12345")
        answer = read(connection)
        assert answer.status == 404 and answer.headers["Connection"] is None
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read(connection).status == 200
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(b"POST /v2/nothing-here HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n")
        answer = read(connection)
        assert answer.status == 404 and answer.headers["Connection"] == "close"


def test_idle_connections_live_longer_than_a_head_may_take(start_gateway: StartGateway) -> None:
    gateway = start_gateway(BSS_SERVER_HEADER_TIMEOUT_SECONDS="1", BSS_SERVER_IDLE_TIMEOUT_SECONDS="4")
    with socket.create_connection(gateway.address, SECONDS) as connection:
        for pause in (0, 2.5, 2.5):
            time.sleep(pause)
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert read(connection).status == 200
        started = time.monotonic()
        assert connection.recv(1) == b""
        assert 3 < time.monotonic() - started < 6


@pytest.mark.parametrize("setting", ["BSS_SERVER_MAX_CONNECTIONS", "BSS_SERVER_MAX_CONNECTIONS_PER_ADDRESS"])
def test_health_is_answered_when_all_places_are_taken(start_gateway: StartGateway, setting: str) -> None:
    gateway = start_gateway(**{setting: "3"})
    idle = []
    for _ in range(3):
        connection = socket.create_connection(gateway.address, SECONDS)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read(connection).status == 200
        idle.append(connection)
    answer = requests.get(f"{gateway.url}/healthz", timeout=SECONDS)
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")
    refused = requests.get(gateway.url + UNITS, timeout=SECONDS)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    for connection in idle:
        connection.close()
    wait_until(lambda: ask(gateway) == 200, "their places are free again")


def test_a_client_that_reads_nothing_loses_its_place(start_gateway: StartGateway) -> None:
    gateway = start_gateway(BSS_SERVER_WRITE_TIMEOUT_SECONDS="1", BSS_SERVER_MAX_CONNECTIONS="1")
    with socket.create_connection(gateway.address, SECONDS) as greedy:
        greedy.settimeout(0.2)
        try:
            for _ in range(200):
                greedy.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        except (TimeoutError, ConnectionError):
            pass  # It reads no more requests as long as nobody reads its answers.
        wait_until(lambda: ask(gateway) == 200, "the place is free again")
