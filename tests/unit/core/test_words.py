"""Figures as people read them."""

from decimal import Decimal
from fractions import Fraction

import pytest

from keeper.core import words
from keeper.core.spending import Budget
from keeper.core.units import Timestamp, UsdE18

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (Fraction(31, 1000), "3.1"),
        (Fraction(1), "100"),
        (Fraction(0), "0"),
        (Fraction(-1, 3), "-33.33"),
        (Fraction(-1, 10**9), "0"),
    ],
)
def test_percent(fraction: Fraction, text: str) -> None:
    assert words.percent(fraction) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (59, "59s"), (700, "11m 40s"), (3_600, "1h"), (90_061, "1d 1h"), (86_405, "1d 5s")]
)
def test_duration(seconds: int, text: str) -> None:
    assert words.duration(seconds) == text


def test_dollars_to_the_cent_with_separators() -> None:
    assert words.dollars(UsdE18(12_345_678_900_000_000_000_000)) == "12,345.68"


def test_plain_has_no_exponent_and_no_idle_zeros() -> None:
    assert [words.plain(Decimal(text)) for text in ("1E+2", "3.10", "-0.00", "0.000001")] == [
        "100",
        "3.1",
        "0",
        "0.000001",
    ]


def test_utc_is_rfc_3339() -> None:
    assert words.utc(Timestamp(1_700_000_000)) == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (words.LAST_SECOND, "9999-12-31T23:59:59Z"),
        (words.LAST_SECOND + 1, "@253402300800"),
        (2**256 - 1, f"@{2**256 - 1}"),
    ],
)
def test_any_second_that_a_feed_can_claim(timestamp: int, text: str) -> None:
    assert words.utc(timestamp) == text


@pytest.mark.parametrize(
    ("left", "cap", "text"),
    [
        (125 * 10**12, 5 * 10**14, "1.25 bps of NAV left of 5 bps"),
        (0, 0, "0 bps of NAV left of 0 bps"),
        (123 * 10**15, 25 * 10**16, "12.3 % of NAV left of 25 %"),
        (2 * 10**18, 2 * 10**18, "200 % of NAV left of 200 %"),
    ],
)
def test_what_is_left_of_a_budget(left: int, cap: int, text: str) -> None:
    assert words.left_of(Budget(left, cap, 86_400)) == text


def test_when_a_budget_is_full_again() -> None:
    assert words.full_again(Budget(1, 4, 86_400), 1_700_000_000) == ", full again at 2023-11-15T16:13:20Z"
    assert words.full_again(Budget(4, 4, 86_400), 1_700_000_000) == ""
    assert words.full_again(Budget(0, 0, 86_400), 1_700_000_000) == "", "it holds nothing: it is as full as it gets"
