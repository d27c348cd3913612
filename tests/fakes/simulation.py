"""A whole world in one object: chain, books, keys, people to be told, and processes that start, run and die in it."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from keeper.app.alarms import Told
from keeper.app.cycle import new_cycle, run_cycle
from keeper.app.memory import Outbox
from keeper.app.observe import observe
from keeper.app.outcome import Result
from keeper.app.scheduler import Scheduler
from keeper.app.world import World
from keeper.core.ledger import Intent, IntentState, Mode
from keeper.core.model import Fund, Market, Treasury
from keeper.core.units import Address
from tests import factories
from tests.fakes.alerts import FakeAlerts
from tests.fakes.books import FakeBooks
from tests.fakes.chain import BLOCK_SECONDS, FINALITY, FakeChain
from tests.fakes.clock import FakeClock
from tests.fakes.moments import Moments
from tests.fakes.signer import FakeSigner
from tests.fakes.treasury import FakeCodec

FINAL_SECONDS = (FINALITY + 3) * BLOCK_SECONDS
"""A transaction that is sent now is final by then, if nothing goes wrong."""


@dataclass
class Simulation:
    """`funds` are in the order of the markets. A process knows what is in chain and books."""

    clock: FakeClock
    chain: FakeChain
    books: FakeBooks
    alerts: FakeAlerts
    funds: list[Fund]
    signers: dict[Address, FakeSigner]
    world: World
    processes: list[Scheduler] = field(default_factory=list)

    @property
    def fund(self) -> Fund:
        return self.funds[0]

    @property
    def signer(self) -> FakeSigner:
        return self.signers[self.fund.signer]

    @property
    def state(self) -> IntentState:
        return self.intent.state

    @property
    def treasury(self) -> Treasury:
        return self.chain.treasury(self.fund.treasury)

    @property
    def intent(self) -> Intent:
        """The newest."""
        return self.books.intents()[-1]

    def nothing_was_sent(self) -> bool:
        """Nor signed, nor planned to be."""
        return not self.signer.signed and not self.chain.wire and not self.books.intents()

    def watch(self, moments: Moments) -> Moments:
        self.chain.moments = self.books.moments = moments
        return moments

    # -------------------------------------------------------------------------------- one cycle, by hand

    async def cycle(self, fund: Fund | None = None, outbox: Outbox | None = None) -> Result:
        """Observe and run one cycle to its end, without a scheduler."""
        fund = next(f for f in await self.books.funds() if f.id == (fund or self.fund).id)
        seen = await observe([fund], await self.world.chain.head(), self.world)
        return await run_cycle(new_cycle(fund, self.world), seen[fund.id], self.world, outbox or Outbox())

    # -------------------------------------------------------------------------------- processes

    def process(self, **options: Any) -> Scheduler:
        """A process that is about to start. It does not know what people were told before."""
        world = replace(self.world, told=Told())
        self.processes.append(Scheduler(world, asyncio.Event(), **options))
        return self.processes[-1]

    async def run(self, seconds: float, **options: Any) -> Scheduler:
        """A process that runs for so long and is then asked to stop."""
        process = self.process(**options)
        task = asyncio.create_task(process.run())
        await asyncio.wait([task], timeout=seconds)
        process.stop.set()
        await task
        return process

    async def die(self, moment: int | str, within: float = 1_000.0) -> bool:
        """A process that is gone at that moment, its last act done or not. False when it never came to it."""
        moments = self.watch(Moments(cut=moment, deadly=True))
        others = asyncio.all_tasks()
        main = asyncio.create_task(self.process().run())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(moments.reached.wait(), within)
        its_own = {main, *asyncio.all_tasks()} - others
        for task in its_own:
            task.cancel()
        await asyncio.gather(*its_own, return_exceptions=True)
        self.watch(Moments())
        return moments.reached.is_set()

    async def until(self, happened: Callable[[], bool], within: float = 600.0) -> None:
        """Waits for something to be so, a second at a time."""
        deadline = self.clock.monotonic() + within
        while not happened():
            assert self.clock.monotonic() < deadline, f"it did not come to pass within {within:g} s"
            await asyncio.sleep(1)


def drifted() -> Market:
    """WETH is 16 % over its target: beyond the threshold of 5 %."""
    return factories.hold(factories.market(), WETH=260)


def far_off() -> Market:
    """Drifted, under rules that let the fund trade again soon: each trade may only sell a small slice."""
    return factories.with_policy(drifted(), max_trade=factories.usd(20_000), cooldown_seconds=0)


async def simulate(
    *markets: Market, mode: Mode = Mode.LIVE, one_signer: bool = False, skew_seconds: int = 0, **settings: Any
) -> Simulation:
    """One fund per market, each at an address of its own, with the market's policy. By default one that has drifted."""
    clock = FakeClock(skew_seconds)
    markets = markets or (drifted(),)
    places = [factories.address(number, "7") for number in range(len(markets))]
    chain = FakeChain(clock, [replace(market.treasury, address=at) for market, at in zip(markets, places, strict=True)])
    books = FakeBooks(clock.now)
    funds: list[Fund] = []
    signers: dict[Address, FakeSigner] = {}
    for number, (market, at) in enumerate(zip(markets, places, strict=True)):
        signer = factories.address(0 if one_signer else number, "5")
        fund = await books.add_fund(f"fund{number}", at, signer, market.fund.hub)
        await books.pin_policy(fund.id, market.policy)
        signers.setdefault(signer, FakeSigner(signer))
        funds.append(fund)
    alerts = FakeAlerts()
    options = {"poll_seconds": 4.0, "cycle_timeout_seconds": 180.0, "heartbeat_seconds": 60.0} | settings
    world = World(
        chain=chain,
        codec=FakeCodec(),
        books=books,
        alerts=alerts,
        clock=clock,
        signer_of=lambda fund: signers[fund.signer] if mode is Mode.LIVE else None,
        mode=mode,
        code_version="test",
        **options,
    )
    return Simulation(clock, chain, books, alerts, funds, signers, world)
