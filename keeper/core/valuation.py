"""Holdings x prices -> NAV and weights, in the treasury's own integers."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from keeper.core.hub import is_idle
from keeper.core.model import Market
from keeper.core.prices import PriceBook
from keeper.core.units import UsdE18, in_bps, value_of


@dataclass(frozen=True, slots=True)
class Valuation:
    """USD by asset index, and their sum. A retired asset counts 0, whatever is held of it.

    `weights_bps` are rounded to 1/10,000 bps, for records and people; all 0 when the treasury is empty.
    """

    values: tuple[UsdE18, ...]
    nav: UsdE18
    weights_bps: tuple[Decimal, ...]


class BalanceUnknown(ValueError):
    """A token did not say what the treasury holds of it; the token_health guard refuses such a market."""


def readable(market: Market) -> bool:
    """Whether every token that counts said what the treasury holds of it."""
    return all(asset.retired or asset.balance is not None for asset in market.treasury.assets)


def value(market: Market, book: PriceBook) -> Valuation:
    """Each value is floored, then added, as `Portfolio.nav` does. Raises BalanceUnknown."""
    values = []
    for asset, px in zip(market.treasury.assets, book.px, strict=True):
        if asset.retired:
            values.append(UsdE18(0))
            continue
        if asset.balance is None:
            raise BalanceUnknown(f"{asset.symbol}: the balance could not be read")
        if px is None and not is_idle(asset):
            raise ValueError(f"{asset.symbol}: held or wanted, but the price book has no price")
        values.append(UsdE18(0) if px is None else value_of(asset.balance, px))
    nav = UsdE18(sum(values))
    weights = tuple(in_bps(Fraction(held, nav)) if nav else Decimal(0) for held in values)
    return Valuation(tuple(values), nav, weights)
