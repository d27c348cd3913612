"""Members and proposals of any market: seats, hysteresis, and that the order of what is told changes nothing."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.index.candidates import Candidate
from keeper.core.index.eligibility import screen
from keeper.core.index.membership import Move, reconstitute
from keeper.core.index.proposal import Proposal, propose
from tests.index_factories import NOW, candidate, listed, ranked, rules

pytestmark = pytest.mark.property

COINS = "abcdefghijklmnopqrstuvwxyz"
SEATS = st.integers(1, 12).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size - 1)))
ORDERS = st.lists(st.sampled_from(COINS), unique=True)


@given(ORDERS, st.lists(st.sampled_from(COINS)), SEATS)
def test_seats_and_reasons(order: list[str], current: list[str], seats: tuple[int, int]) -> None:
    size, buffer = seats
    found = reconstitute(current, ranked(*order), {}, size, buffer)
    members = [each.coin for each in found.members]
    assert len(members) <= size
    assert len(members) == min(size, len(order)), "no seat stays empty while there is somebody for it"
    assert [each.rank for each in found.members] == sorted(each.rank for each in found.members)
    entering = {change.coin for change in found.changes if change.move is Move.ENTERS}
    leaving = {change.coin for change in found.changes if change.move is Move.LEAVES}
    assert set(members) == (set(current) - leaving) | entering
    assert len(found.changes) == len(entering | leaving)
    assert not entering & set(current)
    assert leaving <= set(current)
    assert all(change.reason for change in found.changes)
    for rank, coin in enumerate(order, start=1):
        assert coin in members or rank > size - buffer, "far above the last seat everybody is a member"
        assert coin not in members or rank <= size + buffer, "far below it nobody is"


@given(ORDERS, st.lists(st.sampled_from(COINS)), SEATS)
def test_nothing_changes_when_ranks_do_not(order: list[str], current: list[str], seats: tuple[int, int]) -> None:
    first = reconstitute(current, ranked(*order), {}, *seats)
    again = reconstitute([each.coin for each in first.members], ranked(*order), {}, *seats)
    assert again.members == first.members
    assert again.changes == ()


@given(ORDERS, st.lists(st.sampled_from(COINS)), st.integers(1, 12))
def test_without_a_buffer_the_past_does_not_matter(order: list[str], current: list[str], size: int) -> None:
    """The naive reference: the first N."""
    found = reconstitute(current, ranked(*order), {}, size, 0)
    assert [each.coin for each in found.members] == order[:size]


@given(ORDERS, st.sets(st.sampled_from(COINS)), st.lists(st.sampled_from(COINS)), SEATS)
def test_what_cannot_be_had_is_never_a_member(
    order: list[str], missing: set[str], current: list[str], seats: tuple[int, int]
) -> None:
    size, buffer = seats
    reachable = [each for each in ranked(*order) if each.coin not in missing]
    members = reconstitute(current, reachable, {}, size, buffer).members
    assert len(members) <= size
    assert not {each.coin for each in members} & missing
    again = reconstitute([each.coin for each in members], reachable, {}, size, buffer)
    assert again.members == members, "who enters an empty seat does not leave it again"


@st.composite
def markets(draw: st.DrawFn) -> list[Candidate]:
    """Coins of any size, of which some are refused for one reason or another."""
    faults: list[dict[str, object]] = [
        {},
        {},
        {},
        {"categories": ("Stablecoins",), "recent": (Decimal(1),) * 2},
        {"pools": ()},
        {"pools": None},
        {"contract": None},
        {"market_cap": None},
        {"price": Decimal(0)},
    ]
    coins = draw(st.lists(st.sampled_from(COINS), unique=True, max_size=14))
    return [
        candidate(coin, **({"market_cap": draw(st.integers(1, 10**12))} | draw(st.sampled_from(faults))))
        for coin in coins
    ]


@given(markets(), SEATS, st.data(), st.randoms(use_true_random=False))
def test_a_proposal_of_any_market(
    everybody: list[Candidate], seats: tuple[int, int], data: st.DataObject, randomly: random.Random
) -> None:
    size, buffer = seats
    cash = data.draw(st.sampled_from((0, 1, 500)))
    how = rules(size=size, rank_buffer=buffer, cash_bps=cash)
    order = data.draw(st.permutations(COINS[:12]))
    lacks = data.draw(st.lists(st.sampled_from(order), max_size=3))
    assets = listed(dict.fromkeys(order, 0), lacks)
    current = data.draw(st.lists(st.sampled_from(COINS), unique=True, max_size=6))
    found = propose(how, everybody, current, assets, assets[0].token, NOW)
    shuffled = list(everybody)
    randomly.shuffle(shuffled)
    again = propose(how, shuffled, current, assets, assets[0].token, NOW)
    if not isinstance(found, Proposal):
        assert not isinstance(again, Proposal)
        assert (again.reason, set(again.refused)) == (found.reason, set(found.refused))
        return
    assert isinstance(again, Proposal)
    assert (again.targets, again.holdings, again.reasons) == (found.targets, found.holdings, found.reasons)
    assert set(again.refused) == set(found.refused)
    assert sum(found.targets) == 10_000
    assert sum(holding.weight for holding in found.holdings) == 1
    assert len(found.holdings) <= size
    targets = {asset.token: target for asset, target in zip(assets, found.targets, strict=True)}
    held = {holding.token for holding in found.holdings}
    for asset in assets:
        if asset.token not in held:
            assert targets[asset.token] == (cash if asset.token == assets[0].token else 0)
        assert not (asset.lacks and asset.token in held), "what cannot be bought is never a member"
    told = {each.coin for each in (*found.refused, *found.beyond)}
    told |= {item.member.coin for item in (*found.holdings, *found.proposed)}
    assert told == {each.coin for each in everybody}, "of every candidate something is said"


@given(markets(), st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_decides_nothing(everybody: list[Candidate], randomly: random.Random) -> None:
    found = screen(everybody, rules(), NOW)
    shuffled = list(everybody)
    randomly.shuffle(shuffled)
    again = screen(shuffled, rules(), NOW)
    assert again.eligible == found.eligible
    assert sorted(again.refused, key=str) == sorted(found.refused, key=str)
