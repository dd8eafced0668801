"""Fixtures: the gateway that most tests share, and gateways of one's own."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from sandbox import Gateway, World, temporary_folder

# Everything is on this machine, whatever proxy its owner uses.
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
RAISED_QUOTAS = {"BSS_QUOTAS_OVERRIDE": '{ "*" = "1000/1" }'}
# Few tests that take minutes. They come first: what runs beside them fills the other cores until they end.
LONG = {"test_schema.py", "test_crash.py", "test_world.py"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.name not in LONG)


@pytest.fixture(scope="session")
def world() -> Iterator[World]:
    """What gateways start on whose world is not made before the test's eyes."""
    with temporary_folder() as folder:
        yield World(folder)


@pytest.fixture(scope="session")
def gateway(world: World) -> Iterator[Gateway]:
    """One gateway for all tests that leave no trace in it; its quotas are out of their way."""
    with world.gateway(RAISED_QUOTAS) as gateway:
        yield gateway


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A folder of the test's own, on a disk: what is kept there is kept."""
    with temporary_folder("/tmp") as folder:
        yield folder


@pytest.fixture
def start_gateway(data_folder: Path, world: World) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways of the test's own, with the settings it names and the quotas as declared.

    With arguments, each makes the world that they ask for. With `keep`, what they store is still there for the next one
    that the test starts.
    """
    started: list[Gateway] = []
    with ExitStack() as copies:

        def start(*arguments: str, keep: bool = False, **settings: str) -> Gateway:
            if keep:
                if not arguments and not any(data_folder.iterdir()):
                    world.copy_to(data_folder)
                place = ["--data", str(data_folder)]
            elif arguments:
                place = ["--ephemeral"]
            else:
                place = ["--data", str(copies.enter_context(world.copy()))]
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
