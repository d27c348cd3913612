"""A list of market caps: what is read, every way in which a file can be wrong, and who is left out of the weights."""

import contextlib
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keeper.core.index.caps_list import ListedWeights, read_list, weigh_list
from keeper.core.index.weights import Rule
from keeper.core.mistakes import ConfigurationError
from keeper.core.units import E18

pytestmark = pytest.mark.unit

SIX = "symbol,market_cap\nUNI,50\nLINK,24\nAAVE,10\nMKR,8\nLDO,5\nCRV,3\n"


def weighed(text: str, cap: str | None = None, floor: str | None = None, top: int = 10) -> ListedWeights:
    bounds = (None if bound is None else Fraction(bound) for bound in (cap, floor))
    return weigh_list(read_list(text), Rule.CLIP, *bounds, top)


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        read_list(text)
    return refused.value.problems


def test_the_worked_numbers() -> None:
    found = weighed(SIX, cap="0.25")
    assert [(each.line.symbol, each.line.given, each.bps) for each in found.weights] == [
        ("UNI", "50", 2_500),
        ("LINK", "24", 2_500),
        ("AAVE", "10", 1_923),
        ("MKR", "8", 1_538),
        ("LDO", "5", 962),
        ("CRV", "3", 577),
    ]
    assert [each.weight_e18 for each in found.weights[1:4]] == [
        E18 // 4,
        192_307_692_307_692_308,
        153_846_153_846_153_846,
    ]
    assert sum(each.weight_e18 for each in found.weights) == E18
    assert sum(each.bps for each in found.weights) == 10_000


def test_who_is_left_out_has_a_reason() -> None:
    text = (
        "symbol,market_cap,category\nA,9,\nUSDT,8,Stablecoins; USD Stablecoin\nWBTC,7,Layer 1|Wrapped-Tokens\n"
        "B,6,Layer 1\nC,5,\nZERO,0.0,\nNONE,,\nNULL,null,\n"
    )
    found = weighed(text, top=2)
    assert [each.line.symbol for each in found.weights] == ["A", "B"]
    assert found.refused == (
        ("USDT", "a stablecoin (USD Stablecoin)"),
        ("WBTC", "wrapped, staked or bridged: it stands for another coin (Wrapped-Tokens)"),
        ("C", "rank 3: the index takes the first 2"),
        ("NONE", "its market cap is not known"),
        ("NULL", "its market cap is not known"),
        ("ZERO", "its market cap is 0"),
    )


@given(st.lists(st.integers(0, 50), min_size=1, max_size=15), st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_nothing(caps: list[int], top: int, randomly: random.Random) -> None:
    lines = [f"C{number},{cap}" for number, cap in enumerate(caps)]
    shuffled = list(lines)
    randomly.shuffle(shuffled)

    def result(rows: list[str]) -> ListedWeights | list[str]:
        try:
            return weighed("symbol,market_cap\n" + "\n".join(rows), top=top)
        except ConfigurationError as refused:
            return sorted(refused.problems)

    assert result(shuffled) == result(lines)


def test_market_caps_are_kept_as_they_are_written() -> None:
    found = weighed("market_cap,Symbol\n  007.50 ,a\n.5,b\n")
    assert [(each.line.given, each.bps) for each in found.weights] == [("007.50", 9_375), (".5", 625)]


def test_bounds_that_cannot_be_name_the_numbers_and_who_is_missing() -> None:
    with pytest.raises(ConfigurationError) as refused:
        weighed("symbol,market_cap\nA,2\nB,1\nC,0\n", cap="0.4")
    assert refused.value.problems == [
        "2 members of at most 40 % each reach 80 %, not 100 %: the cap is too low or they are too few",
        "C is refused: its market cap is 0",
    ]


def test_every_mistake_is_told_at_once_with_its_line() -> None:
    lines = [
        "symbol,market_cap",
        "A,1",
        "a,2",
        ",3",
        "B,-4",
        "C,1e9",
        "D,1,000",
        "E,abc",
        "\x1b[31m,1",
        "F,1.2.3",
        "G,1 000",
    ]
    assert problems("\n".join(lines)) == [
        "line 3: a stands on line 2 already",
        "line 4: the symbol is empty",
        "line 5: '-4' is not a market cap (digits, and at most one point)",
        "line 6: '1e9' is not a market cap (digits, and at most one point)",
        "line 7: 3 cells where 2 belong",
        "line 8: 'abc' is not a market cap (digits, and at most one point)",
        "line 9: '?[31m' is not a symbol",
        "line 10: '1.2.3' is not a market cap (digits, and at most one point)",
        "line 11: '1 000' is not a market cap (digits, and at most one point)",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty: the first line must be `symbol,market_cap`"),
        ("symbol,market_cap\n", "there is no coin in it"),
        ("BTC,5\n", "line 1: 'btc' is not a column (symbol, market_cap, category)"),
        ("symbol,category\nBTC,x\n", "line 1: there is no column market_cap"),
        ("symbol,market_cap,category,category\n", "line 1: there are two columns category"),
        (
            f"symbol,market_cap\nA,{'9' * 41}\n",
            f"line 2: '{'9' * 41}' is not a market cap (digits, and at most one point)",
        ),
        ("symbol,market_cap\nA,\u0661\n", "line 2: '\u0661' is not a market cap (digits, and at most one point)"),
    ],
)
def test_a_file_that_is_no_list(text: str, problem: str) -> None:
    assert problem in problems(text)


@given(st.text(max_size=200))
def test_no_text_makes_it_fall_over(text: str) -> None:
    for candidate in (text, f"symbol,market_cap,category\n{text}"):
        with contextlib.suppress(ConfigurationError):
            assert sum(each.bps for each in weighed(candidate).weights) == 10_000
