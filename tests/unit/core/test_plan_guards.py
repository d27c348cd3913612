"""The guards of a plan, against plans that a broken planner might make: each fault is caught by its own guard."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from keeper.core.amm import v2
from keeper.core.drift import Rebalance, decide
from keeper.core.guards import check_plan
from keeper.core.model import GuardResult, Market, Plan, PlannedSwap, V2State, Verdict
from keeper.core.planner.simple import plan
from keeper.core.prices import PriceBook, agree
from keeper.core.units import BaseUnits, value_of
from keeper.core.valuation import value
from tests import factories as f

pytestmark = pytest.mark.unit

WETH, WBTC, USDC = 0, 1, 2
NAMES = [
    "slippage",
    "price_impact",
    "max_trade_size",
    "min_trade_size",
    "progress",
    "soundness",
    "treasury_min_drift",
    "treasury_trade_size",
    "treasury_slippage",
    "treasury_progress",
    "treasury_loss_budget",
    "treasury_turnover_budget",
]


@pytest.fixture
def market() -> Market:
    return f.hold(f.market(), WETH=260)


def judged(market: Market, change: Any = None) -> dict[str, GuardResult]:
    """The guards of the planner's own plan, or of that plan after `change`."""
    book = agree(market)
    assert isinstance(book, PriceBook)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    made = plan(valuation, decision, market, book)
    results = check_plan(change(made) if change else made, valuation, decision, market, book)
    return {guard.name: guard for guard in results}


def refusing(results: dict[str, GuardResult]) -> set[str]:
    return {name for name, guard in results.items() if guard.verdict is Verdict.REFUSE}


def first(made: Plan, **changes: Any) -> Plan:
    """The plan with its first swap changed, and holdings that follow from it."""
    return followed(replace(made, swaps=(replace(made.swaps[0], **changes), *made.swaps[1:])), made)


def followed(changed: Plan, made: Plan) -> Plan:
    holdings = list(made.holdings_after)
    for sign, swaps in ((-1, made.swaps), (1, changed.swaps)):
        for swap in swaps:
            holdings[swap.asset_in] -= sign * swap.amount_in  # type: ignore[assignment]
            holdings[swap.asset_out] += sign * swap.expected_out  # type: ignore[assignment]
    return replace(changed, holdings_after=tuple(holdings))


