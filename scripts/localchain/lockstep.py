"""The keeper daemon and the market, hand in hand: the market moves, the keeper's cycle ends, the market moves."""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from scripts.localchain.books import Books, CycleRow
from scripts.localchain.chain import LocalChain
from scripts.localchain.process import Child

PATIENCE_SECONDS = 90.0
POLL_SECONDS = 0.1
DATABASE = "keeper.db"
T = TypeVar("T")


class KeeperFailed(Exception):
    """The daemon ended, or did not do in time what it must; the message ends with its last words."""


@dataclass(frozen=True, slots=True)
class Step:
    """Where the market goes next. `at` is chain time; prices are USD by symbol."""

    label: str
    at: int
    prices: Mapping[str, Decimal]


def lockstep_environment(chain: LocalChain, folder: Path, step_seconds: int, threshold: Decimal) -> dict[str, str]:
    """Variables of a keeper that is due at every step of the market, its database in `folder`.

    `threshold` is the relative drift of one asset at which it trades, of 1.
    """
    size = chain.deployment.config.funds[0].size_usd
    return {
        **chain.keeper_environment(folder),
        "DATABASE_URL": f"sqlite:///{folder / DATABASE}",
        "DRIFT_MODE": "relative",
        "DRIFT_THRESHOLD": str(threshold),
        "INTERVAL_MINUTES": str(step_seconds // 2 // 60),
        "COOLDOWN_MINUTES": "15",
        "MAX_TRADE_SIZE_USD": str(size / 10),
        "MAX_HEAD_AGE_SECONDS": "0",  # chain time is not the wall clock's here
        "HEAD_POLL_SECONDS": str(POLL_SECONDS),
        "LOG_FORMAT": "console",
    }


@contextlib.contextmanager
def running_keeper(environment: Mapping[str, str], folder: Path) -> Iterator[Child]:
    """`keeper run` until the context ends; then SIGTERM, and KeeperFailed should it not end cleanly.

    It gets `environment` and nothing of ours that could steer it: no exported variable, no `.env` of the project.
    """
    ours = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ") if name in os.environ}
    command = [sys.executable, "-m", "keeper", "run"]
    keeper = Child.spawn(command, log=folder / "keeper.log", env={**ours, **environment}, cwd=folder)
    clean = False
    try:
        yield keeper
        clean = True
    finally:
        code = keeper.stop()
    if clean and code != 0:
        raise KeeperFailed(f"keeper ended with exit code {code}\n{keeper.last_words()}")


class Lockstep:
    """`tick` is called while waiting: on a chain without a clock it is what makes blocks.

    `seen` is the sequence number of the last cycle in the books that is not of this run.
    """

    def __init__(self, chain: LocalChain, keeper: Child, books: Books, tick: Callable[[], None], seen: int = 0) -> None:
        self._chain = chain
        self._keeper = keeper
        self._books = books
        self._tick = tick
        self._seen = seen

    def cycle(self, step: Step) -> CycleRow:
        """The cycle that saw this step of the market, once its transaction, if any, is final.

        Raises KeeperFailed when that takes longer than 90 s.
        """
        _, now = self._chain.node.head()
        at = self._chain.market.step(step.prices, at=max(step.at, now + 1)).timestamp
        found = self._wait_for(lambda: self._cycle_after(at), f"no cycle for {step.label}")
        self._wait_for(lambda: self._books.open_transactions() == 0 or None, f"{step.label}: transaction not final")
        return found

    def _cycle_after(self, timestamp: int) -> CycleRow | None:
        for row in self._books.cycles_since(self._seen):
            self._seen = row.seq
            if row.block_timestamp is None or row.block_timestamp >= timestamp:
                return row
        return None

    def _wait_for(self, poll: Callable[[], T | None], complaint: str) -> T:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (result := poll()) is None:
            if (code := self._keeper.exit_code()) is not None:
                raise KeeperFailed(f"keeper ended with exit code {code}\n{self._keeper.last_words()}")
            if time.monotonic() > deadline:
                raise KeeperFailed(f"{complaint} after {PATIENCE_SECONDS:.0f} s\n{self._keeper.last_words()}")
            time.sleep(POLL_SECONDS)
            self._tick()
        return result
