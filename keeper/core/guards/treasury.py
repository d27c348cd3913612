"""What the treasury will ask of a plan, by its own arithmetic: what passes here by a unit passes there by a unit."""

from fractions import Fraction

from keeper.core.guards.measures import effect_of, extreme, name_of, sells_an_exit, worth
from keeper.core.guards.shape import skipped, verdict
from keeper.core.model import GuardResult, Market, Plan, PlannedSwap
from keeper.core.prices import PriceBook
from keeper.core.spending import Budget, allowed_loss, loss_budget, turnover_budget
from keeper.core.units import BPS, E18, in_bps
from keeper.core.words import full_again, percent, plain


def check_treasury(plan: Plan, market: Market, book: PriceBook) -> tuple[GuardResult, ...]:
    """In the order in which the contract asks."""
    return (
        treasury_min_drift(plan, market, book),
        treasury_trade_size(plan, market, book),
        treasury_slippage(plan, market, book),
        treasury_progress(plan, market, book),
        treasury_loss_budget(plan, market, book),
        treasury_turnover_budget(plan, market, book),
    )


def treasury_min_drift(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """`NoDrift`: it refuses to trade near its targets, unless an asset with target 0 is sold."""
    minimum = market.treasury.limits.min_drift
    limit = percent(Fraction(minimum, BPS), 4)
    if not plan.swaps:
        return skipped("treasury_min_drift", limit, "% of NAV", "no swap")
    effect, exits = effect_of(plan, market, book), sells_an_exit(plan, market)
    te, nav = effect.te_before, effect.nav_before
    return GuardResult(
        name="treasury_min_drift",
        measured=percent(Fraction(te, nav), 4) if nav else "0",
        limit=limit,
        unit="% of NAV",
        verdict=verdict(exits or te * BPS >= nav * minimum),
        detail="waived: an exit is sold" if exits else "",
    )


def treasury_trade_size(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """`TradeTooBig`: one swap's input, as a part of NAV."""
    per_trade = market.treasury.limits.per_trade
    if not plan.swaps:
        return skipped("treasury_trade_size", percent(Fraction(per_trade, BPS), 4), "% of NAV", "no swap")
    worst, size = extreme(plan, book.treasury_px, max)
    nav = effect_of(plan, market, book).nav_before
    return GuardResult(
        name="treasury_trade_size",
        measured=percent(Fraction(size, nav), 4) if nav else "100",
        limit=percent(Fraction(per_trade, BPS), 4),
        unit="% of NAV",
        verdict=verdict(size <= nav * per_trade // BPS),
        detail=name_of(worst, market),
    )


def treasury_slippage(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """`Slippage`: what each swap loses if it yields its minimum; beyond the limit that minimum would revert."""
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
        detail=name_of(worst, market),
    )


def treasury_progress(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """`NoProgress`: tracking error must fall, and what the batch loses be in proportion to that."""
    max_cost = market.treasury.limits.max_cost
    limit, unit = percent(Fraction(max_cost, BPS), 4), "% lost of the tracking error removed"
    if not plan.swaps:
        return skipped("treasury_progress", limit, unit, "no swap")
    effect = effect_of(plan, market, book)
    removed = effect.progress
    return GuardResult(
        name="treasury_progress",
        measured=percent(Fraction(effect.loss, removed), 4) if removed > 0 else "no progress",
        limit=limit,
        unit=unit,
        verdict=verdict(removed > 0 and effect.loss <= allowed_loss(removed, max_cost)),
        detail="" if removed > 0 else "the tracking error does not fall at the treasury's prices",
    )


def treasury_loss_budget(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """`LossBudget`: what all swaps lose, against what is left of the bucket."""
    spent = effect_of(plan, market, book).loss_share
    return _budget("treasury_loss_budget", spent, loss_budget(market.treasury), plan, market)


def treasury_turnover_budget(plan: Plan, market: Market, book: PriceBook) -> GuardResult:
    """`TurnoverBudget`: what all swaps sell, against what is left of the bucket."""
    spent = effect_of(plan, market, book).turnover_share
    return _budget("treasury_turnover_budget", spent, turnover_budget(market.treasury), plan, market)


def _budget(name: str, spent: int, budget: Budget, plan: Plan, market: Market) -> GuardResult:
    left, cap = _bps(budget.left), _bps(budget.cap)
    if not plan.swaps:
        return skipped(name, left, "bps of NAV", "no swap")
    of = f"of {cap} bps{full_again(budget, market.block.timestamp)}"
    return GuardResult(name, _bps(spent), left, "bps of NAV", verdict(spent <= budget.left), of)


def _bps(part: int) -> str:
    return plain(in_bps(Fraction(part, E18)))


def _loss_at_minimum(swap: PlannedSwap, book: PriceBook) -> Fraction:
    paid = worth(swap.amount_in, book.treasury_px[swap.asset_in])
    got = worth(swap.min_out, book.treasury_px[swap.asset_out])
    return Fraction(paid - got, paid) if paid else Fraction(0)
