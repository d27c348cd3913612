"""Weights by both rules: the worked numbers of the index's formulas, every bound from both sides, exact rounding."""

from fractions import Fraction

import pytest

from keeper.core.index.rounding import apportion
from keeper.core.index.weights import Rule, WeightsImpossible, clip, top3, weigh

pytestmark = pytest.mark.unit


def caps(*values: float | str) -> list[Fraction]:
    return [Fraction(str(value)) for value in values]


def rounded(weights: tuple[Fraction, ...], places: int = 6) -> list[float]:
    return [round(float(weight), places) for weight in weights]


# --------------------------------------------------------------------------------------------------- clip


def test_a_cap_alone_gives_what_is_over_it_to_the_others_pro_rata() -> None:
    weights = clip(caps(50, 24, 10, 8, 5, 3), cap=Fraction(1, 4))
    assert rounded(weights) == [0.25, 0.25, 0.192308, 0.153846, 0.096154, 0.057692]
    assert sum(weights) == 1


def test_cap_and_floor_together_breach_neither() -> None:
    """Cap, then floor, then renormalise gives the last .0483: a floor breach."""
    weights = clip(caps(60, 25, 10, 4, 1), cap=Fraction(2, 5), floor=Fraction(1, 20))
    assert rounded(weights) == [0.4, 0.352564, 0.141026, 0.05641, 0.05]
    assert sum(weights) == 1


def test_without_bounds_a_weight_is_the_share_of_the_market_caps() -> None:
    assert clip(caps(6, 3, 1)) == (Fraction(3, 5), Fraction(3, 10), Fraction(1, 10))


def test_bounds_that_leave_one_answer_give_it() -> None:
    third = Fraction(1, 3)
    assert clip(caps(90, 9, 1), cap=third) == (third,) * 3
    assert clip(caps(90, 9, 1), floor=third) == (third,) * 3
    assert clip(caps(90, 9, 1), cap=third, floor=third) == (third,) * 3
    assert clip(caps(7), cap=Fraction(1), floor=Fraction(1)) == (1,)


def test_all_clipped_at_once() -> None:
    """Two at the cap and two at the floor: no free weight is left to solve for."""
    weights = clip(caps(100, 50, 2, 1), cap=Fraction(2, 5), floor=Fraction(1, 10))
    assert weights == (Fraction(2, 5), Fraction(2, 5), Fraction(1, 10), Fraction(1, 10))


@pytest.mark.parametrize(
    ("count", "cap", "floor", "words"),
    [
        (
            3,
            "0.33",
            None,
            "3 members of at most 33 % each reach 99 %, not 100 %: the cap is too low",
        ),
        (
            5,
            None,
            "0.21",
            "5 members of at least 21 % each need 105 % of 100 %: the floor is too high",
        ),
        (3, "0.333333", None, "3 members of at most 33.3333 % each reach 99.9999 %, not 100 %: "),
        (2, "0.1", "0.9", "2 members of at least 90 % each need 180 % of 100 %: "),
    ],
)
def test_what_cannot_be_is_told_with_its_numbers(count: int, cap: str | None, floor: str | None, words: str) -> None:
    with pytest.raises(WeightsImpossible) as refused:
        clip(caps(*range(1, count + 1)), Fraction(cap) if cap else None, Fraction(floor) if floor else None)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize("rule", Rule)
def test_nothing_to_weigh_is_no_index(rule: Rule) -> None:
    with pytest.raises(WeightsImpossible, match="no member"):
        weigh(rule, [], None, None)


@pytest.mark.parametrize("rule", Rule)
@pytest.mark.parametrize("bad", [0, -1])
def test_a_market_cap_that_is_none_is_refused_never_counted(rule: Rule, bad: int) -> None:
    with pytest.raises(ValueError, match="market cap"):
        weigh(rule, caps(5, bad, 3), None, None)


# --------------------------------------------------------------------------------------------------- top3

CMC_2024 = caps(
    *(".641768", ".209726", ".035381", ".034934", ".025299", ".016348", ".011351", ".009727", ".008267", ".007199")
)


