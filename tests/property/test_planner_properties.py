"""The simple planner on any plausible fund: nothing overdrawn, limits held, weights nearer, minima honest."""

from fractions import Fraction

import pytest
from hypothesis import assume, given, settings

from keeper.core.amm import v2
from keeper.core.drift import Rebalance, decide, drift
from keeper.core.guards import check_plan
from keeper.core.model import Market, Plan, V2State, Verdict
from keeper.core.planner.legs import SANDWICH
from keeper.core.planner.simple import plan
from keeper.core.prices import PriceBook, agree
from keeper.core.units import BPS, BaseUnits, UsdE18, value_of
from keeper.core.valuation import Valuation, value
from tests.property.strategies import funds

pytestmark = pytest.mark.property


def plan_of(market: Market) -> tuple[Plan, Rebalance, Valuation, PriceBook]:
    book = agree(market)
    assert isinstance(book, PriceBook)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assume(isinstance(decision, Rebalance))
    assert isinstance(decision, Rebalance)
    return plan(valuation, decision, market, book), decision, valuation, book


def valued(amounts: tuple[BaseUnits, ...], book: PriceBook) -> list[int]:
    return [value_of(amount, px) for amount, px in zip(amounts, book.px, strict=True) if px is not None]


def tracking_error(market: Market, values: list[int]) -> Fraction:
    """Naively, in USD e18: half the sum of |v - w * NAV|."""
    nav = sum(values)
    parts = zip(values, market.treasury.assets, strict=True)
    return sum((abs(held - Fraction(asset.target * nav, BPS)) for held, asset in parts), Fraction(0)) / 2


@given(funds(limits=True, exits=True))
@settings(max_examples=200)
def test_every_plan_passes_every_guard(market: Market) -> None:
    """The guards recompute sizes, impacts, minima, soundness and progress: planner and guards agree on the rules."""
    made, decision, valuation, book = plan_of(market)
    refusals = [
        guard for guard in check_plan(made, valuation, decision, market, book) if guard.verdict is Verdict.REFUSE
    ]
    assert not refusals


@given(funds(limits=True, exits=True))
def test_replayed_on_the_pools_the_plan_gives_what_it_says(market: Market) -> None:
    """Run swap by swap on changing reserves, spending min(amountIn, balance) as the treasury does."""
    made, _, _, _ = plan_of(market)
    held = [asset.balance or 0 for asset in market.treasury.assets]
    reserves = {}
    for venue in market.treasury.venues:
        assert isinstance(venue.state, V2State)
        reserves[venue.index] = [venue.state.reserve0, venue.state.reserve1]
    for swap in made.swaps:
        pool, side = reserves[swap.venue], 0 if swap.zero_for_one else 1
        assert swap.amount_in <= held[swap.asset_in], "overdrawn"
        out = v2.amount_out(swap.amount_in, pool[side], pool[1 - side], swap.fee_pips)
        assert 0 < swap.min_out <= out == swap.expected_out
        pool[side] += swap.amount_in  # type: ignore[assignment]
        pool[1 - side] -= out  # type: ignore[assignment]
        held[swap.asset_in] -= swap.amount_in
        held[swap.asset_out] += out
    assert tuple(held) == made.holdings_after
    assert min(held) >= 0


@given(funds())
@settings(max_examples=200)
def test_without_binding_limits_the_plan_lands_on_target(market: Market) -> None:
    """Up to the size of the tokens' units: what one buy cannot take up, a sell of another does not provide.

    And up to an asset that was under its target by less than the plan's costs: it needs no trade, and is left.
    """
    made, _, valuation, book = plan_of(market)
    assume(not any(SANDWICH in note for note in made.notes))  # a pool that is off binds by itself
    values = valued(made.holdings_after, book)
    costs = valuation.nav - sum(values)
    traded = {index for swap in made.swaps for index in (swap.asset_in, swap.asset_out)}
    slack = 3 * sum(px // 10**18 + 1 for px in book.px if px is not None) + valuation.nav // 10**10
    slack += sum(costs * asset.target // BPS for asset in market.treasury.assets if asset.index not in traded)
    for held, asset in zip(values, market.treasury.assets, strict=True):
        assert abs(held - asset.target * sum(values) // BPS) <= slack, asset.symbol


@given(funds(limits=True))
def test_tracking_error_falls_whenever_something_is_traded(market: Market) -> None:
    made, _, valuation, book = plan_of(market)
    if made.swaps:
        before = tracking_error(market, list(valuation.values))
        assert tracking_error(market, valued(made.holdings_after, book)) < before


@given(funds(limits=True, exits=True))
def test_no_asset_is_moved_away_from_its_target(market: Market) -> None:
    """Over-weights are only sold, under-weights only bought, and neither is carried past its target."""
    made, decision, _, book = plan_of(market)
    nav_after = sum(valued(made.holdings_after, book))
    hub = len(market.treasury.assets) - 1
    for asset, item in zip(market.treasury.assets, decision.report.assets, strict=True):
        if asset.index == hub:
            continue
        change = made.holdings_after[asset.index] - (asset.balance or 0)
        px = book.px[asset.index] or 0
        past = value_of(made.holdings_after[asset.index], book.px[asset.index] or 0) - asset.target * nav_after // BPS  # type: ignore[arg-type]
        slack = 2 * (px // 10**18 + 1) + nav_after // 10**10
        if item.absolute > 0:
            assert change <= 0
            assert change == 0 or past >= -slack
        else:
            assert change >= 0
            assert change == 0 or past <= slack


@given(funds(limits=True))
def test_whatever_is_left_is_explained(market: Market) -> None:
    """An asset that ends further from its target than the smallest trade is named in a note."""
    made, _, _, book = plan_of(market)
    values = valued(made.holdings_after, book)
    smallest = max(market.policy.min_trade, UsdE18(10**18))
    hub = len(values) - 1
    for held, asset in zip(values, market.treasury.assets, strict=True):
        off = abs(held - asset.target * sum(values) // BPS)
        if asset.index != hub and off > smallest + sum(values) // 1_000:
            assert any(note.startswith(f"{asset.symbol}:") for note in made.notes), f"{asset.symbol} is silent"


@given(funds(limits=True, exits=True))
def test_planning_again_after_the_plan_finds_less_to_do(market: Market) -> None:
    made, decision, _, book = plan_of(market)
    after = Valuation(tuple(UsdE18(v) for v in valued(made.holdings_after, book)), UsdE18(0), ())
    after = Valuation(after.values, UsdE18(sum(after.values)), ())
    if made.swaps and all(asset.target for asset in market.treasury.assets):
        assert drift(after, market).te < decision.report.te