def sell(market: Market, amount: int) -> PlannedSwap:
    """Any amount of WETH to USDC, honestly quoted."""
    state = market.treasury.venues[0].state
    assert isinstance(state, V2State)
    out = v2.amount_out(amount, state.reserve0, state.reserve1, 3_000)
    return PlannedSwap(
        venue=0,
        zero_for_one=True,
        asset_in=WETH,
        asset_out=USDC,
        amount_in=BaseUnits(amount),
        expected_out=BaseUnits(out),
        min_out=BaseUnits(out * 99 // 100),
        value_in=f.usd(0),
        value_out=f.usd(0),
        fee_pips=3_000,
        impact=Decimal(0),
    )


def test_a_good_plan_passes_every_guard_in_order(market: Market) -> None:
    results = judged(market)
    assert list(results) == NAMES
    assert {guard.verdict for guard in results.values()} == {Verdict.PASS}


def test_a_plan_without_swaps_has_nothing_to_measure(market: Market) -> None:
    balances = tuple(asset.balance for asset in market.treasury.assets)
    results = judged(market, lambda made: Plan((), balances, ()))
    assert list(results) == NAMES
    assert {guard.verdict for guard in results.values()} == {Verdict.SKIP}


def test_slippage_shows_the_worst_swap(market: Market) -> None:
    results = judged(market, lambda made: first(made, min_out=BaseUnits(made.swaps[0].expected_out * 98 // 100)))
    assert refusing(results) == {"slippage"}
    assert (results["slippage"].limit, results["slippage"].detail) == ("1", "WETH to USDC through venue 0")
    assert float(results["slippage"].measured) == pytest.approx(2, abs=1e-4)


@pytest.mark.parametrize("minimum", [0, None])
def test_a_minimum_of_nothing_or_beyond_the_quote_is_refused(market: Market, minimum: int | None) -> None:
    results = judged(
        market,
        lambda made: first(made, min_out=made.swaps[0].expected_out + 1 if minimum is None else minimum),
    )
    assert "slippage" in refusing(results)


def test_a_minimum_below_the_treasurys_floor_is_refused(market: Market) -> None:
    strict = f.with_treasury(market, limits=f.limits(max_slip=100))
    assert refusing(judged(strict)) == set()
    below = judged(strict, lambda made: first(made, min_out=BaseUnits(made.swaps[0].min_out - 10)))
    assert refusing(below) == {"treasury_slippage"}
    assert below["treasury_slippage"].unit == "%"


def test_impact_is_measured_not_believed(market: Market) -> None:
    tight = f.with_policy(market, price_impact_threshold=Decimal("0.001"))
    big = sell(market, 50 * 10**18)
    results = judged(tight, lambda made: followed(replace(made, swaps=(big,)), made))
    assert "price_impact" in refusing(results)
    assert results["price_impact"].measured == "0.496", "gamma*50 / (10,000 + gamma*50)"


def test_sizes_are_measured_not_believed(market: Market) -> None:
    tight = f.with_treasury(f.with_policy(market, max_trade=f.usd(90_000)), limits=f.limits(per_trade=500))
    big = sell(market, 50 * 10**18)
    results = judged(tight, lambda made: followed(replace(made, swaps=(big,)), made))
    assert {"max_trade_size", "treasury_trade_size"} <= refusing(results)
    assert (results["max_trade_size"].measured, results["max_trade_size"].limit) == ("100000", "90000")
    assert results["treasury_trade_size"].measured == "8.9286", "100,000 of 1,120,000"


def test_limits_are_met_by_equality(market: Market) -> None:
    exact = sell(market, 45 * 10**18)
    tight = f.with_policy(market, max_trade=f.usd(90_000), min_trade=f.usd(90_000))
    results = judged(tight, lambda made: followed(replace(made, swaps=(exact,)), made))
    assert not {"max_trade_size", "min_trade_size"} & refusing(results)


def test_small_swaps_are_refused_unless_they_end_an_exit(market: Market) -> None:
    small = sell(market, 10**16)
    results = judged(market, lambda made: followed(replace(made, swaps=(small,)), made))
    assert "min_trade_size" in refusing(results)
    leaving = f.aim(f.hold(market, WETH="0.01"), WETH=0, USDC=6_000)
    results = judged(leaving, lambda made: followed(replace(made, swaps=(small,)), made))
    assert results["min_trade_size"].verdict is Verdict.SKIP


def test_the_treasurys_minimum_drift_is_asked_at_its_own_prices(market: Market) -> None:
    results = judged(f.with_treasury(market, limits=f.limits(min_drift=642)))
    assert (results["treasury_min_drift"].measured, results["treasury_min_drift"].limit) == ("6.4286", "6.42")
    assert results["treasury_min_drift"].verdict is Verdict.PASS


def test_below_the_treasurys_minimum_drift_nothing_but_an_exit_is_planned(market: Market) -> None:
    """The planner's decision came from a market with another limit: the guard looks at this one."""
    book = agree(market)
    assert isinstance(book, PriceBook)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    made = plan(valuation, decision, market, book)
    strict = f.with_treasury(market, limits=f.limits(min_drift=643))
    results = {guard.name: guard for guard in check_plan(made, valuation, decision, strict, book)}
    assert refusing(results) == {"treasury_min_drift"}


def test_a_minimum_may_be_rounded_down_to_a_whole_unit_but_not_further(market: Market) -> None:
    for off, expected in ((0, Verdict.PASS), (1, Verdict.REFUSE)):
        results = judged(
            market,
            lambda made, off=off: first(made, min_out=BaseUnits(made.swaps[0].expected_out * 99 // 100 - off)),
        )
        assert results["slippage"].verdict is expected


def test_a_minimum_equal_to_the_quote_is_strict_but_sound(market: Market) -> None:
    assert refusing(judged(market, lambda made: first(made, min_out=made.swaps[0].expected_out))) == set()


def test_a_plan_that_leaves_the_tracking_error_as_it_was_is_no_progress(market: Market) -> None:
    book = agree(market)
    assert isinstance(book, PriceBook)
    same = tuple(asset.balance for asset in market.treasury.assets)
    results = judged(market, lambda made: replace(made, holdings_after=same))
    assert "progress" in refusing(results)
    assert results["progress"].measured == results["progress"].limit == "72000"


def test_an_exit_waives_the_minimum_drift() -> None:
    leaving = f.with_treasury(
        f.aim(f.hold(f.market(), WBTC="0.1"), WBTC=0, USDC=6_000), limits=f.limits(min_drift=9_999)
    )
    results = judged(leaving)
    assert results["treasury_min_drift"].verdict is Verdict.PASS
    assert "an exit is sold" in results["treasury_min_drift"].detail


def test_a_plan_that_leads_away_from_the_targets_is_refused(market: Market) -> None:
    away = sell(market, 200 * 10**18)
    results = judged(market, lambda made: followed(replace(made, swaps=(away,)), made))
    assert "progress" in refusing(results)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda made: replace(made, holdings_after=made.holdings_after[::-1]), "holdings after the plan"),
        (lambda made: first(made, zero_for_one=False), "venue 0 does not trade"),
        (lambda made: first(made, amount_in=BaseUnits(261 * 10**18)), "WETH is overdrawn"),
        (
            lambda made: followed(replace(made, swaps=(made.swaps[0], *made.swaps)), made),
            "is used 2 times in one direction",
        ),
    ],
)
def test_an_unsound_plan_is_refused(market: Market, fault: Any, words: str) -> None:
    results = judged(market, fault)
    assert "soundness" in refusing(results)
    assert words in results["soundness"].detail


def test_buys_before_the_sells_that_pay_for_them_are_overdrawn(market: Market) -> None:
    poor = f.aim(f.hold(market, USDC=0), WETH=5_000, WBTC=5_000, USDC=0)
    results = judged(poor, lambda made: followed(replace(made, swaps=made.swaps[::-1]), made))
    assert "USDC is overdrawn" in results["soundness"].detail


def test_what_may_not_be_bought_and_disabled_venues_are_refused(market: Market) -> None:
    book = agree(market)
    assert isinstance(book, PriceBook)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    made = plan(valuation, decision, market, book)
    tightened = f.with_venue(f.with_asset(market, WBTC, buyable=False), 0, enabled=False)
    results = {guard.name: guard for guard in check_plan(made, valuation, decision, tightened, book)}
    assert "WBTC may not be bought" in results["soundness"].detail
    assert "venue 0 does not trade" in results["soundness"].detail


def test_only_the_hub_may_be_both_sold_and_bought(market: Market) -> None:
    made_then_undone = judged(
        market,
        lambda made: followed(
            replace(
                made,
                swaps=(
                    *made.swaps,
                    replace(
                        made.swaps[1],
                        zero_for_one=not made.swaps[1].zero_for_one,
                        asset_in=WBTC,
                        asset_out=USDC,
                        amount_in=BaseUnits(1),
                        expected_out=BaseUnits(1),
                    ),
                ),
            ),
            made,
        ),
    )
    assert "WBTC are both sold and bought" in made_then_undone["soundness"].detail


def test_values_in_a_plan_are_the_books(market: Market) -> None:
    book = agree(market)
    assert isinstance(book, PriceBook)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    for swap in plan(valuation, decision, market, book).swaps:
        px_in, px_out = book.px[swap.asset_in], book.px[swap.asset_out]
        assert px_in is not None
        assert px_out is not None
        assert swap.value_in == value_of(swap.amount_in, px_in)
        assert swap.value_out == value_of(swap.expected_out, px_out)