def test_the_floor_is_taken_from_the_three_largest_pro_rata() -> None:
    """The published weights are rounded to six places, so a donor's last place may differ by one."""
    weights = top3(CMC_2024, floor=Fraction(1, 100))
    assert [float(weight) for weight in weights[:3]] == pytest.approx([0.63829, 0.20859, 0.035189], abs=1e-6)
    assert rounded(weights[3:]) == [0.034934, 0.025299, 0.016348, 0.011351, 0.01, 0.01, 0.01]
    assert sum(weights) == 1
    assert sum(Fraction(1, 100) - weight for weight in CMC_2024[-3:]) == Fraction("0.004807")


def test_where_the_three_stand_does_not_matter() -> None:
    assert top3(CMC_2024[::-1], floor=Fraction(1, 100)) == top3(CMC_2024, floor=Fraction(1, 100))[::-1]


def test_without_a_shortfall_nothing_moves() -> None:
    assert top3(caps(5, 3, 1, 1), floor=Fraction(1, 10)) == (
        Fraction(1, 2),
        Fraction(3, 10),
        Fraction(1, 10),
        Fraction(1, 10),
    )
    assert top3(caps(3, 1)) == (Fraction(3, 4), Fraction(1, 4))


def test_a_donor_below_the_fourth_is_an_error_that_says_so() -> None:
    with pytest.raises(WeightsImpossible) as refused:
        top3(caps(60, 10, "9.9", "9.8", "7.8", 2, "0.5"), floor=Fraction(2, 100))
    assert str(refused.value) == (
        "raising 1 member to the floor of 2 % takes 1.5 % from the three largest: the third would fall from 9.9 % to "
        "9.714143 %, below the fourth's 9.8 %"
    )


def test_a_donor_below_the_floor_is_an_error_that_says_so() -> None:
    with pytest.raises(WeightsImpossible) as refused:
        top3(caps(96, 3, 1), floor=Fraction(2, 100))
    assert str(refused.value) == (
        "raising 1 member to the floor of 2 % takes 1 % from the three largest: the third would fall from 1 % to "
        "0.99 %, below the floor"
    )


def test_a_donor_may_fall_to_the_fourth_or_to_the_floor() -> None:
    tenth = Fraction(1, 10)
    assert top3(caps(40, 24, 16, 15, 5), tenth) == tuple(caps("0.375", "0.225", "0.15", "0.15", "0.1"))
    assert top3(caps(45, "33.75", "11.25", 5, 5), tenth) == tuple(caps("0.4", "0.3", "0.1", "0.1", "0.1"))


def test_more_floors_than_there_is_weight_names_the_numbers() -> None:
    with pytest.raises(WeightsImpossible, match="5 members of at least 30 % each need 150 % of 100 %"):
        top3(caps(1, 1, 1, 1, 1), floor=Fraction(3, 10))


def test_this_rule_has_no_cap() -> None:
    with pytest.raises(WeightsImpossible, match="top3 knows no cap"):
        weigh(Rule.TOP3, caps(3, 2, 1), Fraction(1, 2), None)


# ----------------------------------------------------------------------------------------------- rounding


def test_the_largest_remainders_get_what_is_left() -> None:
    sevenths = [Fraction(part, 7) for part in (4, 2, 1)]  # 5714.29, 2857.14, 1428.57
    assert apportion(sevenths, 10_000) == (5_714, 2_857, 1_429)


def test_ties_go_to_whoever_stands_first() -> None:
    assert apportion([Fraction(1, 3)] * 3, 10_000) == (3_334, 3_333, 3_333)
    assert apportion([Fraction(1, 6), Fraction(2, 3), Fraction(1, 6)], 10_000) == (1_667, 6_667, 1_666)


def test_another_total_leaves_room_for_cash() -> None:
    assert apportion([Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)], 9_750) == (4_875, 3_250, 1_625)


def test_what_is_no_whole_is_refused() -> None:
    with pytest.raises(ValueError, match="sum to 2/3"):
        apportion([Fraction(1, 3)] * 2, 10_000)
