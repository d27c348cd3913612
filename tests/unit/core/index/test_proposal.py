"""What is proposed to the treasury, and when it must be sent."""

from dataclasses import replace

import pytest

from keeper.core.index.candidates import Cause
from keeper.core.index.proposal import Proposal, Withheld, propose
from tests.index_factories import NOW, candidate, contract, listed, market, rules, token

pytestmark = pytest.mark.unit

THREE = rules(size=3, rank_buffer=1)
SPLIT = {"a": 5_000, "b": 3_000, "c": 2_000}


def proposed(found: Proposal | Withheld) -> Proposal:
    assert isinstance(found, Proposal)
    assert sum(found.targets) == 10_000
    return found


def test_nothing_to_do_is_no_reason() -> None:
    found = proposed(propose(THREE, market(a=50, b=30, c=20), "abc", listed(SPLIT), None, NOW))
    assert (found.targets, found.moves, found.changes, found.reasons) == ((5_000, 3_000, 2_000), (), (), ())
    assert not found.must_be_sent
    assert found.members == ("a", "b", "c")


@pytest.mark.parametrize(("before", "sent"), [(4_900, False), (4_899, True), (5_100, False), (5_101, True)])
def test_a_move_of_more_than_the_threshold_is_sent_and_equality_is_not(before: int, sent: bool) -> None:
    """The threshold is of NAV: 1 % is 100 bps, whatever the weight."""
    now = listed({"a": before, "b": 3_000, "c": 7_000 - before})
    found = proposed(propose(THREE, market(a=50, b=30, c=20), "abc", now, None, NOW))
    assert found.must_be_sent is sent
    if sent:
        assert found.reasons[0].endswith(" to 50 %, more than 1 % of NAV")
        assert len(found.reasons) == 2


def test_a_change_of_members_is_sent_and_the_leaver_goes_to_zero() -> None:
    now = listed({"a": 5_000, "b": 3_000, "x": 2_000, "c": 0})
    everybody = [*market(a=50, b=30, c=20), candidate("x", 25, categories=("Wrapped-Tokens",))]
    found = proposed(propose(THREE, everybody, "abx", now, None, NOW))
    assert found.targets == (5_000, 3_000, 0, 2_000)
    assert found.reasons == (
        "X leaves: wrapped, staked or bridged: it stands for another coin (Wrapped-Tokens)",
        "C enters: rank 3, a seat is empty",
        "X's target goes from 20 % to 0 %",
        "C's target goes from 0 % to 20 %",
    )
    assert [(move.symbol, move.before, move.after, move.size) for move in found.moves] == [
        ("X", 2_000, 0, 2_000),
        ("C", 0, 2_000, 2_000),
    ]


def test_what_was_never_a_member_goes_to_zero_too() -> None:
    now = listed({"a": 5_000, "b": 3_000, "c": 1_950, "left": 50})
    found = proposed(propose(THREE, market(a=50, b=30, c=20), "abc", now, None, NOW))
    assert found.targets == (5_000, 3_000, 2_000, 0)
    assert found.reasons == ("LEFT's target goes from 0.5 % to 0 %",)


def test_targets_that_never_arrived_are_sent_again() -> None:
    """The members are remembered, the chain does not have them."""
    found = proposed(propose(THREE, market(a=50, b=30, c=20), "abc", listed({"a": 10_000, "b": 0, "c": 0}), None, NOW))
    assert found.changes == ()
    assert found.must_be_sent


def test_targets_that_have_arrived_are_not_sent_again() -> None:
    """The chain has them, the members were not remembered."""
    found = proposed(propose(THREE, market(a=50, b=30, c=20), "", listed(SPLIT), None, NOW))
    assert len(found.changes) == 3
    assert not found.must_be_sent


# ------------------------------------------------------------------------------------------ what cannot be bought


