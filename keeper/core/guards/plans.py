"""Whether a plan may run: its sizes, costs and soundness, recomputed from the market, not taken from the planner."""

from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

from keeper.core.amm import v2
from keeper.core.drift import Rebalance
from keeper.core.guards.shape import skipped, verdict
from keeper.core.hub import hub_of
from keeper.core.model import GuardResult, Market, Plan, PlannedSwap, V2State
from keeper.core.prices import PriceBook
from keeper.core.units import BPS, BaseUnits, Px, UsdE18, value_of
from keeper.core.valuation import Valuation
from keeper.core.words import percent, plain


def check_plan(
    plan: Plan, valuation: Valuation, decision: Rebalance, market: Market, book: PriceBook
) -> tuple[GuardResult, ...]:
    """Every bound on a plan, ours and the treasury's. A plan without swaps has nothing to measure."""
    return (
        slippage(plan, market),
        treasury_slippage(plan, market, book),
        price_impact(plan, market),
        max_trade_size(plan, market, book),
        treasury_trade_size(plan, market, book),
        min_trade_size(plan, market, book),
        treasury_min_drift(plan, market, book),
        progress(plan, valuation, decision, market, book),
        soundness(plan, market),
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
        "slippage", percent(given[worst], 4), percent(limit, 4), "%", verdict(sound), _name(worst, market)
    )


