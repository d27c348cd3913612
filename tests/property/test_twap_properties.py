"""Mean prices against slow references: ticks by powers of 1.0001, sums second by second, and whom pools can move."""

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from keeper.core import twap
from keeper.core.agreement import Agreed, agreed_of
from keeper.core.amm.v3_ticks import MAX_TICK, MIN_TICK, sqrt_price_at
from keeper.core.model import PriceSource, PriceVote, V2State, V2Sums, V3Sums
from keeper.core.units import BaseUnits, Px, Timestamp

pytestmark = pytest.mark.property

FEED, ROUTER, ORACLE, TWAP = PriceSource.FEED, PriceSource.ROUTER, PriceSource.ORACLE, PriceSource.TWAP
TICKS = st.integers(MIN_TICK, MAX_TICK)
RESERVES = st.integers(1, 2**112 - 1)


# ------------------------------------------------------------------------------------------------- ticks


@given(TICKS)
def test_the_price_of_a_tick_is_a_power(tick: int) -> None:
    """As near as twenty cuts of a factor with 128 binary places let it be, and the rounding to a whole unit."""
    with localcontext() as context:
        context.prec = 80
        root = (Decimal("1.0001") ** abs(tick)).sqrt()
        exact = (root if tick >= 0 else 1 / root) * 2**96
        assert abs(Decimal(sqrt_price_at(tick)) - exact) <= 1 + exact * 21 * root / 2**128


@given(st.integers(MIN_TICK, MAX_TICK - 1))
def test_a_higher_tick_is_a_higher_price(tick: int) -> None:
    assert sqrt_price_at(tick) < sqrt_price_at(tick + 1)


@given(st.lists(st.tuples(TICKS, st.integers(1, 900)), min_size=1, max_size=8), st.integers(-(2**55), 2**55 - 1))
def test_the_mean_tick_is_that_of_every_second(history: list[tuple[int, int]], start: int) -> None:
    seconds = [tick for tick, count in history for _ in range(count)][-1_800:]
    seconds = [seconds[0]] * (1_800 - len(seconds)) + seconds

    def wrapped(total: int) -> int:
        return (total + 2**55) % 2**56 - 2**55

    mean = twap.mean_tick(V3Sums(wrapped(start), wrapped(start + sum(seconds))))
    assert mean == sum(seconds) // 1_800
    assert min(seconds) <= mean <= max(seconds)


# ------------------------------------------------------------------------------------------------- pairs


