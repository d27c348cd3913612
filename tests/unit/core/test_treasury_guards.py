"""The guards that speak for the treasury: each refuses one unit beyond what the contract lets pass, and no earlier."""

from dataclasses import replace

import pytest

from keeper.core.drift import Rebalance, decide
from keeper.core.guards import check_plan
from keeper.core.model import Budgets, GuardResult, Market, Plan, Verdict
from keeper.core.planner.simple import plan
from keeper.core.prices import PriceBook, agree
from keeper.core.spending import Effect, foresee
from keeper.core.units import Bps, Hash32, Timestamp
from keeper.core.valuation import value
from tests import factories as f
from tests.fakes import treasury as contract

pytestmark = pytest.mark.unit

WETH, WBTC, USDC = 0, 1, 2


@pytest.fixture
def market() -> Market:
    return f.hold(f.market(), WETH=260)


@pytest.fixture
def made(market: Market) -> Plan:
    """Planned while the treasury bounds nothing."""
    book = book_of(market)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    return plan(valuation, decision, market, book)


@pytest.fixture
def effect(market: Market, made: Plan) -> Effect:
    moves = [(swap.asset_in, swap.asset_out, swap.amount_in, swap.expected_out) for swap in made.swaps]
    return foresee(market.treasury, book_of(market).treasury_px, moves)


def book_of(market: Market) -> PriceBook:
    book = agree(market)
    assert isinstance(book, PriceBook)
    return book


def judged(market: Market, made: Plan) -> dict[str, GuardResult]:
    book = book_of(market)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    return {guard.name: guard for guard in check_plan(made, valuation, decision, market, book)}


def refusal(market: Market, made: Plan) -> str:
    """The guard that refuses; the treasury must do so too, by the error that the guard stands for."""
    refusing = [name for name, guard in judged(market, made).items() if guard.verdict is Verdict.REFUSE]
    try:
        treasury = replace(market.treasury, last_rebalance=Timestamp(0))
        call = contract.FakeCodec().rebalance(treasury.address, made.swaps, 5, f.NOW, Hash32("0x"))
        contract.rebalance(treasury, call, market.fund.signer, f.NOW)
    except contract.Reverted as revert:
        told = revert.guard
    else:
        told = ""
    (name,) = refusing or [""]
    return f"{name} {told}".strip()


def test_the_loss_budget_to_the_unit(market: Market, made: Plan, effect: Effect) -> None:
    exact = replace(market.treasury.budgets, loss=effect.loss_share)
    assert refusal(f.with_treasury(market, budgets=exact), made) == ""
    short = f.with_treasury(market, budgets=replace(exact, loss=effect.loss_share - 1))
    assert refusal(short, made) == "treasury_loss_budget LossBudget"


def test_the_turnover_budget_to_the_unit(market: Market, made: Plan, effect: Effect) -> None:
    exact = replace(market.treasury.budgets, turnover=effect.turnover_share)
    assert refusal(f.with_treasury(market, budgets=exact), made) == ""
    short = f.with_treasury(market, budgets=replace(exact, turnover=effect.turnover_share - 1))
    assert refusal(short, made) == "treasury_turnover_budget TurnoverBudget"


def test_a_budget_says_what_is_wanted_what_is_left_and_when_it_is_full(market: Market, made: Plan) -> None:
    """72,000 USD of WETH and 48,000 for WBTC in pools of 20 million: 0.66 % and 0.54 % of them, of 1,120,000."""
    low = f.with_limits(market, f.limits(loss_cap=Bps(10)), Budgets(75 * 10**13, 0, 0))
    guard = judged(low, made)["treasury_loss_budget"]
    assert (guard.measured, guard.limit, guard.unit) == ("6.5505", "2.5", "bps of NAV")
    assert guard.detail == "of 10 bps, full again at 2023-11-15T16:13:20Z", "three quarters of a day after 22:13:20"
    full = judged(market, made)["treasury_turnover_budget"]
    assert (full.measured, full.limit, full.detail) == ("1073.7318", "65535", "of 65535 bps")


def test_the_price_of_progress_to_the_bps(market: Market, made: Plan, effect: Effect) -> None:
    bound = -(-effect.loss * 10_000 // effect.progress)
    assert refusal(f.with_limits(market, f.limits(max_cost=Bps(bound))), made) == ""
    dearer = f.with_limits(market, f.limits(max_cost=Bps(bound - 1)))
    assert refusal(dearer, made) == "treasury_progress NoProgress"
    guard = judged(dearer, made)["treasury_progress"]
    assert (guard.limit, guard.unit) == ("1.01", "% lost of the tracking error removed")
    assert guard.measured == "1.019"


def test_an_exit_into_a_hub_that_is_over_its_weight_is_no_progress() -> None:
    """Tracking error falls by less than is lost, and only because the fund is smaller: nothing to pay for."""
    market = f.aim(f.hold(f.market(), WETH=100, WBTC=1, USDC=400_000), WBTC=0, WETH=6_000, USDC=4_000)
    book = book_of(market)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    (exit_,) = (swap for swap in plan(valuation, decision, market, book).swaps if swap.asset_in == WBTC)
    held = [asset.balance or 0 for asset in market.treasury.assets]
    held[WBTC] -= exit_.amount_in
    held[USDC] += exit_.expected_out
    alone = Plan((exit_,), tuple(f.BaseUnits(amount) for amount in held), ())
    assert refusal(market, alone) == "treasury_progress NoProgress"
    guard = judged(market, alone)["treasury_progress"]
    assert (guard.measured, guard.limit) == ("166.6667", "100"), "1 / (1 - the hub's 40 %)"


def test_what_is_retired_may_not_be_sold(market: Market, made: Plan) -> None:
    retired = f.with_asset(market, WETH, retired=True)
    book = book_of(market)
    valuation = value(market, book)
    decision = decide(valuation, market)
    assert isinstance(decision, Rebalance)
    results = {guard.name: guard for guard in check_plan(made, valuation, decision, retired, book)}
    assert "WETH is retired and may not be sold" in results["soundness"].detail