def test_a_newcomer_that_is_not_listed_is_proposed_and_takes_nobodys_seat() -> None:
    found = proposed(propose(THREE, market(new=90, a=50, b=30, c=20), "abc", listed(SPLIT), None, NOW))
    assert found.targets == (5_000, 3_000, 2_000)
    assert [(each.member.coin, each.member.rank, each.reason) for each in found.proposed] == [
        ("new", 1, "the treasury does not list it")
    ]
    assert not found.must_be_sent


def test_a_newcomer_without_a_venue_is_proposed() -> None:
    now = listed(SPLIT | {"new": 0}, lacks=["new"])
    found = proposed(propose(THREE, market(new=90, a=50, b=30, c=20), "abc", now, None, NOW))
    assert [(each.member.coin, each.reason) for each in found.proposed] == [("new", "no venue")]
    assert found.targets == (5_000, 3_000, 2_000, 0)


def test_a_member_that_cannot_be_bought_any_more_leaves() -> None:
    found = proposed(propose(THREE, market(a=50, b=30, c=20), "abc", listed(SPLIT, lacks=["c"]), None, NOW))
    assert found.targets == (6_250, 3_750, 0)
    assert found.reasons[0] == "C leaves: no venue"
    assert [each.member.coin for each in found.proposed] == ["c"]
    assert found.unexplained == ()


def test_a_proposed_coin_keeps_its_rank() -> None:
    """Three seats, buffer 1: `d` is fourth although only three can be had, and enters no seat."""
    found = proposed(propose(THREE, market(new=90, a=50, b=30, d=10), "", listed({"a": 0, "b": 0, "d": 0}), None, NOW))
    assert found.members == ("a", "b")
    assert [each.coin for each in found.beyond] == ["d"]


def test_with_nothing_to_buy_the_old_targets_stay() -> None:
    found = propose(THREE, market(new=90), "a", listed({"a": 10_000}), None, NOW)
    assert isinstance(found, Withheld)
    assert found.reason == "there is no eligible coin that the treasury can buy"


def test_weights_that_cannot_be_are_withheld_never_made_equal() -> None:
    found = propose(rules(size=10, cap_bps=2_500), market(a=50, b=30, c=20), "abc", listed(SPLIT), None, NOW)
    assert isinstance(found, Withheld)
    assert (
        found.reason == "3 members of at most 25 % each reach 75 %, not 100 %: the cap is too low or they are too few"
    )


# --------------------------------------------------------------------------------------- missing data, cash, order


def test_a_member_nobody_speaks_of_is_worth_a_second_look() -> None:
    now = listed(SPLIT | {"d": 0, "e": 0})
    everybody = [*market(b=30, d=20, e=10), candidate("c", None)]
    found = proposed(propose(THREE, everybody, "abc", now, None, NOW))
    assert [change.words for change in found.changes[:2]] == [
        "a leaves: nobody says anything of it any more",
        "C leaves: its market cap is not known",
    ]
    assert found.unexplained == ("a", "c")
    assert {each.coin: each.refusal.cause for each in found.refused} == {"c": Cause.MISSING}


@pytest.mark.parametrize(
    "gap",
    [
        {"contract": None},
        {"contract": contract("c", has_code=False)},
        {"pools": ()},
        {"pools": None},
        {"categories": ("Stablecoins",), "recent": ()},
    ],
    ids=["no address", "no code", "no pools", "no answer", "gold without its prices"],
)
def test_a_member_whose_token_exchanges_or_prices_are_not_found_is_unexplained(gap: dict[str, object]) -> None:
    """A list of tokens without its address, or a page without its pools: it had both when it was bought."""
    found = proposed(propose(THREE, [*market(a=50, b=30), candidate("c", 20, **gap)], "abc", listed(SPLIT), None, NOW))
    assert found.changes[0].words.startswith("C leaves: ")
    assert found.unexplained == ("c",)


