"""Drift and the decision to trade: the worked numbers of the methodology, section 3, and every edge of a threshold."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from keeper.core.drift import Hold, Rebalance, decide, drift
from keeper.core.model import DriftMode, Market
from keeper.core.prices import PriceBook, agree
from keeper.core.valuation import Valuation, value
from tests import factories as f

pytestmark = pytest.mark.unit


def valued(market: Market) -> Valuation:
    book = agree(market)
    assert isinstance(book, PriceBook)
    return value(market, book)


def decision(market: Market) -> Hold | Rebalance:
    return decide(valued(market), market)


def dollar_fund(values: Sequence[int], targets: Sequence[int], **rules: Any) -> Market:
    """Assets at one dollar each, so that balances are values; the last is the hub."""
    assets = [
        f.asset(index, f"A{index}", price=1, balance=held, target=target)
        for index, (held, target) in enumerate(zip(values, targets, strict=True))
    ]
    defaults: dict[str, Any] = {
        "drift_threshold": Decimal("0.15"),
        "total_drift_threshold": Decimal("0.9"),
        "min_trade": f.usd(5),
    }
    return f.market(assets, rules=f.policy(**(defaults | rules)))


FIVE = (240, 190, 190, 190, 190), (2_000,) * 5


def test_the_worked_example_drifts() -> None:
    report = drift(valued(dollar_fund(*FIVE)), dollar_fund(*FIVE))
    assert [item.relative for item in report.assets] == [Fraction(1, 5)] + [Fraction(-1, 20)] * 4
    assert [item.absolute for item in report.assets] == [Fraction(4, 100)] + [Fraction(-1, 100)] * 4
    assert report.te == Fraction(4, 100)
    assert [item.target_value for item in report.assets] == [f.usd(200)] * 5


def test_one_asset_over_its_threshold_is_enough() -> None:
    outcome = decision(dollar_fund(*FIVE))
    assert isinstance(outcome, Rebalance)
    assert outcome.reason == "A0 is 20 % over target, threshold 15 %"


@pytest.mark.parametrize(
    ("mode", "threshold", "trades"),
    [
        (DriftMode.RELATIVE, "0.2", False),
        (DriftMode.RELATIVE, "0.1999999999", True),
        (DriftMode.ABSOLUTE, "0.04", False),
        (DriftMode.ABSOLUTE, "0.0399999999", True),
    ],
)
def test_equality_with_the_threshold_holds(mode: DriftMode, threshold: str, trades: bool) -> None:
    outcome = decision(dollar_fund(*FIVE, drift_mode=mode, drift_threshold=Decimal(threshold)))
    assert isinstance(outcome, Rebalance) is trades


def test_under_target_triggers_as_over_does() -> None:
    outcome = decision(dollar_fund((160, 210, 210, 210, 210), FIVE[1]))
    assert outcome.reason == "A0 is 20 % under target, threshold 15 %"


def test_absolute_drift_says_of_what() -> None:
    outcome = decision(dollar_fund(*FIVE, drift_mode=DriftMode.ABSOLUTE, drift_threshold=Decimal("0.03")))
    assert outcome.reason == "A0 is 4 % of NAV over target, threshold 3 %"


@pytest.mark.parametrize(("total", "trades"), [("0.04", False), ("0.039", True)])
def test_tracking_error_over_the_total_threshold(total: str, trades: bool) -> None:
    outcome = decision(dollar_fund(*FIVE, drift_threshold=Decimal("0.5"), total_drift_threshold=Decimal(total)))
    assert isinstance(outcome, Rebalance) is trades
    assert ("tracking error is 4 %, threshold 3.9 %" in outcome.reason) is trades


def test_a_hold_names_the_asset_that_is_furthest_off() -> None:
    outcome = decision(dollar_fund((210, 190, 200, 200, 200), FIVE[1]))
    assert isinstance(outcome, Hold)
    assert outcome.reason == "largest drift: A0 is 5 % over target, threshold 15 %"


def test_a_fund_on_target_holds() -> None:
    assert decision(f.market()).reason == "largest drift: WETH is on target, threshold 5 %"


# ------------------------------------------------------------------------------------- exits and newcomers


@pytest.mark.parametrize(("held", "trades"), [(0, False), (5, False), (6, True), (200, True)])
def test_an_exit_of_more_than_dust_triggers_by_itself(held: int, trades: bool) -> None:
    market = dollar_fund((held, 1_000 - held, 1_000), (0, 5_000, 5_000), drift_threshold=Decimal("0.9"))
    outcome = decision(market)
    assert isinstance(outcome, Rebalance) is trades
    assert outcome.report.assets[0].relative == (None if held else 0)
    if trades:
        assert outcome.reason.startswith(f"A0 is {f.Decimal(held) / 20} % of NAV, its target is 0")


def test_nothing_against_nothing_is_no_drift() -> None:
    report = drift(valued(dollar_fund((0, 500, 500), (0, 5_000, 5_000))), dollar_fund((0, 500, 500), (0, 5_000, 5_000)))
    assert report.assets[0].relative == 0
    assert report.te == 0


def test_a_newcomer_is_at_minus_one_and_triggers_in_either_mode() -> None:
    for mode in DriftMode:
        outcome = decision(dollar_fund((0, 1_000), (100, 9_900), drift_mode=mode, drift_threshold=Decimal("0.99")))
        assert isinstance(outcome, Rebalance)
        assert outcome.report.assets[0].relative == -1
        assert "A0 is new: target 1 %, none is held" in outcome.reason


def test_a_newcomer_that_may_not_be_bought_does_not_trigger() -> None:
    market = dollar_fund((0, 1_000), (100, 9_900), drift_mode=DriftMode.ABSOLUTE)
    assert isinstance(decision(f.with_asset(market, 0, buyable=False)), Hold)


def test_a_retired_asset_takes_no_part() -> None:
    market = f.with_asset(dollar_fund((700, 500, 500), (0, 5_000, 5_000)), 0, answer=None, retired=True, buyable=False)
    outcome = decision(market)
    assert isinstance(outcome, Hold)
    assert outcome.report.te == 0


# ------------------------------------------------------------------------------------------------ interval


@pytest.mark.parametrize(
    ("interval", "last", "trades"),
    [
        (3_600, f.NOW - 3_600, False),
        (3_600, f.NOW - 3_601, True),
        (0, f.NOW - 10**8, False),
        (3_600, 0, False),
    ],
)
def test_the_maximum_interval_counts_chain_time_since_the_last_rebalance(
    interval: int, last: int, trades: bool
) -> None:
    market = dollar_fund((210, 190, 200, 200, 200), FIVE[1], max_rebalance_interval_seconds=interval)
    outcome = decision(f.with_treasury(market, last_rebalance=last))
    assert isinstance(outcome, Rebalance) is trades
    if trades:
        assert outcome.reason == "last rebalanced 1h 1s ago, at most 1h"


# -------------------------------------------------------------------------------------- what cannot be done


def test_below_the_treasurys_minimum_drift_only_exits_trade() -> None:
    limits = f.limits(min_drift=500)
    market = f.with_treasury(dollar_fund(*FIVE), limits=limits)
    outcome = decision(market)
    assert isinstance(outcome, Hold)
    assert outcome.reason.startswith("tracking error 4 % is below the treasury's minimum 5 % (A0 is 20 % over")
    leaving = f.with_treasury(dollar_fund((30, 485, 485), (0, 5_000, 5_000)), limits=limits)
    assert isinstance(decision(leaving), Rebalance)


def test_a_tracking_error_of_exactly_the_minimum_may_trade() -> None:
    assert isinstance(decision(f.with_treasury(dollar_fund(*FIVE), limits=f.limits(min_drift=400))), Rebalance)


def test_an_empty_treasury_holds() -> None:
    outcome = decision(dollar_fund((0, 0), (5_000, 5_000)))
    assert isinstance(outcome, Hold)
    assert outcome.reason == "the treasury is empty"
    assert (outcome.report.te, {item.absolute for item in outcome.report.assets}) == (0, {0})
