"""Members with hysteresis: who stays, who goes, who comes, and what is said of each."""

import pytest

from keeper.core.index.membership import Membership, Move, reconstitute
from tests.index_factories import ranked, refused

pytestmark = pytest.mark.unit

TWELVE = ranked(*"abcdefghijklmno")


def members(found: Membership) -> str:
    return "".join(each.coin for each in found.members)


def words(found: Membership) -> list[str]:
    return [change.words for change in found.changes]


def test_at_first_the_largest_enter() -> None:
    found = reconstitute([], TWELVE, {}, size=3, buffer=1)
    assert members(found) == "abc"
    assert words(found) == [f"{coin} enters: rank {rank}, a seat is empty" for rank, coin in enumerate("ABC", start=1)]


def test_inside_the_buffer_nobody_moves() -> None:
    """Ranks 9 and 10 are the newcomers', 11 and 12 two members': ten seats, buffer 2."""
    found = reconstitute([*"abcdefghkl"], TWELVE, {}, size=10, buffer=2)
    assert members(found) == "abcdefghkl"
    assert found.changes == ()


def test_below_the_buffer_a_member_leaves_and_its_seat_goes_to_the_best() -> None:
    found = reconstitute([*"abcdefghkm"], TWELVE, {}, size=10, buffer=2)
    assert members(found) == "abcdefghik"
    assert words(found) == ["M leaves: rank 13, a member stays down to rank 12", "I enters: rank 9, a seat is empty"]


def test_a_newcomer_above_the_buffer_takes_the_lowest_seat() -> None:
    found = reconstitute([*"abcdefgikl"], TWELVE, {}, size=10, buffer=2)
    assert members(found) == "abcdefghik"
    assert words(found) == [
        "L leaves: rank 12, H takes its place (rank 8)",
        "H enters: rank 8, in place of L (rank 12)",
    ]


def test_without_a_buffer_the_members_are_the_first() -> None:
    assert members(reconstitute([*"abfgh"], TWELVE, {}, size=5, buffer=0)) == "abcde"


def test_who_is_refused_leaves_with_that_reason() -> None:
    found = reconstitute(["x", "a"], TWELVE, refused("x", reason="its market cap is 0"), size=2, buffer=0)
    assert members(found) == "ab"
    assert words(found) == ["X leaves: its market cap is 0", "B enters: rank 2, a seat is empty"]


def test_who_is_not_heard_of_leaves_too() -> None:
    found = reconstitute(["gone"], ranked("a"), {}, size=1, buffer=0)
    assert words(found) == ["gone leaves: nobody says anything of it any more", "A enters: rank 1, a seat is empty"]


def test_fewer_seats_than_members_keep_the_largest() -> None:
    found = reconstitute([*"abcde"], TWELVE, {}, size=3, buffer=2)
    assert members(found) == "abc"
    assert words(found) == ["D leaves: rank 4, and there are 3 seats", "E leaves: rank 5, and there are 3 seats"]


def test_a_seat_stays_empty_rather_than_go_to_a_rank_beyond_the_last_seat() -> None:
    """Of what cannot be had the ranks are missing: whoever came from rank 4 on would leave again."""
    open_ones = [each for each in TWELVE if each.coin not in "bc"]
    found = reconstitute([], open_ones, {}, size=3, buffer=1)
    assert members(found) == "a"


def test_no_coin_no_member() -> None:
    assert reconstitute(["a"], [], {}, size=3, buffer=1).members == ()


def test_a_member_named_twice_is_one() -> None:
    found = reconstitute(["a", "a"], ranked("a", "b"), {}, size=2, buffer=0)
    assert members(found) == "ab"
    assert [change.move for change in found.changes] == [Move.ENTERS]
