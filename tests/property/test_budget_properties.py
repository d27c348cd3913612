"""Plans under the treasury's budgets: none would be refused, none is needlessly small, and what is cut goes evenly."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from keeper.core.drift import Rebalance, decide
from keeper.core.guards import check_plan
from keeper.core.model import Budgets, Market, Plan, Verdict
from keeper.core.planner.purse import LOSS_RESERVE
from keeper.core.planner.simple import plan
from keeper.core.prices import PriceBook, agree
from keeper.core.spending import Budget, Effect, allowed_loss, foresee, share, tracking_error
from keeper.core.units import BPS, E18, Bps, Hash32, Timestamp, UsdE18, value_of
from keeper.core.valuation import value
from tests import factories as f
from tests.fakes import treasury as contract
from tests.property.strategies import funds

pytestmark = pytest.mark.property


def book_of(market: Market) -> PriceBook:
    book = agree(market)
    assert isinstance(book, PriceBook)
    return book


def plan_of(market: Market) -> tuple[Plan, Rebalance]:
    book = book_of(market)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assume(isinstance(decision, Rebalance))
    assert isinstance(decision, Rebalance)
    return plan(valuation, decision, market, book), decision


def effect_of(market: Market, made: Plan) -> Effect:
    moves = [(swap.asset_in, swap.asset_out, swap.amount_in, swap.expected_out) for swap in made.swaps]
    return foresee(market.treasury, book_of(market).treasury_px, moves)


def run(market: Market, made: Plan) -> contract.Rebalanced:
    """By the treasury's own rules, written a second time. Raises Reverted."""
    treasury, now = market.treasury, Timestamp(f.NOW + 900)
    call = contract.FakeCodec().rebalance(treasury.address, made.swaps, treasury.last_id + 1, now, Hash32("0x"))
    return contract.rebalance(replace(treasury, last_rebalance=Timestamp(f.NOW)), call, market.fund.signer, now)


# -------------------------------------------------------------------------------------------- never too much


@given(funds(limits=True, exits=True, budgets=True))
@settings(max_examples=200)
def test_the_treasury_refuses_no_plan(market: Market) -> None:
    made, decision = plan_of(market)
    if not made.swaps:
        return
    done = run(market, made)
    assert tuple(asset.balance for asset in done.treasury.assets) == made.holdings_after
    effect = effect_of(market, made)
    assert (effect.loss, effect.turnover) == (done.event.loss, done.event.turnover)
    assert (effect.te_before, effect.te_after) == (done.event.te_before, done.event.te_after)
    book = book_of(market)
    for guard in check_plan(made, value(market, book), decision, market, book):
        assert guard.verdict is not Verdict.REFUSE, guard


@given(funds(limits=True, exits=True, budgets=True))
def test_swaps_may_lose_a_third_more_than_expected_and_still_fit(market: Market) -> None:
    """The reserve of the loss budget and of the price of progress, as far as the swaps' minima let it come to that."""
    made, _ = plan_of(market)
    effect = effect_of(market, made)
    worse = effect.loss * Fraction(1) / (1 - LOSS_RESERVE)
    if made.swaps:
        assert worse * E18 <= market.treasury.budgets.loss * effect.nav_before
        assert worse * BPS <= effect.progress * market.treasury.limits.max_cost


@given(funds(limits=True, exits=True, budgets=True), st.data())
def test_a_plan_that_is_paid_less_than_expected_passes_or_reverts_but_never_overspends(
    market: Market, data: st.DataObject
) -> None:
    """Somebody traded before us: pools pay anything down to the minima."""
    made, _ = plan_of(market)
    assume(made.swaps)
    pools = list(market.treasury.venues)
    for swap in made.swaps:
        pool = pools[swap.venue]
        part = Fraction(data.draw(st.integers(9_900, 10_000)), 10_000)
        first = int(pool.state.reserve0 * (1 if swap.zero_for_one else part))  # type: ignore[union-attr]
        second = int(pool.state.reserve1 * (part if swap.zero_for_one else 1))  # type: ignore[union-attr]
        pools[swap.venue] = replace(pool, state=f.V2State(f.BaseUnits(first), f.BaseUnits(second)))
    before = f.with_treasury(market, venues=tuple(pools))
    try:
        done = run(before, made)
    except contract.Reverted as revert:
        assert revert.guard in {"MinOut", "LossBudget", "NoProgress", "TurnoverBudget"}  # noqa: PT017
        return
    left = contract.budgets_at(replace(market.treasury, last_rebalance=Timestamp(f.NOW)), f.NOW + 900)
    assert done.event.loss * E18 <= left.loss * done.event.nav_before
    assert done.event.turnover * E18 <= left.turnover * done.event.nav_before
    assert done.event.te_after < done.event.te_before


# ------------------------------------------------------------------------------------------- a good plan


