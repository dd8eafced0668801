"""Fixtures: the gateway that most tests share, and gateways of one's own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from sandbox import Gateway, wait_until

# Everything is on this machine, whatever proxy its owner uses.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
RAISED_QUOTAS = {"BSS_QUOTAS_OVERRIDE": '{ "*" = "1000/1" }'}


@pytest.fixture(scope="session")
def gateway() -> Iterator[Gateway]:
    """One gateway for all tests that leave no trace in it; its quotas are out of their way."""
    gateway = Gateway(["--ephemeral"], RAISED_QUOTAS)
    yield gateway
    gateway.stop()


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A folder that PostgreSQL can enter even if root runs the tests: pytest's own ones are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="bss-gateway-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    # A gateway that was killed: its PostgreSQL ends by itself.
    wait_until(lambda: not (folder / "data/postmaster.pid").exists(), "PostgreSQL has stopped")
    shutil.rmtree(folder)


@pytest.fixture
def start_gateway(data_folder: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways of the test's own, with the settings it names and the quotas as declared.

    With `keep`, what they store is still there for the next one that the test starts.
    """
    started: list[Gateway] = []

    def start(*arguments: str, keep: bool = False, **settings: str) -> Gateway:
        place = ["--data", str(data_folder)] if keep else ["--ephemeral"]
        started.append(Gateway([*place, *arguments], settings))
        return started[-1]

    yield start
    for gateway in started:
        # One that the test stopped or killed itself is none of our business any more.
        if gateway.process.poll() is None:
            gateway.stop()


@pytest.fixture(scope="session")
def log_in(gateway: Gateway) -> Callable[..., requests.Response]:
    """Asks for a token of an account's user, by the password that the sandbox printed unless told otherwise."""

    def ask(
        account: str, password: str | None = None, scope: dict | None = None, of: Gateway = gateway, query: str = ""
    ) -> requests.Response:
        password = password or of.accounts[account].password
        user = {"name": account, "password": password, "domain": {"name": account}}
        auth: dict = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if scope is not None:
            auth["scope"] = scope
        return requests.post(f"{of.url}/v3/auth/tokens{query}", json={"auth": auth}, timeout=20)

    return ask


@pytest.fixture(scope="session")
def token(log_in: Callable[..., requests.Response]) -> str:
    """A token of demo-partner."""
    return log_in("demo-partner").headers["X-Subject-Token"]
