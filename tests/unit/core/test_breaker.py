"""The circuit breaker's two rules, from both sides, and what does not count."""

from dataclasses import replace
from decimal import Decimal

import pytest

from keeper.core import breaker
from keeper.core.ledger import Execution
from keeper.core.units import Timestamp, UsdE18
from tests import factories as f

pytestmark = pytest.mark.unit

POLICY = replace(f.market().policy, breaker_reverts=3, breaker_loss=Decimal("0.005"))
REVERTED = Execution(f.NOW, False, "MinOut: got 1, at least 2", None, None)


def traded(loss: int, nav: int = 1_000_000) -> Execution:
    return Execution(f.NOW, True, None, UsdE18(nav), UsdE18(loss))


def test_the_third_revert_opens_it_and_names_the_last() -> None:
    later = replace(REVERTED, mined_at=Timestamp(f.NOW + 5), revert_reason="Slippage: 3 of 4")
    assert breaker.trips([REVERTED, REVERTED], POLICY) is None
    assert breaker.trips([REVERTED, later, REVERTED], POLICY) == (
        "3 transactions reverted within 24 h, the last with Slippage: 3 of 4"
    )


def test_a_deadline_that_passed_is_no_revert() -> None:
    expired = replace(REVERTED, revert_reason="Expired: deadline 1, now 2")
    assert breaker.trips([expired] * 9, POLICY) is None
    assert breaker.trips([expired, REVERTED, REVERTED, REVERTED], POLICY) is not None


def test_a_revert_without_a_reason_counts() -> None:
    assert "no reason" in (breaker.trips([replace(REVERTED, revert_reason=None)] * 3, POLICY) or "")


def test_losses_add_up_each_as_a_part_of_its_own_nav() -> None:
    assert breaker.trips([traded(2_500), traded(2_500)], POLICY) is None
    assert breaker.trips([traded(2_500), traded(2_501)], POLICY) == (
        "50.01 bps of NAV were lost to execution within 24 h, more than 50 bps"
    )
    assert breaker.trips([traded(2_500), traded(250, nav=100_000)], POLICY) is None
    assert breaker.trips([traded(2_500), traded(251, nav=100_000)], POLICY) is not None


def test_a_day_of_chain_time_is_looked_at() -> None:
    assert breaker.counted_from(f.NOW) == f.NOW - 86_400
    assert breaker.counted_from(Timestamp(5)) == 0
