"""An operator's keeper in a test: a folder, variables, and the real `keeper` command run with them."""

import contextlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar
from unittest import mock

import pytest
import structlog

from keeper.entrypoints.cli.main import main
from scripts.localchain import accounts
from scripts.localchain.books import Books
from scripts.localchain.chain import LocalChain
from scripts.localchain.lockstep import Lockstep
from scripts.localchain.process import Child
from tests.e2e.nursery import Nursery

COMMAND = Path(sys.executable).with_name("keeper")
RPC_KEY = "rpc-key-0f9d2c7be14a"
"""Goes into every RPC_URL, as providers have it; Anvil does not mind. It must never be seen again."""
PATIENCE_SECONDS = float(os.environ.get("KEEPER_TESTS_PATIENCE", "30"))
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        """Its error lines, without the word."""
        return [line.removeprefix("error: ") for line in self.stderr.splitlines() if line.startswith("error: ")]

    @property
    def json(self) -> Any:
        assert self.code in (0, 3), self.stderr
        return json.loads(self.stdout)


@dataclass
class Keeper:
    """One keeper: everything it writes is in `folder`, its key and password in `folder`/secrets."""

    folder: Path
    environment: dict[str, str]
    nursery: Nursery
    newest: Child | None = None

    @classmethod
    def of(cls, chain: LocalChain, folder: Path, nursery: Nursery) -> "Keeper":
        """A keeper of the chain's first treasury that trades at 5 % of drift."""
        secrets = folder / "secrets"
        secrets.mkdir(parents=True)
        environment = {
            **chain.keeper_environment(secrets),
            "RPC_URL": with_key(chain.url),
            "DATABASE_URL": f"sqlite:///{folder / 'keeper.db'}",
            "DRIFT_THRESHOLD": "0.05",
            "INTERVAL_MINUTES": "60",
            "MAX_TRADE_SIZE_USD": "200000",
            "MAX_HEAD_AGE_SECONDS": "0",  # chain time is ahead of the wall clock's here
            "HEAD_POLL_SECONDS": "0.05",
        }
        return cls(folder, environment, nursery)

    @property
    def database(self) -> Path:
        return self.folder / "keeper.db"

    @property
    def books(self) -> Books:
        return Books(self.database)

    def command(self, *arguments: str, timeout: float = 60, **variables: str) -> Done:
        """Run the installed command to its end. `variables` are for this run; an empty one is taken away."""
        done = subprocess.run(
            [COMMAND, *arguments],
            env=self._environment(variables),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
        )
        return self._noted(done.returncode, done.stdout, done.stderr)

    def __call__(self, *arguments: str, **variables: str) -> Done:
        """The same inside this process, which saves the start's seconds. What it does not catch fails the test."""
        with (
            mock.patch.dict(os.environ, self._environment(variables), clear=True),
            mock.patch.object(sys, "argv", ["keeper", *arguments]),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(io.StringIO()) as stdout,
            contextlib.redirect_stderr(io.StringIO()) as stderr,
            pytest.raises(SystemExit) as end,
            within(PATIENCE_SECONDS),
        ):
            main()
        structlog.reset_defaults()
        assert isinstance(end.value.code, int)
        return self._noted(end.value.code, stdout.getvalue(), stderr.getvalue())

    def _noted(self, code: int, stdout: str, stderr: str) -> Done:
        with (self.folder / "commands.log").open("a") as log:  # for `leaks`
            log.write(stdout + stderr)
        assert "Traceback" not in stdout + stderr, stdout + stderr
        return Done(code, stdout, stderr)

    @contextlib.contextmanager
    def running(
        self,
        *arguments: str,
        installed: bool = False,
        prepare: Mapping[str, Any] | None = None,
        ends: int = 0,
        **variables: str,
    ) -> Iterator[Child]:
        """`keeper run` in the background, ended by SIGTERM with the context unless it was killed before.

        `installed` starts the installed command; otherwise the nursery has a quicker one, which can `prepare`. `ends`
        is the exit code that it must have.
        """
        process: dict[str, Any] = {
            "log": self.folder / "keeper.log",
            "env": self._environment(variables),
            "cwd": self.folder,
        }
        command = ["run", *arguments]
        if installed:
            child = Child.spawn([COMMAND, *command], **process)
        else:
            child = self.nursery.start(command, prepare=prepare, **process)
        self.newest = child
        try:
            yield child
        finally:
            code = child.stop()
        assert code in (ends, -signal.SIGKILL), self.said()[-3000:]

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Nothing of the surrounding environment that could steer it, as `.env` of the project could."""
        system = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        merged = {**system, "COLUMNS": "240", **self.environment, **variables}
        return {name: value for name, value in merged.items() if value}

    # ---- what it wrote

    def rows(self, query: str, *parameters: Any) -> list[dict[str, Any]]:
        """Of its database, read from outside. Integers beyond 64 bits are text there."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return [dict(row) for row in database.execute(query, parameters)]

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        """Every row of every table; nothing when there is no database."""
        if not self.database.exists():
            return {}
        tables = [row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: self.rows(f'SELECT * FROM "{table}"') for table in tables}

    def said(self) -> str:
        """The log of its daemons."""
        log = self.folder / "keeper.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def until(self, poll: Callable[[], T | None], what: str, tick: Callable[[], object] = lambda: None) -> T:
        """The first answer of `poll` that is neither None nor False nor empty; no later than its daemon's end."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (answer := poll()):
            if self.newest and self.newest.exit_code() not in (None, 0, -signal.SIGKILL):
                raise AssertionError(f"the keeper ended before: {what}\n{self.said()[-3000:]}")
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {PATIENCE_SECONDS:.0f} s: {what}\n{self.said()[-3000:]}")
            tick()
            time.sleep(0.03)
        return answer

    def query_until(self, query: str, *, tick: Callable[[], object] = lambda: None) -> dict[str, Any]:
        """The first row that a query gives, once it gives one."""

        def poll() -> list[dict[str, Any]]:
            try:
                return self.rows(query)
            except sqlite3.OperationalError:  # no file or no tables yet
                return []

        return self.until(poll, query, tick)[0]

    def lockstep(self, chain: LocalChain, child: Child) -> Lockstep:
        seen = self.books.cycles_since(0)
        return Lockstep(chain, child, self.books, chain.node.mine, seen[-1].seq if seen else 0)

    # ---- what it must not have written

    def leaks(self) -> list[str]:
        """Files outside `secrets` in which a secret stands, with its name."""
        password = (self.folder / "secrets" / "keeper-password").read_text()
        key = accounts.keeper_key().key.hex().removeprefix("0x")
        secrets = {"RPC key": RPC_KEY, "password": password, "private key": key}
        return [
            f"{name} in {path.relative_to(self.folder)}"
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and "secrets" not in path.relative_to(self.folder).parts
            for name, secret in secrets.items()
            if secret.lower().encode() in path.read_bytes().lower()
        ]


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """A command that does not end is an error, not a suite that hangs."""

    def late(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"the command did not end within {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def with_key(url: str) -> str:
    """An endpoint as providers give it: with a secret."""
    return f"{url}/?apikey={RPC_KEY}"


def nonce(chain: LocalChain, account: str = accounts.KEEPER) -> int:
    """Transactions of the account, those that wait in the pool included."""
    return int(chain.node.rpc.call("eth_getTransactionCount", account, "pending"), 16)
