"""What the doctor says of the treasury's budgets and limits: what is left, and what could never work together."""

from decimal import Decimal
from typing import Any

import pytest

from keeper.app.doctor import Check, Health, examine
from keeper.core.model import Budgets, Market
from keeper.core.units import Bps
from tests import factories as f

pytestmark = pytest.mark.unit


def check(market: Market, name: str) -> Check:
    (found,) = (check for check in examine(market) if check.name == name)
    return found


def test_the_defaults_agree_with_each_other() -> None:
    found = check(f.with_limits(f.market(), f.strict_limits()), "limits")
    assert (found.health, found.detail) == (Health.OK, "policy, pools and treasury agree")


def test_budgets_are_shown_with_the_time_at_which_they_are_full() -> None:
    market = f.with_limits(f.market(), f.strict_limits(), Budgets(4 * 10**14, 0, 0))
    assert check(market, "budgets").health is Health.OK
    assert check(market, "budgets").detail == (
        "loss 1 bps of NAV left of 5 bps, full again at 2023-11-15T17:25:20Z; turnover 25 % of NAV left of 25 %"
    )


@pytest.mark.parametrize(
    ("limits", "rules", "words"),
    [
        ({}, {"slippage_tolerance": Decimal("0.02")}, "SLIPPAGE_TOLERANCE 2 % is beyond the treasury's maxSlip 1 %"),
        ({"max_slip": Bps(30)}, {"slippage_tolerance": Decimal("0.001")}, "pools take 0.3 %, maxSlip is 0.3 %"),
        ({"max_cost": Bps(60)}, {}, "two swaps cost 0.6 % of what they move, maxCost is 0.6 %"),
        ({"loss_cap": Bps(0)}, {}, "lossCap is 0.00 USD: less than MIN_TRADE_SIZE_USD loses in a pool"),
        ({}, {"min_trade": f.usd(200_000)}, "lossCap is 500.00 USD: less than MIN_TRADE_SIZE_USD loses in a pool"),
        ({"turnover_cap": Bps(1)}, {"min_trade": f.usd(101)}, "turnoverCap is 100.00 USD: less than MIN_TRADE_SIZE"),
    ],
)
def test_what_cannot_work_together_is_told(limits: dict[str, Any], rules: dict[str, Any], words: str) -> None:
    market = f.with_policy(f.with_limits(f.market(), f.strict_limits(**limits)), **rules)
    found = check(market, "limits")
    assert found.health is Health.WARN
    assert found.detail.startswith(words)


def test_a_fund_without_a_venue_in_use_cannot_trade() -> None:
    market = f.with_asset(f.market(of=f.fund(hub=f.address(1))), 2, retired=True)
    assert check(market, "limits").detail == "no venue is in use: nothing can be traded"


def test_limits_are_examined_even_when_nobody_knows_the_nav() -> None:
    market = f.with_asset(f.with_limits(f.market(), f.strict_limits(max_cost=Bps(1))), 0, answer=None)
    assert check(market, "price_bounds").health is Health.FAIL
    assert check(market, "limits").health is Health.WARN
