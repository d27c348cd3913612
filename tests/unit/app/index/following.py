"""A simulated fund that follows an index: its market, its provider, and what can be seen of both."""

from dataclasses import dataclass, field, replace
from typing import Any

from keeper.app.world import Universe
from keeper.core.index.candidates import Contract
from keeper.core.ledger import CycleRecord, Mode
from keeper.core.model import Market as FundsMarket
from keeper.core.units import Address, Bps, Timestamp
from keeper.core.universe import ChainNames, ListedCoin, Listing
from tests import factories as f
from tests import index_factories as ix
from tests.fakes.clock import FakeClock
from tests.fakes.market import FakeMarket, coin
from tests.fakes.signer import FakeSigner
from tests.fakes.simulation import Simulation, simulate

HOUR, DAY, LOOK = 3_600, 86_400, 4 * 3_600
"""`LOOK` is how often the market is looked at here."""
WEIGHER = f.address(0, "5")
"""The first fund's signer: one key for both roles."""
RULES: dict[str, Any] = {"size": 2, "rank_buffer": 0, "cash_bps": 2_000, "interval_seconds": LOOK}
PLACE = ChainNames("ethereum", "eth")
OLD, NEW = {"weth": 500, "wbtc": 500, "uni": 90}, {"weth": 500, "wbtc": 90, "uni": 500}


def fund(**limits: Any) -> FundsMarket:
    """WETH and WBTC 40 % each, USDC 20 %; UNI is listed and neither wanted nor held."""
    assets = (
        f.asset(0, "WETH", price=2_000, balance=200, target=4_000),
        f.asset(1, "WBTC", price=40_000, balance=10, target=4_000, decimals=8),
        f.asset(2, "UNI", price=10, balance=0, target=0),
        f.asset(3, "USDC", price=1, balance=200_000, target=2_000, decimals=6),
    )
    market = f.with_treasury(f.market(assets, f.star(assets, depth=2_000_000_000)), weigher=WEIGHER)
    market = f.with_policy(market, cooldown_seconds=0, interval_seconds=HOUR)
    return f.with_limits(market, f.limits(**limits)) if limits else market


def caps(**sizes: int) -> list[ListedCoin]:
    return [coin(name, size) for name, size in sizes.items()]


@dataclass
class Market(FakeMarket):
    """Whose prices are always of the last minute."""

    clock: FakeClock = field(default_factory=FakeClock)

    async def largest(self, count: int, category: str = "") -> Listing:
        now = Timestamp(self.clock.timestamp() - 30)
        self.coins = [replace(each, updated_at=now) for each in self.coins]
        return await FakeMarket.largest(self, count, category)


async def started(
    market: FundsMarket | None = None, sizes: dict[str, int] | None = None, mode: Mode = Mode.LIVE, **rules: Any
) -> tuple[Simulation, Market]:
    sim = await simulate(market or fund(), mode=mode, poll_seconds=30.0, heartbeat_seconds=3_600.0)
    tokens = {asset.symbol.lower(): asset.token for asset in sim.treasury.assets}
    provider = Market(caps(**(sizes or OLD)), tokens=tokens, clock=sim.clock)
    for name, at in tokens.items():
        sim.chain.contracts[at] = Contract(at, True, 18, name.upper())
    sim.world = replace(sim.world, universe=Universe(provider, provider, PLACE))
    await sim.books.put_methodology(sim.fund.id, ix.rules(**(RULES | rules)), "ann", "a test")
    return sim, provider


def looks(sim: Simulation) -> list[CycleRecord]:
    return [cycle for cycle in sim.books.decisions() if cycle.reweighting is not None]


def targets(sim: Simulation) -> list[Bps]:
    return [asset.target for asset in sim.treasury.assets]


async def members(sim: Simulation) -> set[str]:
    return set((await sim.books.index_states())[sim.fund.id].members)


def symbols(sim: Simulation) -> dict[str, int | None]:
    return {asset.symbol: asset.balance for asset in sim.treasury.assets}


async def with_a_weigher_of_its_own() -> tuple[Simulation, Market, Address]:
    """The keeper's key may not set targets, another one of this process may."""
    weigher = f.address(77, "9")
    sim, provider = await started(f.with_treasury(fund(), weigher=weigher))
    sim.signers[weigher] = FakeSigner(weigher)
    sim.world = replace(sim.world, weigher=weigher)
    return sim, provider, weigher
