"""A methodology as plain values and back: nothing is lost, and every mistake is told at once."""

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest

from keeper.core.index.methodology import Methodology
from keeper.core.index.methodology_form import from_plain, to_plain
from keeper.core.index.weights import Rule
from keeper.core.mistakes import ConfigurationError

pytestmark = pytest.mark.unit

EVERYTHING: dict[str, Any] = {
    "size": 8,
    "rule": "clip",
    "cap_bps": 3_000,
    "floor_bps": 100,
    "rank_buffer": 1,
    "weight_threshold_bps": 50,
    "min_dexes": 2,
    "min_pool_usd": "250000.5",
    "max_age_seconds": 3_600,
    "coins": ["bitcoin", "chainlink"],
    "category": "DeFi",
    "exclusions": ["leo-token"],
    "native": {"bitcoin": "WBTC"},
    "cash_bps": 250,
    "fixed_bps": {},
    "interval_seconds": 3_600,
}


def problems(said: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        from_plain(said)
    return refused.value.problems


def test_everything_that_is_said_is_kept() -> None:
    rules = from_plain(EVERYTHING)
    assert to_plain(rules) == EVERYTHING
    assert list(to_plain(rules)) == [field.name for field in fields(Methodology)]
    assert (rules.cap_bps, rules.min_pool_usd, rules.native) == (3_000, Decimal("250000.5"), (("bitcoin", "WBTC"),))
    assert rules.invested == 9_750
    assert hash(rules)


def test_the_plain_form_is_json() -> None:
    assert from_plain(json.loads(json.dumps(to_plain(from_plain(EVERYTHING))))) == from_plain(EVERYTHING)


def test_nothing_said_is_the_defaults() -> None:
    rules = from_plain({})
    assert rules == Methodology()
    assert (rules.size, rules.rule, rules.cap_bps, rules.floor_bps, rules.rank_buffer) == (10, Rule.CLIP, None, None, 2)
    assert (rules.weight_threshold_bps, rules.min_dexes, rules.cash_bps) == (100, 3, 0)
    assert rules.tokens == {"bitcoin": "WBTC", "ethereum": "WETH"}
    assert from_plain(to_plain(rules)) == rules


def test_the_same_amount_written_otherwise_is_the_same_methodology() -> None:
    assert from_plain({"min_pool_usd": "1000.00"}) == from_plain({"min_pool_usd": 1_000})
    assert to_plain(from_plain({"min_pool_usd": "0"}))["min_pool_usd"] == "0"


def test_every_value_that_cannot_be_read_is_told_at_once() -> None:
    assert problems(
        {
            "size": "10",
            "rule": "equal",
            "cap_bps": 0.25,
            "floor_bps": True,
            "min_pool_usd": 1.5,
            "max_age_seconds": 2**60,
            "coins": "bitcoin",
            "category": 7,
            "native": ["bitcoin"],
            "fixed_bps": {"WETH": "6000"},
            "top": 10,
        }
    ) == [
        "top: there is no such rule of an index",
        "size: '10' is not a whole number",
        "rule: 'equal' is not one of clip, top3",
        "cap_bps: 0.25 is not a whole number",
        "floor_bps: True is not a whole number",
        "min_pool_usd: 1.5 is not an amount of dollars: digits and at most one point, in quotes",
        f"max_age_seconds: {2**60} is out of all bounds",
        "coins: 'bitcoin' is not a list of names",
        "category: 7 is not printable text",
        "native: ['bitcoin'] is not an object of names and values",
        "fixed_bps: '6000' is not a whole number",
    ]


def test_a_name_that_a_terminal_obeys_is_told_so_that_it_does_not() -> None:
    assert problems({"\x1b[2Jtop": 10}) == [r"'\x1b[2Jtop': there is no such rule of an index"]


def test_what_cannot_be_together_is_told_at_once() -> None:
    assert problems(
        {
            "size": 3,
            "rank_buffer": 3,
            "cap_bps": 3_333,
            "floor_bps": 3_334,
            "weight_threshold_bps": -1,
            "cash_bps": 10_001,
            "min_dexes": -1,
            "coins": ["a", "a", "b"],
            "exclusions": ["b", " "],
        }
    ) == [
        "rank_buffer: 3 is not from 0 to 2, below size",
        "weight_threshold_bps: -1 is not from 0 to 10000 bps",
        "cash_bps: 10001 is not from 0 to 10000 bps",
        "min_dexes: -1 is negative",
        "cap_bps: 3 members of at most 3333 bps reach 9999, not 10000",
        "floor_bps: 3 members of at least 3334 bps need 10002 of 10000",
        "coins: a is there twice",
        "exclusions: a name is empty",
        "exclusions: b is one of coins too",
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"size": 0, "rank_buffer": 0}, "size: 0 is less than 1"),
        ({"rule": "top3", "cap_bps": 3_000}, "cap_bps: rule top3 knows none"),
        ({"cap_bps": 0}, "cap_bps: 0 is not from 1 to 10000 bps"),
        ({"floor_bps": -1}, "floor_bps: -1 is not from 0 to 10000 bps"),
        (
            {"fixed_bps": {"WETH": 6_000, "USDC": 3_999}},
            "fixed_bps: the weights sum to 9999, not to 10000 (10000 without cash)",
        ),
        ({"fixed_bps": {"WETH": 10_000, "USDC": 0}}, "fixed_bps: USDC has 0, which is not from 1 to 10000 bps"),
    ],
)
def test_each_bound(said: dict[str, Any], words: str) -> None:
    assert problems(said) == [words]


def test_bounds_that_leave_one_answer_are_allowed() -> None:
    rules = from_plain({"size": 4, "cap_bps": 2_500, "floor_bps": 2_500})
    assert (rules.cap_bps, rules.floor_bps) == (2_500, 2_500)


def test_fixed_weights_leave_room_for_cash() -> None:
    assert from_plain({"fixed_bps": {"WETH": 6_000, "WBTC": 3_500}, "cash_bps": 500}).fixed_bps == (
        ("WETH", 6_000),
        ("WBTC", 3_500),
    )
