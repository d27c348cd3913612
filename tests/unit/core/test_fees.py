"""EIP-1559 fees: twice the base fee plus the tip, never above the cap, refused when even now is too dear."""

import pytest

from keeper.core import fees
from keeper.core.units import E18, UsdE18, Wei

pytestmark = pytest.mark.unit

GWEI = 10**9


@pytest.mark.parametrize(
    ("base", "tip", "cap", "offered"),
    [(20, 2, 100, 42), (60, 2, 100, 100), (98, 2, 100, 100), (0, 0, 100, 0)],
)
def test_what_is_offered(base: int, tip: int, cap: int, offered: int) -> None:
    quote = fees.quote(Wei(base * GWEI), Wei(tip * GWEI), Wei(cap * GWEI))
    assert quote == fees.FeeQuote(Wei(offered * GWEI), Wei(tip * GWEI))
    assert quote.max_tip <= quote.max_fee


def test_gas_that_is_too_dear_is_refused_with_both_figures() -> None:
    assert fees.quote(Wei(99), Wei(2), Wei(100)) == fees.FeeTooHigh(Wei(101), Wei(100))


def test_gas_limit_leaves_room_for_what_the_rehearsal_did_not_write() -> None:
    assert fees.gas_limit(400_000, 2) == 480_000 + 88_400
    assert fees.gas_limit(14_000_000, 8) == 2**24


def test_cost_counts_layer_one() -> None:
    assert fees.gas_cost(21_000, Wei(10)) == 210_000
    assert fees.gas_cost(21_000, Wei(10), Wei(5)) == 210_005


def test_cost_in_dollars_is_exact() -> None:
    cost = fees.gas_cost(300_000, Wei(20 * GWEI))
    assert fees.gas_usd(cost, UsdE18(3_000 * E18)) == 18 * E18
    assert fees.gas_usd(cost, None) is None
