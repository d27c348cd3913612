"""What happens on the chain, in its mempool and to the processes while the keeper trades, as generators.

Each is advanced once per look at the keeper's books and yields while it waits; one that has ended has happened. It
says so by ending: one that the cycle's end overtakes is closed and does not count.
"""

import subprocess
import sys
from collections.abc import Callable, Generator
from functools import partial
from typing import Final, Protocol

from scripts.localchain import accounts
from tests.faults.kit import chain_faults, processes
from tests.faults.kit.chain_faults import Fate, Rpc
from tests.faults.kit.node_rules import NodeRules
from tests.faults.kit.proxy import Proxy

GWEI: Final = 10**9
SPIKE: Final = 25 * GWEI
ABOVE_THE_LIMIT: Final = 150 * GWEI
"""The soak's keeper offers 100 at most."""
PAUSE_SECONDS: Final = 1.0
"""How long a process stands still, or a database is locked. Only the keeper's own timeouts measure it."""
_LOOKS: Final = 40
LOCKER: Final = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], timeout=5, isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
database.execute("ROLLBACK")
"""


class Stage(Protocol):
    """What a happening sees and moves. `state` is that of the open transaction, None while there is none; `attempts`
    how often it was signed; `cancelling`: the newest attempt is a cancellation. `landed` is the block in which the
    keeper's newest transaction was mined in this cycle. `holding` stops the blocks that come by themselves, `base_fee`
    (wei) and `slot` (seconds) are those blocks'."""

    state: str | None
    attempts: int
    cancelling: bool
    landed: int | None
    holding: bool
    base_fee: int
    slot: int

    @property
    def rpc(self) -> Rpc: ...
    @property
    def mempool(self) -> NodeRules: ...
    @property
    def proxy(self) -> Proxy: ...
    @property
    def database(self) -> str: ...
    @property
    def keeper_pid(self) -> int: ...
    @property
    def node_pid(self) -> int: ...
    def mine(self, *, seconds: int | None = None) -> None: ...
    def move_back(self) -> None: ...
    def pause(self, seconds: float) -> None: ...


Happening = Callable[[Stage], Generator[None, None, None]]
Waiting = Generator[None, None, None]
MOVED_BACK: Final = "market moved back"


def _pooled(it: Stage) -> Generator[None, None, str]:
    """Until the keeper's transaction waits in the pool, before it can be mined. Its hash."""
    while True:
        if it.state == "sent" and (waiting := [each for each in it.mempool.waiting() if _is_ours(each.sender)]):
            return waiting[0].hash
        yield


def _is_ours(sender: str) -> bool:
    return sender.lower() == accounts.KEEPER.lower()


def evicted(it: Stage) -> Waiting:
    it.mempool.evict((yield from _pooled(it)))


def pool_emptied(it: Stage) -> Waiting:
    yield from _pooled(it)
    assert it.mempool.evict_all() > 0


def spike(it: Stage) -> Waiting:
    """The base fee rises above what was offered, and stays until more is."""
    yield from _pooled(it)
    it.base_fee, before = SPIKE, it.attempts
    while it.attempts == before or it.landed is None:
        yield


def spike_above_the_limit(it: Stage) -> Waiting:
    """More than may be offered, until the plan's deadline is over and its cancellation is on its way."""
    yield from _pooled(it)
    it.base_fee, it.slot = ABOVE_THE_LIMIT, 60
    while not it.cancelling:
        yield


def censored(it: Stage) -> Waiting:
    """Nobody includes it, until it is raised."""
    yield from _pooled(it)
    it.mempool.censor(accounts.KEEPER)
    before = it.attempts
    try:
        while it.attempts == before:
            yield
    finally:
        it.mempool.admit(accounts.KEEPER)


def late(it: Stage) -> Waiting:
    """The deadline passes with the next block, which does not have it."""
    it.mempool.evict((yield from _pooled(it)))
    it.mine(seconds=700)


def market_moved_back(it: Stage) -> Waiting:
    """The price that the plan was made for is gone before it is included: the treasury refuses it."""
    yield from _pooled(it)
    it.mempool.censor(accounts.KEEPER)
    try:
        it.move_back()
    finally:
        it.mempool.admit(accounts.KEEPER)


def purse_empty(it: Stage) -> Waiting:
    """What waits cannot be paid any more, and what is sent again is refused, until somebody tops it up."""
    yield from _pooled(it)
    refused, before = len(it.mempool.refused), chain_faults.set_balance(it.rpc, accounts.KEEPER, 0)
    words = it.mempool.family.funds[1].partition("{")[0]
    try:
        while not any(why.startswith(words) for _, why in it.mempool.refused[refused:]):
            yield
    finally:
        chain_faults.set_balance(it.rpc, accounts.KEEPER, before)


def rolled_back(it: Stage) -> Waiting:
    """The newest blocks are gone, the trade's among them, and nothing is in their place."""
    while it.landed is None:
        yield
    chain_faults.rollback(it.rpc, chain_faults.head(it.rpc)[0] - it.landed + 1)


def reorg(depth: int, fate: Fate, it: Stage) -> Waiting:
    """The block of the trade is replaced, with those above it `depth` in all: as a rule after the keeper has written
    the trade down, but one that failed to looks again at the next block alone."""
    while it.landed is None:
        yield
    it.holding = True
    for _ in range(_LOOKS):
        if it.state != "sent":
            break
        yield
    while chain_faults.head(it.rpc)[0] < it.landed + depth - 1:
        it.mine()
    chain_faults.reorg(it.rpc, depth, fate)


def keeper_stopped(it: Stage) -> Waiting:
    while it.state is None:
        yield
    with processes.stopped(it.keeper_pid):
        it.pause(PAUSE_SECONDS)


def node_stopped(it: Stage) -> Waiting:
    while it.state is None:
        yield
    with processes.stopped(it.node_pid):
        it.pause(PAUSE_SECONDS)


def database_locked(it: Stage) -> Waiting:
    """By another process, from the moment there is something to write down."""
    while it.state is None:
        yield
    command = [sys.executable, "-I", "-c", LOCKER, it.database, str(PAUSE_SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"


def connections_cut(it: Stage) -> Waiting:
    while it.state is None or it.proxy.front.cut() == 0:
        yield


KINDS: Final[dict[str, Happening]] = {
    "evicted": evicted,
    "pool emptied": pool_emptied,
    "spike": spike,
    "spike above the limit": spike_above_the_limit,
    "censored": censored,
    "deadline passed": late,
    MOVED_BACK: market_moved_back,
    "purse empty": purse_empty,
    "rolled back": rolled_back,
    **{
        f"reorg of {depth}, {fate.name.lower()}": partial(reorg, depth, fate)
        for depth in (1, 2, 3)
        for fate in (Fate.AGAIN, Fate.POOLED, Fate.DROPPED)
    },
    "keeper stopped": keeper_stopped,
    "node stopped": node_stopped,
    "database locked": database_locked,
    "connections cut": connections_cut,
}
