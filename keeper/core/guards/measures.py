"""What the guards of a plan measure by: balances, values, the extreme swap, its name."""

from collections.abc import Callable
from decimal import Decimal

from keeper.core.model import Market, Plan, PlannedSwap
from keeper.core.prices import PriceBook
from keeper.core.spending import Effect, foresee
from keeper.core.units import BaseUnits, Px, UsdE18, value_of
from keeper.core.words import plain


def balances_of(market: Market) -> tuple[BaseUnits, ...]:
    return tuple(asset.balance or BaseUnits(0) for asset in market.treasury.assets)


def worth(amount: BaseUnits, px: Px | None) -> UsdE18:
    return UsdE18(0) if px is None else value_of(amount, px)


def extreme(plan: Plan, prices: tuple[Px | None, ...], pick: Callable[..., PlannedSwap]) -> tuple[PlannedSwap, UsdE18]:
    """The swap with the largest or smallest input (`pick` is max or min), and that input's value."""
    sizes = {swap: worth(swap.amount_in, prices[swap.asset_in]) for swap in plan.swaps}
    found = pick(sizes, key=sizes.__getitem__)
    return found, sizes[found]


def effect_of(plan: Plan, market: Market, book: PriceBook) -> Effect:
    """What the treasury would measure of the plan, if every pool pays what it computed."""
    moves = [(swap.asset_in, swap.asset_out, swap.amount_in, swap.expected_out) for swap in plan.swaps]
    return foresee(market.treasury, book.treasury_px, moves)


def sells_an_exit(plan: Plan, market: Market) -> bool:
    return any(market.treasury.assets[swap.asset_in].target == 0 for swap in plan.swaps)


def usd_text(value: UsdE18) -> str:
    """To the cent, without separators: a record is read by machines too."""
    return plain(Decimal(value // 10**16).scaleb(-2))


def name_of(swap: PlannedSwap, market: Market) -> str:
    assets = market.treasury.assets
    return f"{assets[swap.asset_in].symbol} to {assets[swap.asset_out].symbol} through venue {swap.venue}"