@given(
    st.lists(st.tuples(RESERVES, RESERVES, st.integers(0, 3_000)), min_size=1, max_size=6),
    st.integers(0, 2**256 - 1),
    st.integers(2**32 - 5_000, 2**32 + 5_000),
)
def test_the_mean_of_a_pair_is_that_of_every_second(history: list[tuple[int, int, int]], start: int, born: int) -> None:
    """As the pair itself sums it up, with sums and clock that wrap around."""
    elapsed = sum(seconds for _, _, seconds in history)
    assume(elapsed >= 1_800)
    price0 = price1 = start
    for reserve0, reserve1, seconds in history[:-1]:
        price0 += ((reserve1 << 112) // reserve0) * seconds
        price1 += ((reserve0 << 112) // reserve1) * seconds
    reserve0, reserve1, last = history[-1]
    now = Timestamp(born + elapsed)
    sums = V2Sums(price0 % 2**256, price1 % 2**256, (now - last) % 2**32)
    after = twap.sums_at(V2State(BaseUnits(reserve0), BaseUnits(reserve1)), sums, now)
    naive0 = sum(((r1 << 112) // r0) * seconds for r0, r1, seconds in history)
    naive1 = sum(((r0 << 112) // r1) * seconds for r0, r1, seconds in history)
    assert twap.mean_between(start % 2**256, after[0], elapsed) == naive0 % 2**256 // elapsed
    assert twap.mean_between(start % 2**256, after[1], elapsed) == naive1 % 2**256 // elapsed


# -------------------------------------------------------------------------------------------- agreement


def vote(source: PriceSource, px: int | None) -> PriceVote:
    return PriceVote(0, source, None if px is None else Px(px), Timestamp(1), px is not None, "")


PRICES = st.integers(8_000, 12_500)
LIMIT = st.sampled_from([Fraction(3, 1000), Fraction(1, 100), Fraction(2, 100), Fraction(1, 2)])
SAID = st.dictionaries(st.sampled_from([FEED, ROUTER, ORACLE]), PRICES)


def agreed(said: dict[PriceSource, int], mean: int | None, limit: Fraction) -> Agreed:
    believed = [vote(source, said[source]) for source in (FEED, ORACLE, ROUTER) if source in said]
    return agreed_of(believed, vote(TWAP, mean), limit)


def names(found: Agreed) -> set[PriceSource]:
    return {each.source for each in found.kept}


@given(SAID, PRICES, LIMIT)
def test_a_mean_stops_no_fund_that_went_on_and_drops_nobody(
    said: dict[PriceSource, int], mean: int, limit: Fraction
) -> None:
    without, with_it = agreed(said, None, limit), agreed(said, mean, limit)
    if without.kept:
        assert names(with_it) - {TWAP} == names(without)
        assert {s: f for s, f in with_it.dropped.items() if s is not TWAP} == without.dropped


@given(SAID, st.none() | PRICES, LIMIT)
def test_pools_are_never_enough(said: dict[PriceSource, int], mean: int | None, limit: Fraction) -> None:
    found = agreed(said, mean, limit)
    assert not found.kept or names(found) & {FEED, ORACLE}
    if not set(said) & {FEED, ORACLE}:
        assert found.kept == ()
        assert found.px is None


@given(PRICES, PRICES, PRICES, PRICES, LIMIT)
def test_pools_never_outvote_two_from_outside(feed: int, oracle: int, spot: int, mean: int, limit: Fraction) -> None:
    """Where those two agree the fund goes on, at a price between theirs if the pools are off, wherever those are."""
    assume(abs(oracle - feed) <= limit * min(feed, oracle))
    found = agreed({FEED: feed, ORACLE: oracle, ROUTER: spot}, mean, limit)
    if ROUTER in found.dropped and TWAP in found.dropped:
        assert {FEED, ORACLE} <= names(found)
        assert min(feed, oracle) <= (found.px or 0) <= max(feed, oracle)
    assert found.kept


@given(SAID, PRICES, LIMIT)
def test_the_pools_have_one_say(said: dict[PriceSource, int], mean: int, limit: Fraction) -> None:
    """Spot and mean together lead nowhere that one of them could not have led alone."""
    found = agreed(said, mean, limit)
    if not {ROUTER, TWAP} <= names(found):
        return
    spot = said[ROUTER]
    kept = {each.source: each.px for each in found.kept if each.source is not TWAP}
    prices = []
    for voice in (spot, mean):
        ordered = sorted([px for source, px in kept.items() if source is not ROUTER and px] + [voice])
        half = len(ordered) // 2
        prices.append(ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) // 2)
    assert found.px is not None
    assert min(prices) - 1 <= found.px <= max(prices)


@given(SAID, st.none() | PRICES, LIMIT)
def test_the_price_is_between_those_that_count(said: dict[PriceSource, int], mean: int | None, limit: Fraction) -> None:
    found = agreed(said, mean, limit)
    if found.kept:
        told = [each.px for each in found.kept if each.px is not None]
        assert len(told) >= 2
        assert min(told) <= (found.px or 0) <= max(told)


@given(PRICES, PRICES, PRICES, LIMIT)
def test_a_mean_tells_on_a_pool_that_was_moved_and_only_then(feed: int, spot: int, mean: int, limit: Fraction) -> None:
    """Feed and spot apart: the fund goes on only where the mean stands by the feed and spot is far from both."""
    assume(abs(spot - feed) > limit * feed)
    found = agreed({FEED: feed, ROUTER: spot}, mean, limit)
    by_feed = abs(mean - feed) <= limit * feed
    from_spot = abs(spot - mean) > limit * mean
    assert names(found) == ({FEED, TWAP} if by_feed and from_spot else set())
    if found.kept:
        assert set(found.dropped) == {ROUTER}
        assert replace(found, px=None).deviation == Fraction(abs(mean - feed), feed)
