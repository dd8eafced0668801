"""The life of a gateway: restarts, crashes, the way to stop, clients that are slow, and what operators see."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from sandbox import Gateway, run, wait_until
from wire import HERE, SECONDS, SPECS_BODY, head, read, send, send_at_once, signed, specs_request

UNITS = "/v2/bases/measurements"
StartGateway = Callable[..., Gateway]
LogIn = Callable[..., requests.Response]


def status_with_token(gateway: Gateway, token: str) -> int:
    return requests.get(gateway.url + UNITS, headers={"X-Auth-Token": token}, timeout=SECONDS).status_code


def status_with_key(gateway: Gateway) -> int:
    return send(gateway, signed(gateway, "demo-partner", "GET", UNITS)).status


def test_the_world_outlives_a_restart_and_ends_with_a_reset(start_gateway: StartGateway, log_in: LogIn) -> None:
    first = start_gateway("--seed", "7", keep=True)
    token = log_in("demo-partner", of=first).headers["X-Subject-Token"]
    first.stop()

    # Another seed does not matter: the world that is there keeps its own.
    second = start_gateway("--seed", "8", keep=True)
    assert second.accounts == first.accounts
    assert status_with_token(second, token) == 200
    assert status_with_key(second) == 200
    second.stop()

    third = start_gateway("--seed", "8", "--reset", keep=True)
    assert third.accounts.keys() == first.accounts.keys()
    assert third.access_key != first.access_key
    assert status_with_token(third, token) == 401
    assert status_with_key(third) == 200


def test_after_a_crash_of_gateway_and_database_nothing_is_lost(
    start_gateway: StartGateway, data_folder: Path, log_in: LogIn
) -> None:
    first = start_gateway(keep=True)
    token = log_in("demo-partner", of=first).headers["X-Subject-Token"]
    postmaster = int((data_folder / "data/postmaster.pid").read_text().split()[0])
    first.kill()
    os.kill(postmaster, signal.SIGKILL)

    second = start_gateway(keep=True)
    assert second.accounts == first.accounts
    assert status_with_token(second, token) == 200


def test_after_a_crash_of_the_gateway_its_database_ends_with_it(
    start_gateway: StartGateway, data_folder: Path, log_in: LogIn
) -> None:
    first = start_gateway(keep=True)
    token = log_in("demo-partner", of=first).headers["X-Subject-Token"]
    postmaster = int((data_folder / "data/postmaster.pid").read_text().split()[0])
    first.kill()
    wait_until(lambda: not Path(f"/proc/{postmaster}").exists(), "PostgreSQL has ended too")
    second = start_gateway(keep=True)
    assert status_with_token(second, token) == 200


def test_a_request_that_runs_when_the_gateway_stops_is_finished(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    request = specs_request(gateway)
    with socket.create_connection(gateway.address, SECONDS) as connection, idle_connection(gateway) as idle:
        connection.sendall(head(request) + SPECS_BODY[:40])
        time.sleep(0.3)  # Until the gateway has certainly read the headers; nothing tells us.
        gateway.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not accepts(gateway), "new connections are refused")
        assert idle.recv(1) == b"", "an idle connection is closed"
        assert gateway.process.poll() is None
        connection.sendall(SPECS_BODY[40:])
        answer = read(connection)
    assert answer.status == 200
    assert len(answer.json()["cloud_service_basics"]) == 1
    assert gateway.process.wait(SECONDS) == 0


def idle_connection(gateway: Gateway) -> socket.socket:
    """A connection kept alive after an answer."""
    connection = socket.create_connection(gateway.address, SECONDS)
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert read(connection).status == 200
    return connection


def accepts(gateway: Gateway) -> bool:
    try:
        socket.create_connection(gateway.address, SECONDS).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_request_that_does_not_end_is_cut_off_after_the_drain_time(start_gateway: StartGateway) -> None:
    gateway = start_gateway(BSS_SERVER_DRAIN_SECONDS="1")
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(head(specs_request(gateway)))
        time.sleep(0.3)
        started = time.monotonic()
        gateway.stop()
        assert time.monotonic() - started < 6


def test_slow_clients_are_cut_off(start_gateway: StartGateway) -> None:
    gateway = start_gateway(BSS_SERVER_HEADER_TIMEOUT_SECONDS="1", BSS_SERVER_REQUEST_TIMEOUT_SECONDS="1")

    started = time.monotonic()
    with socket.create_connection(gateway.address, SECONDS) as connection:
        # A byte now and then must not win more time.
        assert dribble(connection, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Padding: " + b"x" * 100) == b""
    assert 0.9 < time.monotonic() - started < 3

    started = time.monotonic()
    with socket.create_connection(gateway.address, SECONDS) as connection:
        connection.sendall(head(specs_request(gateway)) + SPECS_BODY[:40])
        answer = read(connection)
    assert (answer.status, answer.json()["error_code"]) == (504, "APIGW.0201")
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
    assert 0.9 < time.monotonic() - started < 3

    assert status_with_key(gateway) == 200, "nobody else suffers"


def dribble(connection: socket.socket, text: bytes) -> bytes:
    """Sends a byte each tenth of a second until the other side says something or closes."""
    connection.settimeout(0.1)
    for byte in text:
        try:
            connection.send(bytes([byte]))
            return connection.recv(1024)
        except TimeoutError:
            continue
        except ConnectionError:
            return b""
    pytest.fail("the whole text was read")


def test_operators_see_calls_quota_refusals_and_authentication_failures(start_gateway: StartGateway) -> None:
    gateway = start_gateway()
    units = [(HERE, signed(gateway, "demo-partner", "GET", UNITS)) for _ in range(12)]
    send_at_once(gateway, units)
    changed = signed(gateway, "demo-partner", "GET", "/v2/bases/conversions")
    changed.prepare_url(gateway.url + "/v2/bases/conversions", {"measure_type": 3})
    assert send(gateway, changed).status == 401
    requests.get(gateway.url + "/v2/bases/conversions", timeout=SECONDS)
    requests.get(gateway.url + "/v2/bases/conversions", headers={"X-Auth-Token": "unknown"}, timeout=SECONDS)
    requests.get(gateway.url + "/a/strangers/guess", timeout=SECONDS)

    metrics = read_metrics(gateway)
    assert metrics['bss_requests_total{operation="ListMeasureUnits",status="200"}'] == 10
    assert metrics['bss_requests_total{operation="ListMeasureUnits",status="429"}'] == 2
    assert metrics['bss_requests_total{operation="ListConversions",status="401"}'] == 3
    assert metrics['bss_requests_total{operation="none",status="404"}'] == 1
    assert metrics['bss_request_duration_seconds_count{operation="ListMeasureUnits"}'] == 12
    assert metrics['bss_quota_refusals_total{dimension="ip"}'] == 2
    for cause in ("mismatch", "missing", "unknown_token"):
        assert metrics[f'bss_authentication_failures_total{{cause="{cause}"}}'] == 1
    assert metrics["bss_listening"] == 1
    assert not [name for name in metrics if "guess" in name]


def read_metrics(gateway: Gateway) -> dict[str, float]:
    text = requests.get(f"{gateway.operator_url}/metrics", timeout=SECONDS).text
    return {name: float(value) for name, value in re.findall(r"^([^#\s]\S*) (\S+)$", text, re.MULTILINE)}


def test_a_gateway_without_its_database_says_so(start_gateway: StartGateway, data_folder: Path) -> None:
    gateway = start_gateway(keep=True)
    process, _, started = (data_folder / "data/postmaster.pid").read_text().splitlines()[:3]
    # One that ends within five seconds is no news: after a crash several do, until the old one has let go of the data.
    wait_until(lambda: time.time() - int(started) > 6, "PostgreSQL runs for longer than that")
    os.kill(int(process), signal.SIGINT)
    wait_until(lambda: not gateway.is_ready(), "/readyz no longer answers 200")
    assert requests.get(f"{gateway.url}/healthz", timeout=SECONDS).status_code == 200
    wait_until(gateway.is_ready, "PostgreSQL is started again")
    assert "PostgreSQL has ended" in gateway.log()
    gateway.stop()


def test_serve_needs_a_database() -> None:
    ended = run("serve")
    assert ended.returncode == 1
    assert "DATABASE_URL is not set" in ended.stderr


@pytest.mark.parametrize("command", ["serve", "sandbox", "config"])
def test_an_unknown_setting_is_refused_by_name(command: str) -> None:
    ended = run(command, BSS_SERVER_LISEN="127.0.0.1:1")
    assert ended.returncode == 1
    assert "BSS_SERVER_LISEN" in ended.stderr


def test_a_setting_that_cannot_be_read_is_refused_by_name() -> None:
    assert "BSS_SERVER_DRAIN_SECONDS" in run("config", BSS_SERVER_DRAIN_SECONDS="soon").stderr


def test_the_configuration_is_shown_without_its_secrets() -> None:
    ended = run(
        "config",
        DATABASE_URL="postgres://app:hush1@db/bss",
        BSS_SECRETS_MASTER_KEY="hush2",
        BSS_EXPLORER_DEMO_SECRET_KEY="hush3",
        BSS_SERVER_DRAIN_SECONDS="7",
    )
    assert ended.returncode == 0
    assert "drain_seconds = 7" in ended.stdout
    assert "postgres://app:<hidden>@db/bss" in ended.stdout
    assert "hush" not in ended.stdout + ended.stderr
