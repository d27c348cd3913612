"""Whatever a provider says: a quote above nothing or a fault, and prices in the treasury's unit to the last digit."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.quotes import HIGHEST_USD, LOWEST_USD, CoinId, Fault, Quote, px_of, quote_of
from keeper.core.units import Timestamp, px_from_usd, usd_per_token

pytestmark = pytest.mark.property

COIN = CoinId("coin")
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=50),
    st.decimals(),
    st.decimals(min_value=0, max_value=10**12),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@given(VALUES, VALUES, VALUES)
def test_anything_is_a_quote_or_a_fault(usd: object, market_cap: object, updated_at: object) -> None:
    found = quote_of(COIN, "x", usd, market_cap, updated_at)
    if isinstance(found, Quote):
        assert found.usd == usd
        assert found.usd > 0
        assert found.market_cap is None or found.market_cap > 0
    else:
        assert found.reason.isprintable()
        assert len(found.reason) < 120


@given(st.decimals(min_value=LOWEST_USD, max_value=HIGHEST_USD, allow_nan=False), st.integers(0, 60))
def test_a_price_is_rounded_down_by_less_than_its_last_unit_and_never_zero(usd: Decimal, decimals: int) -> None:
    found = px_of(Quote(COIN, "x", usd, None, Timestamp(0)), decimals)
    # by the definition: USD with 18 decimals of 10^18 base units, counted in whole tokens
    exactly = Fraction(usd) * 10**18 * Fraction(10**18, 10**decimals)
    if isinstance(found, Fault):
        assert exactly < 1
    else:
        assert found >= 1
        assert 0 <= exactly - found < 1


@given(st.integers(1, 10**60), st.integers(0, 36))
def test_a_price_that_was_written_out_is_read_back_the_same(px: int, decimals: int) -> None:
    assert px_from_usd(usd_per_token(px, decimals), decimals) == px  # type: ignore[arg-type]
