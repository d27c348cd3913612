"""A step towards new targets: never more than is allowed, never away from them, always 10,000 in all."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.index.rounding import apportion
from keeper.core.index.shift import shift_of, step_towards
from keeper.core.units import BPS, Bps

pytestmark = pytest.mark.unit


def bps(*targets: int) -> list[Bps]:
    return [Bps(target) for target in targets]


def test_a_shift_is_half_of_what_moves_rounded_up_as_the_treasury_counts_it() -> None:
    assert shift_of(bps(5_000, 5_000), bps(4_000, 6_000)) == 1_000
    assert shift_of(bps(0, 0), bps(5_000, 5_000)) == 5_000
    assert shift_of(bps(0, 0, 0), bps(3_333, 3_333, 3_333)) == 5_000, "9,999 / 2, rounded up"


def test_the_whole_way_where_it_is_allowed() -> None:
    after = bps(0, 10_000)
    assert step_towards(bps(2_500, 7_500), after, Bps(2_500)) == tuple(after)


def test_what_leaves_goes_first_and_the_rest_in_proportion() -> None:
    before, after = bps(6_000, 3_000, 1_000, 0), bps(4_000, 2_000, 0, 4_000)
    assert step_towards(before, after, Bps(500)) == (6_000, 3_000, 500, 500)
    assert step_towards(before, after, Bps(1_900)) == (5_400, 2_700, 0, 1_900)


def test_of_two_that_leave_the_larger_goes_first() -> None:
    assert step_towards(bps(4_000, 5_000, 1_000), bps(0, 0, 10_000), Bps(2_000)) == (4_000, 3_000, 3_000)


def test_what_stands_above_what_the_weigher_may_set_goes_before_what_leaves() -> None:
    before, after = bps(4_000, 6_000, 0), bps(0, 2_000, 8_000)
    assert step_towards(before, after, Bps(2_500)) == (1_500, 6_000, 2_500)
    assert step_towards(before, after, Bps(2_500), Bps(5_000)) == (2_500, 5_000, 2_500)


def test_nothing_is_allowed_nothing_moves() -> None:
    assert step_towards(bps(4_000, 6_000), bps(6_000, 4_000), Bps(0)) == (4_000, 6_000)


def test_targets_of_another_sum_have_no_part() -> None:
    with pytest.raises(ValueError, match="sum to 0 and 10000"):
        step_towards(bps(0, 0), bps(5_000, 5_000), Bps(100))


def weights(count: int) -> st.SearchStrategy[tuple[Bps, ...]]:
    """Sums to 10,000; zeros are common."""
    parts = st.lists(st.sampled_from([0, 0, 1, 2, 5, 30, 100]), min_size=count, max_size=count).filter(any)
    return parts.map(lambda found: tuple(map(Bps, apportion([Fraction(part, sum(found)) for part in found], BPS))))


@given(st.integers(1, 12).flatmap(lambda n: st.tuples(weights(n), weights(n))), st.integers(0, BPS).map(Bps))
def test_a_step_stays_between_uses_all_that_is_allowed_and_ends_there(
    ends: tuple[tuple[Bps, ...], tuple[Bps, ...]], most: Bps
) -> None:
    before, after = ends
    step = step_towards(before, after, most)
    assert sum(step) == BPS
    assert shift_of(before, step) == min(most, shift_of(before, after))
    for old, now, new in zip(before, step, after, strict=True):
        assert min(old, new) <= now <= max(old, new)
    if 0 < most < shift_of(before, after):
        rest = [(old, now) for old, now, new in zip(before, step, after, strict=True) if new == 0 < now]
        others = [old - now for old, now, new in zip(before, step, after, strict=True) if new > 0]
        assert not rest or max(others, default=0) <= 0, "nothing else is sold while what leaves is still wanted"


@given(st.integers(2, 8).flatmap(lambda n: st.tuples(weights(n), weights(n))), st.integers(100, 2_500).map(Bps))
def test_steps_come_to_the_end(ends: tuple[tuple[Bps, ...], tuple[Bps, ...]], most: Bps) -> None:
    now, after = ends
    steps = -(-shift_of(now, after) // most)
    for _ in range(steps):
        now = step_towards(now, after, most)
    assert now == after
