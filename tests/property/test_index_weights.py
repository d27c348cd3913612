"""Weights of any index: exact sums, bounds, order, and the fast algorithm beside slow, naive ones."""

import random
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.index.rounding import apportion
from keeper.core.index.weights import Rule, WeightsImpossible, clip, weigh
from keeper.core.units import BPS
from keeper.core.words import percent

pytestmark = pytest.mark.property

CAPS = st.one_of(st.integers(1, 10**13), st.fractions(min_value=Fraction(1, 10**6), max_value=10**13)).map(Fraction)
MEMBERS = st.lists(CAPS, min_size=1, max_size=30)
ANY_BPS = st.none() | st.integers(0, BPS).map(lambda bps: Fraction(bps, BPS))


@st.composite
def possible(draw: st.DrawFn, most: int = 30) -> tuple[list[Fraction], Fraction | None, Fraction | None]:
    """Market caps with a cap and a floor in whole bps that some weights obey; each may be missing."""
    caps = draw(st.lists(CAPS, min_size=1, max_size=most))
    lowest_cap, highest_floor = -(-BPS // len(caps)), BPS // len(caps)
    cap = draw(st.none() | st.integers(lowest_cap, BPS))
    floor = draw(st.none() | st.integers(0, highest_floor))
    return caps, None if cap is None else Fraction(cap, BPS), None if floor is None else Fraction(floor, BPS)


def by_bisection(caps: list[Fraction], cap: Fraction, floor: Fraction) -> list[Fraction]:
    """Halve the range of L until the weights sum to 1 but for less than 2^-50."""
    low, high = Fraction(0), cap / min(caps)
    for _ in range(200):
        level = (low + high) / 2
        weights = [min(max(level * one, floor), cap) for one in caps]
        if abs(sum(weights) - 1) < Fraction(1, 2**50):
            break
        low, high = (level, high) if sum(weights) < 1 else (low, level)
    return weights


def by_trial(caps: list[Fraction], cap: Fraction, floor: Fraction) -> list[Fraction]:
    """Try every way in which assets are at the floor, at the cap, or between."""
    for places in product((floor, None, cap), repeat=len(caps)):
        fixed = sum((place for place in places if place is not None), Fraction(0))
        free = sum((one for one, place in zip(caps, places, strict=True) if place is None), Fraction(0))
        if free == 0:
            lowest = max((cap / one for one, place in zip(caps, places, strict=True) if place == cap), default=0)
            highest = min(
                (floor / one for one, place in zip(caps, places, strict=True) if place == floor), default=lowest
            )
            if fixed == 1 and (lowest <= highest or cap == floor):
                return [place for place in places if place is not None]
            continue
        level = (1 - fixed) / free
        weights = [min(max(level * one, floor), cap) for one in caps]
        wanted = [level * one if place is None else place for one, place in zip(caps, places, strict=True)]
        if weights == wanted:
            return weights
    raise AssertionError("no way obeys the rule")


def attempt(
    rule: Rule, caps: list[Fraction], cap: Fraction | None, floor: Fraction | None
) -> tuple[Fraction, ...] | str:
    """The weights, or why there are none."""
    try:
        return weigh(rule, caps, cap, floor)
    except WeightsImpossible as refused:
        return str(refused)


@given(possible())
def test_clipped_weights_keep_sum_bounds_and_order(
    drawn: tuple[list[Fraction], Fraction | None, Fraction | None],
) -> None:
    caps, cap, floor = drawn
    weights = clip(caps, cap, floor)
    assert sum(weights) == 1
    assert all((floor or 0) <= weight <= (1 if cap is None else cap) for weight in weights)
    by_size = [weight for _, weight in sorted(zip(caps, weights, strict=True))]
    assert by_size == sorted(by_size), "a larger market cap never gets a smaller weight"


@given(possible(), st.integers(1, BPS))
def test_bps_sum_exactly_and_keep_the_bounds(
    drawn: tuple[list[Fraction], Fraction | None, Fraction | None], total: int
) -> None:
    caps, cap, floor = drawn
    weights = clip(caps, cap, floor)
    parts = apportion(weights, BPS)
    assert sum(parts) == BPS
    assert all((floor or 0) * BPS <= part <= (1 if cap is None else cap) * BPS for part in parts)
    parts = apportion(weights, total)
    assert sum(parts) == total
    assert all(abs(part - weight * total) < 1 for part, weight in zip(parts, weights, strict=True))
    for one in range(1, len(parts)):
        if weights[one - 1] > weights[one]:
            assert parts[one - 1] >= parts[one]


@given(possible(most=12))
def test_the_fast_way_agrees_with_bisection(drawn: tuple[list[Fraction], Fraction | None, Fraction | None]) -> None:
    caps, cap, floor = drawn
    slow = by_bisection(caps, Fraction(1) if cap is None else cap, floor or Fraction(0))
    for ours, theirs in zip(clip(caps, cap, floor), slow, strict=True):
        assert abs(ours - theirs) <= Fraction(1, 2**50)


@given(possible(most=6))
def test_the_fast_way_is_what_trying_everything_finds(
    drawn: tuple[list[Fraction], Fraction | None, Fraction | None],
) -> None:
    caps, cap, floor = drawn
    assert list(clip(caps, cap, floor)) == by_trial(caps, Fraction(1) if cap is None else cap, floor or Fraction(0))


@given(MEMBERS, ANY_BPS, ANY_BPS)
def test_it_is_possible_exactly_when_the_bounds_leave_room(
    caps: list[Fraction], cap: Fraction | None, floor: Fraction | None
) -> None:
    count, most, least = len(caps), Fraction(1) if cap is None else cap, floor or Fraction(0)
    found = attempt(Rule.CLIP, caps, cap, floor)
    if isinstance(found, str):
        assert not count * least <= 1 <= count * most
        assert found.startswith("1 member " if count == 1 else f"{count} members ")
        assert f"{percent(count * (least if count * least > 1 else most), 6)} %" in found
    else:
        assert count * least <= 1 <= count * most
        assert sum(found) == 1


@given(possible(), st.sampled_from(Rule), st.randoms(use_true_random=False))
def test_the_order_of_the_members_changes_nothing(
    drawn: tuple[list[Fraction], Fraction | None, Fraction | None], rule: Rule, randomly: random.Random
) -> None:
    caps, cap, floor = drawn
    order = list(range(len(caps)))
    randomly.shuffle(order)
    bound = cap if rule is Rule.CLIP else None
    found, again = (attempt(rule, each, bound, floor) for each in (caps, [caps[index] for index in order]))
    assert again == (found if isinstance(found, str) else tuple(found[index] for index in order))


@given(possible(), st.integers(1, 10**6))
def test_only_the_proportions_of_market_caps_count(
    drawn: tuple[list[Fraction], Fraction | None, Fraction | None], times: int
) -> None:
    caps, cap, floor = drawn
    assert clip([one * times for one in caps], cap, floor) == clip(caps, cap, floor)


@given(MEMBERS, st.integers(0, BPS).map(lambda bps: Fraction(bps, BPS)))
def test_top3_sums_to_one_and_leaves_the_others_alone(caps: list[Fraction], floor: Fraction) -> None:
    weights = attempt(Rule.TOP3, caps, None, floor)
    if isinstance(weights, str):
        assert "the floor" in weights
        return
    raw = [one / sum(caps) for one in caps]
    assert sum(weights) == 1
    assert all(weight >= floor for weight in weights)
    assert sum(apportion(weights, BPS)) == BPS
    donors = sorted(range(len(caps)), key=lambda index: -caps[index])[:3]
    for index, (weight, before) in enumerate(zip(weights, raw, strict=True)):
        assert weight <= before if index in donors else weight == max(before, floor)
    if len(caps) > 3:
        others = [weight for index, weight in enumerate(weights) if index not in donors]
        assert min(weights[index] for index in donors) >= max(others) or floor == 0 or weights == tuple(raw)


@given(st.lists(st.tuples(CAPS, CAPS, CAPS), min_size=1, max_size=12))
def test_price_moves_alone_need_no_trade(assets: list[tuple[Fraction, Fraction, Fraction]]) -> None:
    """Uncapped, unfloored, supplies and members fixed: what was bought at the old weights is at the new ones."""
    supplies, before, after = zip(*assets, strict=True)
    old = clip([supply * price for supply, price in zip(supplies, before, strict=True)])
    held = [weight / price for weight, price in zip(old, before, strict=True)]
    values = [units * price for units, price in zip(held, after, strict=True)]
    new = clip([supply * price for supply, price in zip(supplies, after, strict=True)])
    assert [value / sum(values) for value in values] == list(new)
