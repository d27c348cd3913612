"""Slippage and executed prices, exactly."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest

from keeper.core import analytics
from keeper.core.units import BaseUnits, UsdE18

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("quoted", "actual", "bps"),
    [
        (10_000, 9_990, "10"),
        (10_000, 10_000, "0"),
        (10_000, 10_005, "-5"),
        (3, 2, "3333.3333"),
        (10**30, 10**30 - 1, "0"),
    ],
)
def test_slippage_against_the_quote(quoted: int, actual: int, bps: str) -> None:
    assert analytics.slippage_bps(BaseUnits(quoted), BaseUnits(actual)) == Decimal(bps)


def test_nothing_quoted_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="a quote of 0"):
        analytics.slippage_bps(BaseUnits(0), BaseUnits(1))


def test_slippage_against_the_oracle() -> None:
    assert analytics.value_slippage_bps(UsdE18(2_000), UsdE18(1_993)) == Decimal(35)
    assert analytics.value_slippage_bps(UsdE18(2_000), UsdE18(2_001)) == Decimal(-5)
    assert analytics.value_slippage_bps(UsdE18(0), UsdE18(0)) == 0


def test_executed_price_is_in_whole_tokens() -> None:
    price = analytics.executed_price(BaseUnits(33_494_350_051_000_000_000), 18, BaseUnits(99_516_949_846), 6)
    assert price is not None
    assert round(price, 6) == Decimal("2971.156320")
    assert analytics.executed_price(BaseUnits(0), 18, BaseUnits(0), 6) is None
    assert analytics.executed_price(BaseUnits(5), 18, BaseUnits(0), 6) == 0


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Fraction(1, 3), "0.333333333333333333"),
        (Fraction(2, 3), "0.666666666666666667"),
        (Fraction(10**40), "1.00000000000000000E+40"),
        (Fraction(-1, 7 * 10**20), "-1.42857142857142857E-21"),
        (Fraction(999_999_999_999_999_999_9, 10), "1000000000000000000"),
    ],
)
def test_significant_digits_ignore_the_ambient_context(number: Fraction, text: str) -> None:
    with localcontext() as context:
        context.prec = 4
        assert analytics.significant(number) == Decimal(text)
