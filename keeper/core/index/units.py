"""What one index token is worth and what stands behind it, in the treasury's own integers; and by weight and price."""

from fractions import Fraction

from keeper.core.units import BPS, E18, BaseUnits, Bps, Px, UsdE18


def index_price(nav: UsdE18, supply: int) -> UsdE18:
    """USD of 10^18 base units of the index token, `nav / supply` as the treasury rounds it; 0 before the seed."""
    return UsdE18(nav * E18 // supply if supply else 0)


def component_units(balance: BaseUnits, supply: int) -> BaseUnits:
    """Base units of an asset behind 10^18 base units of the index token (`componentUnits`); 0 before the seed."""
    return BaseUnits(balance * E18 // supply if supply else 0)


def target_component(target: Bps, nav: UsdE18, supply: int, px: Px) -> Fraction:
    """Base units of an asset that would stand behind 10^18 base units of the index token at its target, exact.

    Raises ValueError when there is no supply or no price: 0 would be an answer.
    """
    if supply <= 0 or px <= 0:
        raise ValueError("a component has no size without a supply and a price")
    return Fraction(target * nav * E18, BPS * supply) * Fraction(E18, px)


def units_per_token(weight: Fraction, index_price_usd: Fraction, price_usd: Fraction) -> Fraction:
    """`w * indexPrice / price`: whole tokens of an asset for one whole index token, exact. Raises ValueError."""
    if price_usd <= 0:
        raise ValueError(f"a price of {price_usd} buys nothing that can be counted")
    return weight * index_price_usd / price_usd