def treasury_slippage(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """What each swap loses at the treasury's own prices if it yields its minimum: beyond the limit it would revert."""
    limit = Fraction(market.treasury.limits.max_slip, BPS)
    if not plan.swaps:
        return skipped("treasury_slippage", percent(limit, 4), "%", "no swap")
    losses = {swap: _loss_at_minimum(swap, book) for swap in plan.swaps}
    worst = max(losses, key=losses.__getitem__)
    return GuardResult(
        name="treasury_slippage",
        measured=percent(losses[worst], 4),
        limit=percent(limit, 4),
        unit="%",
        verdict=verdict(losses[worst] <= limit),
        detail=_name(worst, market),
    )


def price_impact(plan: Plan, market: Market) -> GuardResult:
    limit = Fraction(market.policy.price_impact_threshold)
    if not plan.swaps:
        return skipped("price_impact", percent(limit, 4), "%", "no swap")
    impacts = {swap: _impact(swap, market) for swap in plan.swaps}
    worst = max(impacts, key=impacts.__getitem__)
    within = impacts[worst] <= limit
    return GuardResult(
        "price_impact", percent(impacts[worst], 4), percent(limit, 4), "%", verdict(within), _name(worst, market)
    )


def max_trade_size(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    limit = market.policy.max_trade
    if not plan.swaps:
        return skipped("max_trade_size", _usd(limit), "USD", "no swap")
    worst, size = _extreme(plan, book.px, max)
    return GuardResult("max_trade_size", _usd(size), _usd(limit), "USD", verdict(size <= limit), _name(worst, market))


def treasury_trade_size(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """The treasury's own bound of one swap's input, as a part of NAV, both at its prices."""
    per_trade = market.treasury.limits.per_trade
    if not plan.swaps:
        return skipped("treasury_trade_size", percent(Fraction(per_trade, BPS), 4), "% of NAV", "no swap")
    values = treasury_values(_balances(market), book.treasury_px)
    worst, size = _extreme(plan, book.treasury_px, max)
    nav = sum(values)
    return GuardResult(
        name="treasury_trade_size",
        measured=percent(Fraction(size, nav), 4) if nav else "100",
        limit=percent(Fraction(per_trade, BPS), 4),
        unit="% of NAV",
        verdict=verdict(size <= nav * per_trade // BPS),
        detail=_name(worst, market),
    )


def min_trade_size(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """The last slice of an exit is sold whatever it is worth."""
    limit, assets = market.policy.min_trade, market.treasury.assets
    counted = tuple(
        swap
        for swap in plan.swaps
        if assets[swap.asset_in].target > 0 or swap.amount_in != assets[swap.asset_in].balance
    )
    if not counted:
        return skipped("min_trade_size", _usd(limit), "USD", "no swap that is not the end of an exit")
    least, size = _extreme(Plan(counted, (), ()), book.px, min)
    return GuardResult("min_trade_size", _usd(size), _usd(limit), "USD", verdict(size >= limit), _name(least, market))


def treasury_min_drift(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """The treasury refuses to trade near its targets, unless an asset with target 0 is sold."""
    minimum = market.treasury.limits.min_drift
    limit = percent(Fraction(minimum, BPS), 4)
    if not plan.swaps:
        return skipped("treasury_min_drift", limit, "% of NAV", "no swap")
    te, nav = tracking_error(_balances(market), book.treasury_px, market)
    exits = any(market.treasury.assets[swap.asset_in].target == 0 for swap in plan.swaps)
    return GuardResult(
        name="treasury_min_drift",
        measured=percent(Fraction(te, nav), 4) if nav else "0",
        limit=limit,
        unit="% of NAV",
        verdict=verdict(exits or te * BPS >= nav * minimum),
        detail="waived: an exit is sold" if exits else "",
    )


def progress(plan: Plan, valuation: Valuation, decision: Rebalance, market: Market, book: PriceBook) -> GuardResult:
    """Tracking error must fall, in USD, each side with its own NAV; an exit to the hub may leave it where it was."""
    before = UsdE18(int(decision.report.te * valuation.nav))
    if not plan.swaps:
        return skipped("progress", _usd(before), "USD of tracking error", "no swap")
    after, _ = tracking_error(plan.holdings_after, book.px, market)
    exits = any(market.treasury.assets[swap.asset_in].target == 0 for swap in plan.swaps)
    return GuardResult(
        name="progress",
        measured=_usd(after),
        limit=_usd(before),
        unit="USD of tracking error",
        verdict=verdict(after < before or exits),
        detail="",
    )


def soundness(plan: Plan, market: Market) -> GuardResult:
    """Nothing overdrawn, nothing bought that may not be, no pool twice in one direction, no detours."""
    if not plan.swaps:
        return skipped("soundness", "0", "faults", "no swap")
    faults = _faults(plan, market)
    return GuardResult("soundness", str(len(faults)), "0", "faults", verdict(not faults), "; ".join(faults))


# ------------------------------------------------------------------------------------------------ measures


def treasury_values(balances: tuple[BaseUnits, ...], prices: tuple[Px | None, ...]) -> tuple[UsdE18, ...]:
    """USD by asset, floored one by one as the treasury does; what has no price counts 0."""
    return tuple(
        UsdE18(0) if px is None else value_of(balance, px) for balance, px in zip(balances, prices, strict=True)
    )


def tracking_error(
    balances: tuple[BaseUnits, ...], prices: tuple[Px | None, ...], market: Market
) -> tuple[UsdE18, UsdE18]:
    """(tracking error, NAV) in USD, as `Portfolio.trackingError` computes them."""
    values = treasury_values(balances, prices)
    nav = sum(values)
    off = sum(abs(held - asset.target * nav // BPS) for held, asset in zip(values, market.treasury.assets, strict=True))
    return UsdE18(off // 2), UsdE18(nav)


def _balances(market: Market) -> tuple[BaseUnits, ...]:
    return tuple(asset.balance or BaseUnits(0) for asset in market.treasury.assets)


def _worth(amount: BaseUnits, px: Px | None) -> UsdE18:
    return UsdE18(0) if px is None else value_of(amount, px)


def _extreme(plan: Plan, prices: tuple[Px | None, ...], pick: Callable[..., PlannedSwap]) -> tuple[PlannedSwap, UsdE18]:
    sizes = {swap: _worth(swap.amount_in, prices[swap.asset_in]) for swap in plan.swaps}
    found = pick(sizes, key=sizes.__getitem__)
    return found, sizes[found]


def _loss_at_minimum(swap: PlannedSwap, book: PriceBook) -> Fraction:
    paid = _worth(swap.amount_in, book.treasury_px[swap.asset_in])
    got = _worth(swap.min_out, book.treasury_px[swap.asset_out])
    return Fraction(paid - got, paid) if paid else Fraction(0)


def _impact(swap: PlannedSwap, market: Market) -> Fraction:
    venue = market.treasury.venues[swap.venue]
    if not isinstance(venue.state, V2State):
        return Fraction(swap.impact)
    reserve_in = venue.state.reserve0 if swap.zero_for_one else venue.state.reserve1
    return v2.impact(swap.amount_in, reserve_in, venue.fee_pips)


def _usd(value: UsdE18) -> str:
    """To the cent, without separators: a record is read by machines too."""
    return plain(Decimal(value // 10**16).scaleb(-2))


def _name(swap: PlannedSwap, market: Market) -> str:
    assets = market.treasury.assets
    return f"{assets[swap.asset_in].symbol} to {assets[swap.asset_out].symbol} through venue {swap.venue}"


def _faults(plan: Plan, market: Market) -> list[str]:
    assets, venues = market.treasury.assets, market.treasury.venues
    balances, faults = list(_balances(market)), []
    for swap in plan.swaps:
        venue = venues[swap.venue]
        sides = (venue.asset0, venue.asset1) if swap.zero_for_one else (venue.asset1, venue.asset0)
        if sides != (swap.asset_in, swap.asset_out) or not venue.enabled:
            faults.append(f"venue {swap.venue} does not trade {_name(swap, market)}")
        if swap.amount_in > balances[swap.asset_in]:
            faults.append(f"{assets[swap.asset_in].symbol} is overdrawn")
        if not assets[swap.asset_out].buyable:
            faults.append(f"{assets[swap.asset_out].symbol} may not be bought")
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
