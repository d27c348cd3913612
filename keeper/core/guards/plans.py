"""Whether a plan may run: its sizes, costs and soundness, recomputed from the market, not taken from the planner."""

from collections import Counter
from fractions import Fraction

from keeper.core.amm import v2
from keeper.core.drift import Rebalance
from keeper.core.guards.measures import balances_of, extreme, name_of, usd_text
from keeper.core.guards.shape import skipped, verdict
from keeper.core.guards.treasury import check_treasury
from keeper.core.hub import hub_of
from keeper.core.model import GuardResult, Market, Plan, PlannedSwap, V2State
from keeper.core.prices import PriceBook
from keeper.core.spending import tracking_error
from keeper.core.units import BaseUnits, UsdE18
from keeper.core.valuation import Valuation
from keeper.core.words import percent


def check_plan(
    plan: Plan, valuation: Valuation, decision: Rebalance, market: Market, book: PriceBook
) -> tuple[GuardResult, ...]:
    """Every bound on a plan, ours and the treasury's. A plan without swaps has nothing to measure."""
    return (
        slippage(plan, market),
        price_impact(plan, market),
        max_trade_size(plan, market, book),
        min_trade_size(plan, market, book),
        progress(plan, valuation, decision, market, book),
        soundness(plan, market),
        *check_treasury(plan, market, book),
    )


def slippage(plan: Plan, market: Market) -> GuardResult:
    """The least that is accepted against what the pool computes. A minimum above it could only revert."""
    limit = Fraction(market.policy.slippage_tolerance)
    if not plan.swaps:
        return skipped("slippage", percent(limit, 4), "%", "no swap")
    given = {swap: Fraction(swap.expected_out - swap.min_out, max(1, swap.expected_out)) for swap in plan.swaps}
    worst = max(given, key=given.__getitem__)
    # a whole unit cannot be split: the floor of a small output may give away more than the fraction
    sound = all(
        0 < swap.min_out <= swap.expected_out and swap.min_out + 1 > swap.expected_out * (1 - limit)
        for swap in plan.swaps
    )
    return GuardResult(
        "slippage", percent(given[worst], 4), percent(limit, 4), "%", verdict(sound), name_of(worst, market)
    )


def price_impact(plan: Plan, market: Market) -> GuardResult:
    limit = Fraction(market.policy.price_impact_threshold)
    if not plan.swaps:
        return skipped("price_impact", percent(limit, 4), "%", "no swap")
    impacts = {swap: _impact(swap, market) for swap in plan.swaps}
    worst = max(impacts, key=impacts.__getitem__)
    within = impacts[worst] <= limit
    return GuardResult(
        "price_impact", percent(impacts[worst], 4), percent(limit, 4), "%", verdict(within), name_of(worst, market)
    )


def max_trade_size(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    limit = market.policy.max_trade
    if not plan.swaps:
        return skipped("max_trade_size", usd_text(limit), "USD", "no swap")
    worst, size = extreme(plan, book.px, max)
    passed = verdict(size <= limit)
    return GuardResult("max_trade_size", usd_text(size), usd_text(limit), "USD", passed, name_of(worst, market))


def min_trade_size(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """The last slice of an exit is sold whatever it is worth."""
    limit, assets = market.policy.min_trade, market.treasury.assets
    counted = tuple(
        swap
        for swap in plan.swaps
        if assets[swap.asset_in].target > 0 or swap.amount_in != assets[swap.asset_in].balance
    )
    if not counted:
        return skipped("min_trade_size", usd_text(limit), "USD", "no swap that is not the end of an exit")
    least, size = extreme(Plan(counted, (), ()), book.px, min)
    passed = verdict(size >= limit)
    return GuardResult("min_trade_size", usd_text(size), usd_text(limit), "USD", passed, name_of(least, market))


def progress(plan: Plan, valuation: Valuation, decision: Rebalance, market: Market, book: PriceBook) -> GuardResult:
    """Tracking error must fall, in USD at our prices, each side with its own NAV."""
    before = UsdE18(int(decision.report.te * valuation.nav))
    if not plan.swaps:
        return skipped("progress", usd_text(before), "USD of tracking error", "no swap")
    after, _ = tracking_error(market.treasury, book.px, plan.holdings_after)
    return GuardResult("progress", usd_text(after), usd_text(before), "USD of tracking error", verdict(after < before))


def soundness(plan: Plan, market: Market) -> GuardResult:
    """Nothing overdrawn, nothing bought that may not be, nothing retired touched, no pool twice, no detours."""
    if not plan.swaps:
        return skipped("soundness", "0", "faults", "no swap")
    faults = _faults(plan, market)
    return GuardResult("soundness", str(len(faults)), "0", "faults", verdict(not faults), "; ".join(faults))


def _impact(swap: PlannedSwap, market: Market) -> Fraction:
    venue = market.treasury.venues[swap.venue]
    if not isinstance(venue.state, V2State):
        return Fraction(swap.impact)
    reserve_in = venue.state.reserve0 if swap.zero_for_one else venue.state.reserve1
    return v2.impact(swap.amount_in, reserve_in, venue.fee_pips)


def _faults(plan: Plan, market: Market) -> list[str]:
    assets, venues = market.treasury.assets, market.treasury.venues
    balances, faults = list(balances_of(market)), []
    for swap in plan.swaps:
        venue = venues[swap.venue]
        sides = (venue.asset0, venue.asset1) if swap.zero_for_one else (venue.asset1, venue.asset0)
        if sides != (swap.asset_in, swap.asset_out) or not venue.enabled:
            faults.append(f"venue {swap.venue} does not trade {name_of(swap, market)}")
        if swap.amount_in > balances[swap.asset_in]:
            faults.append(f"{assets[swap.asset_in].symbol} is overdrawn")
        if not assets[swap.asset_out].buyable:
            faults.append(f"{assets[swap.asset_out].symbol} may not be bought")
        if assets[swap.asset_in].retired:
            faults.append(f"{assets[swap.asset_in].symbol} is retired and may not be sold")
        balances[swap.asset_in] = BaseUnits(balances[swap.asset_in] - swap.amount_in)
        balances[swap.asset_out] = BaseUnits(balances[swap.asset_out] + swap.expected_out)
    if tuple(balances) != plan.holdings_after:
        faults.append("holdings after the plan do not follow from its swaps")
    uses = Counter((venues[swap.venue].pool, swap.asset_in) for swap in plan.swaps)
    faults += [f"pool {pool} is used {count} times in one direction" for (pool, _), count in uses.items() if count > 1]
    sold = {swap.asset_in for swap in plan.swaps}
    both = (sold & {swap.asset_out for swap in plan.swaps}) - {hub_of(market)}
    if both:
        faults.append(f"{', '.join(assets[index].symbol for index in sorted(both))} are both sold and bought")
    return faults
