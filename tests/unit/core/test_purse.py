"""Plans cut to what the treasury lets them spend, by numbers that can be checked by hand, and what is said of it."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from keeper.core.deliberation import deliberate
from keeper.core.drift import Rebalance, decide
from keeper.core.ledger import Action
from keeper.core.model import Budgets, Market, Plan
from keeper.core.planner.simple import plan
from keeper.core.prices import PriceBook, agree
from keeper.core.spending import Effect, foresee
from keeper.core.units import E18, Bps
from keeper.core.valuation import value
from tests import factories as f

pytestmark = pytest.mark.unit

WETH, WBTC, USDC = 0, 1, 2
BP = 10**14
"""Of NAV, in buckets."""
STEP = 2
"""Bps of NAV: a part in 4,096 of 80 %."""


def from_cash(count: int = 4, **changes: Any) -> Market:
    """A million dollars of USDC, 20 % of it to stay so, the rest to be `count` assets in bottomless pools of 30 bps."""
    weight = 8_000 // count
    assets = [f.asset(i, f"A{i}", price=10, balance=0, target=weight) for i in range(count)]
    assets.append(f.asset(count, "USDC", price=1, balance=1_000_000, target=10_000 - weight * count, decimals=6))
    market = f.market(assets, f.star(assets, depth=10**12), of=f.fund(hub=assets[-1].token), rules=f.policy(**changes))
    return f.with_limits(market, f.strict_limits())


def spent(market: Market, loss: int = 0, turnover: int = 0, **limits: Any) -> Market:
    """With so much gone from full buckets."""
    return f.with_limits(market, replace(market.treasury.limits, **limits), Budgets(loss, turnover, 0))


def planned(market: Market) -> Plan:
    book = agree(market)
    assert isinstance(book, PriceBook)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    return plan(valuation, decision, market, book)


def effect_of(market: Market, made: Plan) -> Effect:
    book = agree(market)
    assert isinstance(book, PriceBook)
    moves = [(swap.asset_in, swap.asset_out, swap.amount_in, swap.expected_out) for swap in made.swaps]
    return foresee(market.treasury, book.treasury_px, moves)


# --------------------------------------------------------------------------------------------- the budgets


def test_three_quarters_of_the_loss_budget_are_planned() -> None:
    """5 bps x 3/4 at 30 bps a swap buy 12.5 % of NAV, a quarter in each asset."""
    market = from_cash()
    made = planned(market)
    effect = effect_of(market, made)
    assert float(Fraction(effect.loss_share, BP)) == pytest.approx(3.75, abs=0.005)
    assert float(Fraction(effect.turnover_share, BP)) == pytest.approx(1_250, abs=STEP)
    assert [swap.value_in / E18 for swap in made.swaps] == pytest.approx([31_250] * 4, rel=0.002)
    assert made.notes[0] == "cut to the loss budget: 5 bps of NAV left of 5 bps; the rest waits"


def test_the_turnover_budget_is_nearly_used_up() -> None:
    market = spent(from_cash(), loss_cap=Bps(200), turnover_cap=Bps(300))
    made = planned(market)
    assert float(Fraction(effect_of(market, made).turnover_share, BP)) == pytest.approx(294, abs=STEP)
    assert made.notes == ("cut to the turnover budget: 3 % of NAV left of 3 %; the rest waits",)


def test_turnover_counts_both_swaps_of_a_way_through_the_hub() -> None:
    market = f.with_limits(f.hold(f.market(), WETH=260), f.limits(turnover_cap=Bps(100)))
    made = planned(market)
    sell, buy = made.swaps
    effect = effect_of(market, made)
    assert effect.turnover == sell.value_in + buy.value_in
    assert float(Fraction(effect.turnover_share, BP)) == pytest.approx(98, abs=STEP)
    assert float(Fraction(effect.progress, effect.nav_before)) < 0.0098, "less than was turned over"


def test_what_fits_is_not_touched() -> None:
    market = f.hold(f.market(), WETH=205, WBTC=Fraction(975, 100))
    free = planned(f.with_policy(market, drift_threshold=f.Decimal("0.001")))
    under = f.with_limits(f.with_policy(market, drift_threshold=f.Decimal("0.001")), f.strict_limits())
    assert planned(under).swaps == tuple(
        replace(swap, min_out=cut.min_out) for swap, cut in zip(free.swaps, planned(under).swaps, strict=True)
    )


def test_every_asset_and_the_hub_go_the_same_part_of_their_way() -> None:
    market = f.with_limits(f.hold(f.market(), WETH=300, WBTC=5), f.strict_limits())
    made = planned(market)
    effect = effect_of(market, made)
    part = Fraction(effect.progress, effect.te_before)
    assert 0 < part < Fraction(1, 2)
    nav = Fraction(effect.nav_before, E18)
    worth = {WETH: 600_000, WBTC: 200_000, USDC: 200_000}
    for index, before in worth.items():
        asset = market.treasury.assets[index]
        after = Fraction(made.holdings_after[index], 10**asset.decimals) * f.price_of(asset)
        way = Fraction(asset.target, 10_000) * nav - before
        assert float(after - before) == pytest.approx(float(part * way), abs=float(nav) / 5_000)


# ------------------------------------------------------------------------------------------------- waiting


def test_less_than_half_a_bucket_waits_and_says_until_when() -> None:
    market = spent(from_cash(), loss=4 * BP)
    thought = deliberate(market)
    assert thought.action is Action.HELD
    assert thought.reason == (
        "nothing to trade: the loss budget left is too small: 1 bps of NAV left of 5 bps, "
        "enough to go on at 2023-11-15T05:25:20Z, full again at 2023-11-15T17:25:20Z"
    ), "7.2 and 19.2 hours after 22:13:20"
    assert planned(spent(from_cash(), loss=5 * BP // 2)).swaps


def test_a_small_plan_does_not_wait_for_half_a_bucket() -> None:
    market = f.with_policy(f.hold(f.market(), WETH=202), drift_threshold=f.Decimal("0.001"))
    market = f.with_limits(market, f.strict_limits(), Budgets(4 * BP, 0, 0))
    assert planned(market).swaps


def test_an_owner_may_forbid_all_losses() -> None:
    made = planned(spent(from_cash(), loss_cap=Bps(0)))
    assert made.swaps == ()
    assert made.notes[0] == ("nothing worth MIN_TRADE_SIZE_USD fits the loss budget: 0 bps of NAV left of 0 bps")


def test_a_piece_below_the_smallest_trade_is_said_to_be_so() -> None:
    made = planned(spent(from_cash(min_trade=f.usd(90_000)), loss_cap=Bps(1)))
    assert made.swaps == ()
    assert made.notes[0].startswith("nothing worth MIN_TRADE_SIZE_USD fits the loss budget: 1 bps of NAV left of 1")


# ----------------------------------------------------------------------------------------------- selections


@pytest.mark.parametrize(("least", "size", "count"), [(20_000, 31_250, 4), (60_000, 62_500, 2), (90_000, 100_000, 1)])
def test_pieces_too_small_to_trade_make_way_for_fewer(least: int, size: int, count: int) -> None:
    """12.5 % of NAV in eight pieces are 15,600 USD each; one alone is at most 10 % of NAV."""
    made = planned(from_cash(count=8, min_trade=f.usd(least)))
    assert [swap.value_in / E18 for swap in made.swaps] == pytest.approx([size] * count, rel=0.002)
    assert made.notes[0].startswith("cut to the loss budget")


def test_what_waits_makes_room_for_a_whole_order() -> None:
    """Seven sells for one buy: in proportion all but the largest stay below 30,000 USD for as long as the budget bears
    it, and the largest goes half its way. Fewer at a time use the budget up.
    """
    over = [60_000] + [56_600] * 6
    assets = [f.asset(i, f"A{i}", price=10, balance=(50_000 + off) // 10, target=500) for i, off in enumerate(over)]
    assets.append(f.asset(7, "B", price=10, balance=5_000, target=4_496))
    assets.append(
        f.asset(8, "USDC", price=1, balance=1_000_000 - 350_000 - sum(over) - 50_000, target=2_004, decimals=6)
    )
    market = f.market(
        assets, f.star(assets, depth=10**12), of=f.fund(hub=assets[-1].token), rules=f.policy(min_trade=f.usd(30_000))
    )
    market = f.with_limits(market, f.strict_limits())
    made = planned(market)
    assert 1 < len(made.swaps) < 4
    assert effect_of(market, made).progress > f.usd(55_000)


def test_what_costs_more_than_the_treasury_pays_is_left_out() -> None:
    """One pool takes 2 %: with the sell that pays for it 2.3 % of what is moved; three quarters of 1.5 % are 1.1."""
    market = f.hold(f.market(), WETH=260)
    dear = f.v2_pool(1, market.treasury.assets[1], market.treasury.assets[2], depth=20_000_000, fee_pips=20_000)
    market = f.with_treasury(market, venues=(market.treasury.venues[0], dear))
    market = f.with_limits(market, f.limits(max_cost=Bps(150)))
    made = planned(market)
    assert [(swap.asset_in, swap.asset_out) for swap in made.swaps] == [(WETH, USDC)]
    assert made.notes[0] == (
        "cut to the treasury's price for progress, 1.5 % of the tracking error removed; the rest waits"
    )


def test_when_nothing_is_cheap_enough_nothing_is_traded() -> None:
    market = f.with_limits(f.hold(f.market(), WETH=260), f.limits(max_cost=Bps(20)))
    made = planned(market)
    assert made.swaps == ()
    assert made.notes[0] == (
        "whatever is traded costs more than the treasury's price for progress, 0.2 % of the tracking error removed"
    )


def test_the_treasurys_prices_count_not_ours() -> None:
    """By the pools, at 2,040, WETH is over its weight; by the feed, at 2,000, it is under: to sell is no progress."""
    base = f.with_policy(f.hold(f.market(), WETH=199), price_source=f.PriceSource.ROUTER, drift_threshold="0.001")
    weth, hub = base.treasury.assets[WETH], base.treasury.assets[USDC]
    market = f.with_venue(base, WETH, state=f.v2_state(weth, hub, depth=20_000_000, price=2_040))
    market = f.with_treasury(f.with_asset(market, WBTC, buyable=False), limits=f.limits(min_drift=Bps(0)))
    assert planned(f.with_policy(f.hold(market, WETH=220))).swaps, "over by either price"
    made = planned(market)
    assert made.swaps == ()
    assert made.notes[0].startswith("whatever is traded costs more than the treasury's price for progress")
    assert deliberate(market).action is Action.HELD


# --------------------------------------------------------------------------------------------------- exits


def test_an_exit_that_nobody_asks_for_is_kept() -> None:
    """WETH may not be bought: WBTC sold into a hub that is over its weight would remove nothing."""
    market = f.aim(f.hold(f.market(), WBTC=1, USDC=400_000), WBTC=0, WETH=6_000, USDC=4_000)
    market = f.with_asset(market, WETH, buyable=False)
    made = planned(market)
    assert made.swaps == ()
    assert any(note.startswith("WBTC: 40,000.00 USD over is kept: nothing to buy with it") for note in made.notes)


def test_the_crumbs_of_an_exit_go_with_it() -> None:
    """The hub lacks 2,000 USD and WETH 30, too little to buy: of 2,030 the last 30 could not be sold by themselves."""
    market = f.aim(f.hold(f.market(), WETH="399.985", WBTC="0.05075", USDC=198_000), WBTC=0, WETH=8_000)
    made = planned(f.with_treasury(market, limits=f.limits(min_drift=Bps(0))))
    assert [(swap.asset_in, swap.asset_out) for swap in made.swaps] == [(WBTC, USDC)]
    assert made.holdings_after[WBTC] == 0


def test_what_is_left_of_an_exit_and_is_no_crumb_waits() -> None:
    """WETH lacks 300 USD and may not be bought."""
    market = f.aim(f.hold(f.market(), WETH="399.85", WBTC="0.0575", USDC=198_000), WBTC=0, WETH=8_000)
    market = f.with_asset(f.with_treasury(market, limits=f.limits(min_drift=Bps(0))), WETH, buyable=False)
    made = planned(market)
    left = Fraction(made.holdings_after[WBTC], 10**8) * 40_000
    assert float(left) == pytest.approx(300, abs=10)
