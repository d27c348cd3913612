"""Uniswap V2 for any pool: against a naive reference with rational numbers, and its invariants."""

from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from keeper.core.amm import v2

pytestmark = pytest.mark.property

RESERVES = st.integers(1, 2**112 - 1)
FEES = st.integers(0, 100_000)
LIMITS = st.fractions(min_value=Fraction(1, 10_000), max_value=Fraction(9, 10), max_denominator=10_000)


def reference_out(x: int, ri: int, ro: int, fee: int) -> int:
    """The constant product, solved with rationals: (ri + kept) * (ro - y) = ri * ro, rounded down once."""
    kept = Fraction(x) * (1 - Fraction(fee, 1_000_000))
    return int(ro - Fraction(ri * ro) / (ri + kept))


def router_out(x: int, ri: int, ro: int) -> int:
    """UniswapV2Library.getAmountOut, literally."""
    with_fee = x * 997
    return with_fee * ro // (ri * 1000 + with_fee)


@given(RESERVES, RESERVES, RESERVES, FEES)
@example(1, 1, 1, 0)
def test_output_is_the_references(x: int, ri: int, ro: int, fee: int) -> None:
    assert v2.amount_out(x, ri, ro, fee) == reference_out(x, ri, ro, fee)


@given(RESERVES, RESERVES, RESERVES)
def test_three_thousand_pips_are_the_routers_fee(x: int, ri: int, ro: int) -> None:
    assert v2.amount_out(x, ri, ro, 3_000) == router_out(x, ri, ro)


@given(RESERVES, RESERVES, RESERVES, FEES)
def test_k_never_falls(x: int, ri: int, ro: int, fee: int) -> None:
    y = v2.amount_out(x, ri, ro, fee)
    kept = x * (1_000_000 - fee)
    assert y < ro
    assert (ri * 1_000_000 + kept) * (ro - y) >= ri * ro * 1_000_000, "the pair's own check, fee taken off"


@given(RESERVES, RESERVES, FEES, st.data())
def test_input_for_an_output_suffices_and_is_at_most_one_unit_more_than_needed(
    ri: int, ro: int, fee: int, data: st.DataObject
) -> None:
    assume(ro > 1)
    y = data.draw(st.integers(1, ro - 1))
    x = v2.amount_in(y, ri, ro, fee)
    assert v2.amount_out(x, ri, ro, fee) >= y
    assert x < 2 or v2.amount_out(x - 2, ri, ro, fee) < y


@given(RESERVES, FEES, LIMITS)
def test_largest_input_for_an_impact_is_the_largest(ri: int, fee: int, limit: Fraction) -> None:
    x = v2.largest_input_for_impact(limit, ri, fee)
    assert v2.impact(x, ri, fee) <= limit < v2.impact(x + 1, ri, fee)


@given(RESERVES, RESERVES, FEES, LIMITS)
def test_largest_input_for_a_loss_is_the_largest(ri: int, ro: int, fee: int, limit: Fraction) -> None:
    """Cost of fee and impact together, before the output is rounded to units."""
    gamma = 1 - Fraction(fee, 1_000_000)

    def loss(x: int) -> Fraction:
        return 1 - gamma * ri / (ri + gamma * x)

    x = v2.largest_input_for_loss(limit, ri, ro, fee)
    assert x == 0 or loss(x) <= limit
    assert loss(x + 1) > limit


@given(
    st.integers(1, 10**24),
    st.integers(0, 10**24),
    st.integers(10**20, 10**27),
    st.integers(10**20, 10**27),
    FEES,
    st.fractions(min_value=Fraction(1, 100), max_value=Fraction(99, 100), max_denominator=10_000),
)
def test_the_closed_form_lands_on_target(a: int, b: int, ra: int, rb: int, fee: int, weight: Fraction) -> None:
    """Exactly: with x the excess weight is still there or gone by a unit, with x + 2 it has turned."""
    price = Fraction(rb, ra)
    x = v2.input_to_target(a, b, ra, rb, fee, price, weight)
    gamma = 1 - Fraction(fee, 1_000_000)

    def excess(sold: int) -> Fraction:
        left = (a - sold) * price
        bought = b + gamma * sold * rb / (ra + gamma * sold)
        return left * (1 - weight) - bought * weight

    assert 0 <= x <= a
    if excess(0) <= 0:
        assert x == 0
    else:
        assert excess(x) >= 0 > excess(x + 1)


@given(
    st.integers(10**9, 10**30),
    st.integers(10**9, 10**30),
    st.integers(100, 30_000),
    st.fractions(Fraction(1, 10_000), 2),
    st.booleans(),
)
def test_no_sandwich_gains_around_what_is_largest_without(
    ri: int, ro: int, fee: int, part: Fraction, all_: bool
) -> None:
    """He moves the pool, the swap runs in the pool that he left, he sells what he bought: to the unit."""
    ahead = int(ri * part) + 1
    bought = v2.amount_out(ahead, ri, ro, fee)
    assume(0 < bought < ro)
    moved_in, moved_out = ri + ahead, ro - bought
    moved = 1 - Fraction(moved_out * ri, moved_in * ro)
    largest = v2.largest_input_without_sandwich(moved_in, fee, moved)
    victim = largest if all_ else largest // 3
    got = v2.amount_out(victim, moved_in, moved_out, fee)
    back = v2.amount_out(bought, moved_out - got, moved_in + victim, fee)
    assert back <= ahead


def test_twice_as_much_would_pay_for_a_sandwich() -> None:
    """The bound is not far from what it has to be."""
    ri = ro = 10**24
    ahead = ri // 400
    bought = v2.amount_out(ahead, ri, ro, 3_000)
    moved_in, moved_out = ri + ahead, ro - bought
    largest = v2.largest_input_without_sandwich(moved_in, 3_000, 1 - Fraction(moved_out, moved_in))
    assert largest == pytest.approx(3 * 10**21, rel=0.01)
    got = v2.amount_out(2 * largest, moved_in, moved_out, 3_000)
    assert v2.amount_out(bought, moved_out - got, moved_in + 2 * largest, 3_000) > ahead
