"""Units and price of the index token: the worked number, and the treasury's own integers."""

from fractions import Fraction

import pytest

from keeper.core.index.units import component_units, index_price, target_component, units_per_token
from keeper.core.units import E18, BaseUnits, Bps, Px, UsdE18, px_from_answer

pytestmark = pytest.mark.unit


def test_the_worked_number() -> None:
    units = units_per_token(Fraction(1, 4), Fraction("427.92"), Fraction("29.2"))
    assert round(float(units), 4) == 3.6637
    assert units == Fraction(10_698, 2_920)


def test_the_price_is_nav_by_supply_rounded_down() -> None:
    assert index_price(UsdE18(1_000 * E18), 3 * E18) == 333_333_333_333_333_333_333
    assert index_price(UsdE18(5), 0) == 0


def test_component_units_are_floored_and_nothing_before_the_seed() -> None:
    assert component_units(BaseUnits(10), 3 * E18) == 3
    assert component_units(BaseUnits(10), 0) == 0


@pytest.mark.parametrize("decimals", [6, 8, 18])
def test_a_component_at_its_target_is_worth_its_weight(decimals: int) -> None:
    """The same number by weight and price, and in base units."""
    px = px_from_answer(2_920_000_000, 8, decimals)
    nav, supply = UsdE18(42_792 * E18), 100 * E18
    component = target_component(Bps(2_500), nav, supply, px)
    assert component / 10**decimals == units_per_token(Fraction(1, 4), Fraction("427.92"), Fraction("29.2"))


def test_a_component_is_exact() -> None:
    assert target_component(Bps(1), UsdE18(1), 3, Px(7)) == Fraction(10**36, 10_000 * 3 * 7)


@pytest.mark.parametrize(("supply", "px"), [(0, 1), (1, 0)])
def test_what_has_no_size_is_no_zero(supply: int, px: int) -> None:
    with pytest.raises(ValueError, match="no size"):
        target_component(Bps(1), UsdE18(1), supply, Px(px))
    with pytest.raises(ValueError, match="buys nothing"):
        units_per_token(Fraction(1), Fraction(1), Fraction(0))