def test_a_member_that_ranks_too_low_is_explained() -> None:
    found = proposed(propose(THREE, market(a=50, b=30, c=20, d=10, x=5), "abx", listed(SPLIT | {"x": 0}), None, NOW))
    assert found.changes[0].words == "X leaves: rank 5, a member stays down to rank 4"
    assert found.unexplained == ()


def test_cash_goes_to_the_hub_and_the_index_takes_the_rest() -> None:
    how = replace(THREE, cash_bps=1_000)
    found = proposed(propose(how, market(a=50, b=30, c=20), "abc", listed(SPLIT | {"usdc": 0}), token("usdc"), NOW))
    assert found.targets == (4_500, 2_700, 1_800, 1_000)
    assert [holding.target for holding in found.holdings] == [4_500, 2_700, 1_800]


def test_a_hub_that_is_a_member_has_both() -> None:
    how = replace(THREE, cash_bps=1_000)
    found = proposed(propose(how, market(a=50, b=30, c=20), "abc", listed(SPLIT), token("a"), NOW))
    assert found.targets == (5_500, 2_700, 1_800)


@pytest.mark.parametrize("hub", [None, token("usdc")])
def test_cash_without_a_listed_hub_is_withheld(hub: str | None) -> None:
    found = propose(replace(THREE, cash_bps=1), market(a=1), "", listed({"a": 10_000}), hub, NOW)  # type: ignore[arg-type]
    assert found == Withheld("cash is kept in the hub, and the treasury does not list one")


def test_what_rounding_leaves_goes_by_the_treasurys_order() -> None:
    three = market(a=1, b=1, c=1)
    for order, targets in (("abc", (3_334, 3_333, 3_333)), ("cab", (3_334, 3_333, 3_333))):
        found = proposed(propose(THREE, three, "abc", listed(dict.fromkeys(order, 0)), None, NOW))
        assert found.targets == targets
        assert found.members == ("a", "b", "c")


# ------------------------------------------------------------------------------------------------- fixed weights


def test_fixed_weights_ask_no_market() -> None:
    how = rules(fixed_bps={"A": 6_000, "B": 3_500}, cash_bps=500)
    found = proposed(propose(how, [], "", listed({"b": 4_000, "a": 6_000, "usdc": 0}), token("usdc"), NOW))
    assert found.targets == (3_500, 6_000, 500)
    assert found.reasons == (
        "B's target goes from 40 % to 35 %, more than 1 % of NAV",
        "USDC's target goes from 0 % to 5 %",
    )


def test_fixed_weights_that_are_there_are_not_sent() -> None:
    how = rules(fixed_bps={"A": 6_000, "B": 4_000})
    assert not proposed(propose(how, [], "", listed({"a": 6_000, "b": 4_000}, lacks=["b"]), None, NOW)).must_be_sent


def test_a_fixed_weight_of_a_symbol_that_two_assets_have_is_nobodys() -> None:
    """A bridged token and the chain's own, both called USDC: the one that can be bought has it, or neither."""
    how = rules(fixed_bps={"A": 6_000, "B": 4_000})
    now = listed({"a": 6_000, "b": 4_000, "other": 0})
    twice = [replace(each, symbol="B") if each.symbol == "OTHER" else each for each in now]
    assert propose(how, [], "", twice, None, NOW) == Withheld(
        "the treasury lists B more than once: nobody says which has the weight"
    )
    retired = [replace(each, lacks="retired") if each.token == token("other") else each for each in twice]
    assert proposed(propose(how, [], "", retired, None, NOW)).targets == (6_000, 4_000, 0)


def test_fixed_weights_buy_nothing_that_cannot_be_bought() -> None:
    how = rules(fixed_bps={"A": 6_000, "B": 4_000})
    assert propose(how, [], "", listed({"a": 10_000, "b": 0}, lacks=["b"]), None, NOW) == Withheld(
        "B cannot be bought: no venue"
    )
    assert propose(how, [], "", listed({"a": 10_000}), None, NOW) == Withheld(
        "the treasury does not list B, which has a fixed weight"
    )
