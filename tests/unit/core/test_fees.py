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


# --------------------------------------------------------------------------------------------------- raising

MARKET = fees.GasMarket(Wei(20 * GWEI), Wei(2 * GWEI))


def offer(fee: int, tip: int) -> fees.FeeQuote:
    return fees.FeeQuote(Wei(fee), Wei(tip))


@pytest.mark.parametrize(
    ("old", "bump", "new"),
    [
        ((42 * GWEI, 2 * GWEI), fees.BUMP_BPS, (46_200_000_000, 2_200_000_000)),
        ((42 * GWEI, 2 * GWEI), fees.NODE_BUMP_BPS, (47_460_000_000, 2_260_000_000)),
        ((42 * GWEI + 1, 2 * GWEI + 1), fees.BUMP_BPS, (46_200_000_002, 2_200_000_002)),
        ((10 * GWEI, 3 * GWEI), fees.BUMP_BPS, (42 * GWEI, 3_300_000_000)),
        ((42 * GWEI, 0), fees.BUMP_BPS, (46_200_000_000, 2 * GWEI)),
    ],
)
def test_both_are_raised_at_least_by_the_bump_and_to_the_market(
    old: tuple[int, int], bump: int, new: tuple[int, int]
) -> None:
    assert fees.raised(offer(*old), MARKET, Wei(100 * GWEI), bump) == offer(*new)


def test_a_tip_of_nothing_is_raised_where_the_market_has_none() -> None:
    still = fees.GasMarket(Wei(10), Wei(0))
    assert fees.raised(offer(20, 0), still, Wei(1_000)) == offer(22, 1)


@pytest.mark.parametrize(
    ("limit", "expected"), [(46_200_000_000, offer(46_200_000_000, 2_200_000_000)), (46_199_999_999, None)]
)
def test_never_above_the_limit(limit: int, expected: fees.FeeQuote | None) -> None:
    assert fees.raised(offer(42 * GWEI, 2 * GWEI), MARKET, Wei(limit)) == expected


def test_where_the_market_is_above_the_limit_the_limit_is_offered() -> None:
    dear = fees.GasMarket(Wei(300 * GWEI), Wei(2 * GWEI))
    assert fees.raised(offer(42 * GWEI, 2 * GWEI), dear, Wei(100 * GWEI)) == offer(100 * GWEI, 2_200_000_000)
    assert fees.raised(offer(95 * GWEI, 2 * GWEI), dear, Wei(100 * GWEI)) is None


def test_what_must_outbid_is_bound_by_the_limit_alone() -> None:
    """A trade was raised in a dear market, the market fell, and now its nonce has to be taken."""
    old, cheap = offer(200 * GWEI, 20 * GWEI), fees.GasMarket(Wei(GWEI), Wei(GWEI))
    assert fees.raised(old, cheap, Wei(300 * GWEI), fees.NODE_BUMP_BPS) is None
    higher = offer(226 * GWEI, 22_600_000_000)
    assert fees.raised(old, cheap, Wei(300 * GWEI), fees.NODE_BUMP_BPS, must_outbid=True) == higher
    assert fees.raised(old, cheap, Wei(225 * GWEI), fees.NODE_BUMP_BPS, must_outbid=True) is None


def test_never_above_five_times_the_suggestion() -> None:
    highest = 5 * 42 * GWEI
    assert fees.raised(offer(highest * 10 // 11, GWEI), MARKET, Wei(10**18)) is not None
    assert fees.raised(offer(highest * 10 // 11 + 2, GWEI), MARKET, Wei(10**18)) is None


@pytest.mark.parametrize("max_fee", [1, 99, 100, 113, 10**11, 10**15])
def test_a_cancellation_can_outbid_a_trade_at_its_limit(max_fee: int) -> None:
    limit = fees.trade_limit(Wei(max_fee))
    assert limit * 11_300 <= max_fee * 10_000 < (limit + 1) * 11_300
    dear = fees.GasMarket(Wei(10**18), Wei(0))
    assert limit == 0 or -(-limit * 11_300 // 10_000) <= max_fee
    assert fees.raised(offer(limit, limit), dear, Wei(10**20), fees.NODE_BUMP_BPS) is not None