@given(funds(limits=True, exits=True, budgets=True))
def test_no_asset_and_not_the_hub_is_moved_away_from_its_target(market: Market) -> None:
    made, decision = plan_of(market)
    book, hub = book_of(market), len(market.treasury.assets) - 1
    values = [value_of(held, px) for held, px in zip(made.holdings_after, book.px, strict=True) if px is not None]
    nav_after, costs = sum(values), abs(sum(item.value for item in decision.report.assets) - sum(values))
    spare = max(market.policy.min_trade, nav_after // 1_000)  # the crumbs of an exit go to the hub
    for asset, item, after in zip(market.treasury.assets, decision.report.assets, values, strict=True):
        off = after - asset.target * nav_after // BPS
        slack = 3 * ((book.px[asset.index] or 0) // E18 + 1) + nav_after // 10**10 + costs
        slack += spare if asset.index == hub and 0 in {a.target for a in market.treasury.assets} else 0
        if item.absolute > 0:
            assert -slack <= off <= item.value - item.target_value + slack, asset.symbol
        else:
            assert item.value - item.target_value - slack <= off <= slack, asset.symbol


@given(funds(limits=True, budgets=True))
def test_whatever_is_cut_or_waits_is_explained(market: Market) -> None:
    made, _ = plan_of(market)
    free, _ = plan_of(wide(market))
    if made.swaps != free.swaps:
        assert any("budget" in note or "tracking error removed" in note for note in made.notes), made.notes


@given(funds(limits=True, budgets=True))
def test_a_bucket_that_is_less_than_half_full_waits_and_says_until_when(market: Market) -> None:
    made, _ = plan_of(market)
    for note in made.notes:
        if "left is too small" in note:
            assert not made.swaps
            assert "enough to go on at 20" in note
            assert "full again at 20" in note


@given(funds(budgets=True))
def test_with_full_buckets_something_is_traded_whenever_the_smallest_trade_fits(market: Market) -> None:
    """A million dollars, a smallest trade of 5,000: the buckets hold at least 100 USD of losses, 30,000 of turnover."""
    limits = replace(
        market.treasury.limits,
        loss_cap=max(Bps(1), market.treasury.limits.loss_cap),
        turnover_cap=max(Bps(300), market.treasury.limits.turnover_cap),
        max_cost=max(Bps(300), market.treasury.limits.max_cost),
    )
    market = f.with_policy(f.with_limits(market, limits), min_trade=f.usd(5_000))
    assume(not any(asset.target == 0 for asset in market.treasury.assets))
    free, _ = plan_of(wide(market))
    assume(free.swaps)
    made, _ = plan_of(market)
    assert made.swaps, made.notes


def wide(market: Market) -> Market:
    limits = replace(market.treasury.limits, loss_cap=Bps(10_000), turnover_cap=Bps(65_535), max_cost=Bps(10_000))
    return f.with_limits(market, limits)


# ------------------------------------------------------------------------------------------- arithmetic


@given(st.integers(0, 2**100), st.integers(1, 2**100))
def test_a_share_is_the_least_that_is_not_below(part: int, whole: int) -> None:
    assert share(part, whole) >= Fraction(part * E18, whole) > share(part, whole) - 1 or part == 0 == share(0, whole)


@given(st.integers(-(10**24), 10**24), st.integers(0, 10_000))
def test_what_may_be_lost_is_rounded_down(progress: int, max_cost: int) -> None:
    allowed = allowed_loss(progress, Bps(max_cost))
    assert allowed <= max(0, Fraction(progress * max_cost, BPS)) < allowed + 1


@given(st.integers(1, 65_535), st.integers(3_600, 30 * 86_400), st.data())
def test_a_bucket_is_as_full_as_was_said_when_it_was_said(cap_bps: int, window: int, data: st.DataObject) -> None:
    cap = cap_bps * 10**14
    used = data.draw(st.integers(0, cap))
    level = data.draw(st.integers(0, cap))
    seconds = Budget(cap - used, cap, window).seconds_until(level)
    assert seconds is not None

    def left(elapsed: int) -> int:
        limits = f.limits(loss_cap=Bps(cap_bps), window_seconds=window)
        state = f.treasury([], [], limits=limits, budgets=Budgets(cap - used, 0, 0), last_rebalance=f.NOW)
        return contract.budgets_at(state, f.NOW + elapsed).loss

    assert left(seconds) >= level
    assert seconds == 0 or left(seconds - 1) < level
    assert Budget(cap - used, cap, window).seconds_until(cap + 1) is None


@given(funds(limits=True, exits=True))
def test_tracking_error_is_half_the_sum_of_what_is_off(market: Market) -> None:
    prices = book_of(market).treasury_px
    balances = [asset.balance or f.BaseUnits(0) for asset in market.treasury.assets]
    te, nav = tracking_error(market.treasury, prices, balances)
    values = [int(Fraction(held * (px or 0), E18)) for held, px in zip(balances, prices, strict=True)]
    assert nav == sum(values)
    exact = sum(
        abs(held - Fraction(a.target * nav, BPS)) for held, a in zip(values, market.treasury.assets, strict=True)
    )
    assert abs(te - exact / 2) <= len(values)
    assert isinstance(te, int)
    assert UsdE18(te) <= nav
