"""A fund of cash under the treasury's default limits: it takes days to its targets, and wastes no transaction."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from keeper.core.ledger import Action, RebalanceEvent
from keeper.core.model import Market, Treasury
from keeper.core.units import E18
from tests import factories as f
from tests.fakes.simulation import Simulation, simulate

pytestmark = pytest.mark.unit

DAY, HOUR = 86_400, 3_600
WETH, WBTC, USDC = 0, 1, 2
BP = 10**14


def cash(**rules: object) -> Market:
    """A million dollars that shall be 40 % WETH, 40 % WBTC and 20 % USDC."""
    market = f.with_limits(f.hold(f.market(), WETH=0, WBTC=0, USDC=1_000_000), f.strict_limits())
    return f.with_policy(market, interval_seconds=HOUR, **rules)


async def new(market: Market) -> Simulation:
    """A process that looks every five minutes: in days, nothing depends on the second."""
    return await simulate(market, poll_seconds=300.0, heartbeat_seconds=3_600.0)


def arbitraged(to: Treasury) -> Callable[[Treasury], Treasury]:
    """Others trade too: pools come back to the feeds."""
    return lambda now: replace(now, venues=to.venues)


async def watch(sim: Simulation, days: int) -> None:
    """The keeper runs for so many days; every hour the market does its work."""
    pools = arbitraged(sim.treasury)
    process = sim.process()
    running = asyncio.create_task(process.run())
    for _ in range(days * 24):
        sim.chain.alter(sim.fund.treasury, pools)
        await asyncio.sleep(HOUR)
    process.stop.set()
    await running


def rebalances(sim: Simulation) -> list[tuple[int, RebalanceEvent]]:
    """Time and event of each. Every transaction must have gone through."""
    found = []
    for mined in sim.chain.blocks:
        for receipt in mined.receipts.values():
            assert receipt.succeeded, receipt.revert_reason
            assert receipt.event is not None
            found.append((mined.block.timestamp, receipt.event))
    return found


async def test_a_first_allocation_from_cash_takes_days_and_not_one_revert() -> None:
    sim = await new(cash())
    await watch(sim, days=8)
    done = rebalances(sim)

    actions = {record.action for record in sim.books.decisions()}
    assert actions == {Action.SUBMITTED, Action.HELD}, "nothing blocked, nothing that the treasury would refuse"
    held = sim.books.decisions()[-1]
    assert held.reason.startswith("largest drift: "), "on its targets, but for what the thresholds allow"
    # 80 % of NAV at 0.3 % and some impact cost 25 bps: 5 at once and 5 a day
    assert 12 <= len(done) <= 20
    assert 4 * DAY < done[-1][0] - done[0][0] < 7 * DAY

    errors = [event.te_before for _, event in done] + [done[-1][1].te_after]
    assert errors[0] == f.usd(800_000)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < f.usd(50_000)
    within_their_budgets(done)


def within_their_budgets(done: list[tuple[int, RebalanceEvent]]) -> None:
    """Losses and turnover in every stretch of time: `cap * (1 + T / window)`, for every pair of rebalances."""
    for first, (start, _) in enumerate(done):
        for last in range(first, len(done)):
            window = 1 + Fraction(done[last][0] - start, DAY)
            events = [event for _, event in done[first : last + 1]]
            loss = sum(Fraction(event.loss * E18, event.nav_before) for event in events)
            turnover = sum(Fraction(event.turnover * E18, event.nav_before) for event in events)
            assert loss <= 5 * BP * window
            assert turnover <= 2_500 * BP * window
    assert sum(event.loss for time, event in done if time < done[0][0] + DAY) > f.usd(600), "it is made use of"


async def test_while_the_budget_fills_the_fund_holds_and_says_until_when() -> None:
    sim = await new(cash())
    await watch(sim, days=1)
    waiting = [record for record in sim.books.decisions() if record.action is Action.HELD]
    assert len(waiting) > 10
    for record in waiting:
        assert "the loss budget left is too small" in record.reason
        assert "enough to go on at 2023-11-1" in record.reason
        assert "full again at 2023-11-1" in record.reason
    assert not sim.alerts.kinds()


async def test_opened_limits_do_it_in_two_steps() -> None:
    """What is left to be cut is one swap's impact. It costs more than the breaker would bear."""
    sim = await new(f.with_limits(cash(breaker_loss=Decimal("0.02")), f.limits()))
    await watch(sim, days=1)
    assert len(rebalances(sim)) == 2
    assert rebalances(sim)[-1][1].te_after < f.usd(1)


async def test_a_retired_asset_with_a_dead_feed_stops_nobody() -> None:
    """Somebody donated a unit of it, and its pool is gone."""
    market = f.hold(f.retire(f.market(), WBTC, balance=1, answer=None), WETH=260)
    sim = await new(f.with_venue(market, WBTC, state=None))
    await watch(sim, days=1)
    ((_, event),) = rebalances(sim)
    assert event.te_after < f.usd(1) < event.te_before
    line = sim.books.decisions()[0].assets[WBTC]
    assert (line.amount, line.px, line.value, line.weight_bps) == (1, None, None, None), "seen, and not counted"
