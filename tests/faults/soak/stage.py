"""Everything that a soak runs on, put up and taken down; and the hands that move it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from scripts.localchain import accounts
from scripts.localchain.chain import LocalChain, local_chain
from scripts.localchain.config import default_config
from scripts.localchain.deployment import BASE_FEE
from scripts.localchain.rpc import Rpc
from tests.e2e.keepers import Keeper, with_key
from tests.e2e.nursery import open_nursery
from tests.faults.kit import chain_faults
from tests.faults.kit.chain_faults import SLOT_SECONDS
from tests.faults.kit.node_rules import NodeRules, node_rules
from tests.faults.kit.proxy import Proxy, proxy_to
from tests.faults.soak.daemon import Daemon
from tests.faults.soak.ledgers import Look, look
from tests.faults.soak.schedule import Cycle
from tests.faults.soak.tally import Tally

VARIABLES = {
    "RPC_TIMEOUT_SECONDS": "1",
    "FINALITY": "4",  # deeper than any reorganisation here
    "GAS_BUDGET_PER_DAY": "50",
    "MAX_FEE_GWEI": "100",
    "HEAD_POLL_SECONDS": "0.03",
}
KEPT_CALLS = 400
"""Of the proxy's log, from one cycle to the next."""


@dataclass
class Stage:
    """See `happenings.Stage`, which this is. `at` is the chain time of the cycle's move of the market."""

    chain: LocalChain
    mempool: NodeRules
    proxy: Proxy
    keeper: Keeper
    daemon: Daemon
    state: str | None = None
    attempts: int = 0
    cancelling: bool = False
    landed: int | None = None
    holding: bool = False
    base_fee: int = BASE_FEE
    slot: int = SLOT_SECONDS
    at: int = 0
    _moved: tuple[str, Decimal] | None = None
    prices: dict[str, Decimal] = field(default_factory=dict)

    @property
    def rpc(self) -> Rpc:
        return self.chain.node.rpc

    @property
    def database(self) -> str:
        return str(self.keeper.database)

    @property
    def keeper_pid(self) -> int:
        assert self.daemon.child is not None
        return self.daemon.child.pid

    @property
    def node_pid(self) -> int:
        assert self.chain.node.pid is not None
        return self.chain.node.pid

    def begin(self, cycle: Cycle) -> None:
        """The market moves; nothing of an earlier cycle is under way any more."""
        with self.proxy.changed:
            del self.proxy.log[:-KEPT_CALLS]
        self.mempool.family, self.mempool.bump_bps = cycle.family, cycle.bump_bps
        self.state, self.attempts, self.cancelling, self.landed = None, 0, False, None
        self.calm()
        before = self.prices.get(cycle.symbol) or self.chain.deployment.config.asset(cycle.symbol).price
        self._moved = cycle.symbol, before
        self.at = chain_faults.head(self.rpc)[1] + cycle.hours * 3600
        self._step({cycle.symbol: cycle.price}, self.at)

    def calm(self) -> None:
        """Blocks come by themselves, in their time, at the usual base fee."""
        self.holding, self.base_fee, self.slot = False, BASE_FEE, SLOT_SECONDS

    def _step(self, prices: dict[str, Decimal], at: int) -> None:
        self.chain.market.step(prices, at=at)
        self.prices |= prices

    def move_back(self) -> None:
        """The price that moved last goes to where it was, in a block of its own."""
        assert self._moved is not None
        symbol, price = self._moved
        self._step({symbol: price}, chain_faults.head(self.rpc)[1] + SLOT_SECONDS)

    def mine(self, *, seconds: int | None = None) -> None:
        """A block, and a look at whether it has a transaction of the keeper."""
        chain_faults.mine(self.rpc, seconds=seconds or self.slot, base_fee=self.base_fee)
        block = self.rpc.call("eth_getBlockByNumber", "latest", True)
        if any(each["from"].lower() == accounts.KEEPER.lower() for each in block["transactions"]):
            self.landed = int(block["number"], 16)

    def look(self) -> Look:
        found = look(self.keeper.database, self.at)
        self.state, self.attempts, self.cancelling = found.state, found.attempts, found.cancelling
        return found

    def pause(self, seconds: float) -> None:
        """Or until the keeper's end."""
        if self.daemon.child is not None:
            self.daemon.child.wait(seconds)


@contextlib.contextmanager
def staged(folder: Path, tally: Tally) -> Iterator[Stage]:
    """Anvil with a fund and a market, the rules of a real mempool before it, the proxy before those, and a keeper that
    is not started yet. All of it is gone when the context ends."""
    with (
        local_chain(folder / "chain", default_config()) as chain,
        node_rules(chain.url) as mempool,
        proxy_to(mempool.url) as proxy,
        open_nursery() as nursery,
    ):
        chain.node.mine_every(0)
        keeper = Keeper.of(chain, folder / "keeper", nursery)
        daemon = Daemon(keeper, {**VARIABLES, "RPC_URL": with_key(proxy.url)}, tally)
        try:
            yield Stage(chain, mempool, proxy, keeper, daemon)
        finally:
            if daemon.child is not None:
                daemon.child.stop()
