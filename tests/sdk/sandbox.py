"""A gateway of our own: the real binary, run as `sandbox`."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

REPOSITORY = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("BSS_GATEWAY", REPOSITORY / "target/debug/bss-gateway"))
# A world with history takes a while.
SECONDS_TO_START = 300
SECONDS_TO_STOP = 40
LAST_LINE = "Stop with Ctrl-C."
ADDRESS = re.compile(r"^  (API|Metrics) +(http://[\d.]+:\d+)", re.MULTILINE)
OPERATOR = re.compile(r"^  Operators .* token (\S+)$", re.MULTILINE)
DATABASE = re.compile(r"^  Database +(\S+)", re.MULTILINE)
DATA = re.compile(r"^  Data +(\S+)", re.MULTILINE)
OPERATOR_OF_ROLE = re.compile(r"^  sandbox\S* +(read|operate|admin) +(\S{43})$", re.MULTILINE)
ACCOUNT = re.compile(r"^  (\S+) +(\w+) +([A-Z0-9]{20}) +(\S{40}) +(\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Account:
    """A row of the table that the sandbox prints."""

    kind: str
    access_key: str
    secret_key: str
    password: str


def environment(**settings: str) -> dict[str, str]:
    """Ours without any setting of the gateway, since it refuses unknown BSS_ variables such as BSS_GATEWAY."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("BSS_") and name != "DATABASE_URL"}
    return own | settings


def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the binary that ends by itself."""
    return subprocess.run(
        [BINARY, *arguments], env=environment(**settings), capture_output=True, text=True, timeout=SECONDS_TO_START
    )


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Polls, because processes and announcements have no other way to tell a test that they are done."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} seconds in vain until {what}"
        time.sleep(0.02)


class Gateway:
    """A running sandbox."""

    def __init__(
        self, arguments: Sequence[str], settings: dict[str, str], log: int | None = None, umask: int = -1
    ) -> None:
        """With `log`, a file descriptor, that is its standard error.

        The world is bare unless a scale is asked for, so that tests know what is there.
        """
        scale = [] if "--scale" in arguments else ["--scale", "bare"]
        # The system picks the ports, so that none is taken between picking and listening.
        listeners = {"BSS_SERVER_LISTEN": "127.0.0.1:0", "BSS_SERVER_OPERATOR_LISTEN": "127.0.0.1:0"}
        env = environment(**listeners | {"BSS_LOG_FILTER": "warn"} | settings)
        self._output, self._log = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [BINARY, "sandbox", *arguments, *scale],
            env=env,
            stdout=self._output,
            stderr=self._log if log is None else log,
            umask=umask,
        )
        try:
            wait_until(self._has_started, "the sandbox says that it is ready", SECONDS_TO_START)
            self._read_table()
            wait_until(self.is_ready, "/readyz answers 200", SECONDS_TO_START)
        except BaseException:
            self.process.terminate()
            self.process.wait(SECONDS_TO_STOP)
            raise

    def _has_started(self) -> bool:
        assert self.process.poll() is None, f"the sandbox ended: {self.log()}"
        return LAST_LINE in self._text(self._output)

    def _read_table(self) -> None:
        text = self._text(self._output)
        addresses = dict(ADDRESS.findall(text))
        self.operator_token = OPERATOR.search(text)[1]
        self.database_url = DATABASE.search(text)[1]
        self.master_key_file = f"{DATA.search(text)[1]}/master.key"
        self.url, self.operator_url = addresses["API"], addresses["Metrics"]
        rows = {name: Account(*columns) for name, *columns in ACCOUNT.findall(text)}
        self.accounts = {name: row for name, row in rows.items() if row.kind != "user"}
        self.users = {name: row for name, row in rows.items() if row.kind == "user"}
        self.operator_tokens = dict(OPERATOR_OF_ROLE.findall(text))
        demo = self.accounts["demo-partner"]
        self.access_key, self.secret_key = demo.access_key, demo.secret_key

    @staticmethod
    def _text(file) -> str:
        file.seek(0)
        return file.read()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of the API, for bare sockets."""
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    def log(self) -> str:
        """What it wrote to standard error."""
        return self._text(self._log)

    def is_ready(self) -> bool:
        """Whether it would get traffic in production."""
        return requests.get(f"{self.url}/readyz", timeout=5).status_code == 200

    def stop(self) -> None:
        """Asks it to stop, which must succeed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS_TO_STOP) == 0, self.log()

    def kill(self) -> None:
        """A crash."""
        self.process.kill()
        self.process.wait()


# What --ephemeral starts PostgreSQL with.
FORGETFUL = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


class World:
    """The bare world, made once and copied for each gateway: to make it takes several times as long as to start on it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        Gateway(["--data", str(folder)], {}).stop()

    def copy_to(self, folder: Path) -> None:
        """Fills an empty folder with what a sandbox that was stopped leaves in its own."""
        subprocess.run(["cp", "-a", f"{self._folder}/.", folder], check=True)

    @contextmanager
    def copy(self) -> Iterator[Path]:
        """A folder of its own, which like an ephemeral one survives no power cut."""
        with temporary_folder() as folder:
            self.copy_to(folder)
            with open(folder / "data/postgresql.conf", "a") as configuration:
                configuration.write(FORGETFUL)
            yield folder

    @contextmanager
    def gateway(self, settings: dict[str, str]) -> Iterator[Gateway]:
        """A gateway on a copy."""
        with self.copy() as folder:
            gateway = Gateway(["--data", str(folder)], settings)
            yield gateway
            gateway.stop()


@contextmanager
def temporary_folder(where: str | None = None) -> Iterator[Path]:
    """A folder that PostgreSQL can enter even if root runs the tests: pytest's own ones are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="bss-gateway-", dir=where))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        # A gateway that was killed: its PostgreSQL ends by itself.
        wait_until(lambda: not (folder / "data/postmaster.pid").exists(), "PostgreSQL has stopped")
        shutil.rmtree(folder)
