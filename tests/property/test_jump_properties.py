"""Jumps by what an hour keeps, against jumps by every price that was ever seen."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.jumps import confirmed, far, furthest, hour_of
from keeper.core.past import SeenPrices
from keeper.core.units import Px, Timestamp
from tests.factories import NOW, address

pytestmark = pytest.mark.property

TOKEN = address(1)
LIMIT, DEVIATION = Fraction(1, 10), Fraction(1, 50)
PRICES = st.integers(800, 1_300)
PASTS = st.lists(st.tuples(st.integers(1, 9_000), PRICES), max_size=12).map(lambda past: sorted(past, reverse=True))


@given(PASTS, PRICES)
def test_an_hour_judges_as_the_whole_past_does(past: list[tuple[int, int]], price: int) -> None:
    hour = hour_of([SeenPrices(Timestamp(NOW - ago), {TOKEN: Px(px)}) for ago, px in past], TOKEN, NOW, LIMIT)
    recent = [(ago, px) for ago, px in past if ago < 3_600]
    assert (hour is None) == (not recent)
    if hour is None:
        return
    jumps = any(abs(price - px) > px * LIMIT for _, px in recent)
    assert far(Px(price), furthest(Px(price), hour).px, LIMIT) == jumps
    again = any(
        ago >= 60
        and abs(price - px) <= px * DEVIATION
        and any(0 < older - ago < 3_600 and abs(px - was) > was * LIMIT for older, was in past if older <= ago + 7_200)
        for ago, px in recent
    )
    assert confirmed(Px(price), hour, NOW, DEVIATION) == again
