"""The treasury's arithmetic by hand: what a batch does, where it rounds, and what a bucket holds when."""

import pytest

from keeper.core.model import Treasury
from keeper.core.spending import Budget, foresee, loss_budget, share, tracking_error, turnover_budget
from keeper.core.units import E18, BaseUnits, Px
from tests import factories as f

pytestmark = pytest.mark.unit

PRICES = [Px(E18), Px(E18), None]
"""A dollar for 10^18 units; the third is retired."""


def holding(first: int, second: int, retired: int = 5) -> Treasury:
    """Half of each wanted."""
    assets = [
        f.asset(0, "A", price=1, balance=first, target=5_000),
        f.asset(1, "B", price=1, balance=second, target=5_000),
        f.asset(2, "OLD", price=None, balance=retired, target=0, retired=True, buyable=False),
    ]
    return f.treasury(assets, [], limits=f.strict_limits(), budgets=f.Budgets(10**14, 10**17, 0))


def test_what_a_swap_does() -> None:
    """100 of A sold for 99 of B: 1 lost; the fund of 1,000 was 200 off on either side, it is 100.5 of 999."""
    effect = foresee(holding(700, 300), PRICES, [(0, 1, 100 * E18, 99 * E18)])
    assert (effect.nav_before, effect.nav_after) == (f.usd(1_000), f.usd(999))
    assert (effect.turnover, effect.loss) == (f.usd(100), f.usd(1))
    assert (effect.te_before, effect.te_after) == (f.usd(200), f.usd("100.5"))
    assert effect.progress == f.usd("99.5")
    assert (effect.loss_share, effect.turnover_share) == (10**15, 10**17)


def test_a_swap_spends_no_more_than_is_held() -> None:
    effect = foresee(holding(70, 30), PRICES, [(0, 1, 100 * E18, 69 * E18)])
    assert (effect.turnover, effect.loss) == (f.usd(70), f.usd(1))


def test_what_an_earlier_swap_brings_a_later_one_may_spend() -> None:
    effect = foresee(holding(100, 0), PRICES, [(0, 1, 60 * E18, 60 * E18), (1, 0, 99 * E18, 10 * E18)])
    assert effect.turnover == f.usd(120)


def test_gains_of_one_swap_do_not_pay_for_losses_of_another() -> None:
    effect = foresee(holding(700, 300), PRICES, [(0, 1, 10 * E18, 12 * E18), (0, 1, 10 * E18, 9 * E18)])
    assert effect.loss == f.usd(1)
    assert effect.nav_after - effect.nav_before == f.usd(1)


def test_a_retired_asset_counts_nothing() -> None:
    balances = [BaseUnits(700 * E18), BaseUnits(300 * E18), BaseUnits(10**30)]
    assert tracking_error(holding(0, 0), PRICES, balances) == (f.usd(200), f.usd(1_000))


def test_of_nothing_nothing_is_spent() -> None:
    effect = foresee(holding(0, 0), PRICES, [])
    assert (effect.loss_share, effect.turnover_share, effect.progress) == (0, 0, 0)


@pytest.mark.parametrize(("part", "whole", "expected"), [(1, 3, 333333333333333334), (1, 10**30, 1), (5, 5, E18)])
def test_a_share_is_rounded_up(part: int, whole: int, expected: int) -> None:
    assert share(part, whole) == expected


def test_the_buckets_of_a_treasury() -> None:
    assert loss_budget(holding(1, 1)) == Budget(10**14, 5 * 10**14, 86_400)
    assert turnover_budget(holding(1, 1)) == Budget(10**17, 25 * 10**16, 86_400)
    assert loss_budget(holding(1, 1)).seconds_until(3 * 10**14) == 34_560, "2 of 5 in 86,400 s"
