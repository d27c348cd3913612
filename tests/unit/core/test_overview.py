"""A treasury as its holders see it: the treasury's own integers, and what is missing named with its reason."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from keeper.core.model import Budgets, Market, SequencerAnswer
from keeper.core.overview import Overview, Surroundings, overview
from keeper.core.units import ZERO_ADDRESS, Address, BaseUnits, Bps, Timestamp
from tests.factories import NOW, answer, asset, hold, market, strict_limits, treasury, usd

pytestmark = pytest.mark.unit

AROUND = Surroundings("Index", "IDX", ZERO_ADDRESS)
FEED = Address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")


def seen(of: Market | None = None, around: Surroundings = AROUND, **changes: Any) -> Overview:
    found = of or market()
    return overview(replace(found.treasury, **changes), found.block, around)


def test_on_target() -> None:
    it = seen()
    assert it.nav == it.priced == usd(1_000_000)
    assert it.share_price == usd(1)
    assert it.tracking_error == 0
    assert [position.value for position in it.positions] == [usd(400_000), usd(400_000), usd(200_000)]
    assert [position.weight_bps for position in it.positions] == [4_000, 4_000, 2_000]
    assert [position.drift_bps for position in it.positions] == [0, 0, 0]
    assert [position.component for position in it.positions] == [2 * 10**14, 1_000, 200_000]
    assert [position.age for position in it.positions] == [30, 30, 30]
    assert it.missing == ()


def test_off_target() -> None:
    it = seen(hold(market(), WETH=250, USDC=100_000))
    assert it.nav == usd(1_000_000)
    assert [position.drift_bps for position in it.positions] == [1_000, 0, -1_000]
    assert it.tracking_error == usd(100_000)
    assert it.tracking_error_bps == 1_000


def test_the_treasurys_own_roundings() -> None:
    one = asset(0, "ONE", price="0.00000001", balance=None, target=3_333)
    other = asset(1, "TWO", price="0.00000001", balance=None, target=6_667)
    held = [replace(one, balance=BaseUnits(99_999_999)), replace(other, balance=BaseUnits(200_000_001))]
    it = overview(treasury(held, [], total_supply=7), market().block, AROUND)
    # values 0 and 2 (floored each), targets floor(2 * 0.3333) = 0 and floor(2 * 0.6667) = 1
    assert [position.value for position in it.positions] == [0, 2]
    assert (it.nav, it.tracking_error) == (2, 0)
    assert it.share_price == 2 * 10**18 // 7
    assert it.positions[0].component == 99_999_999 * 10**18 // 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": None}, "the feed did not answer"),
        ({"answer": answer(0)}, "the feed answered 0"),
        ({"answer": answer(2_000, NOW - 4_001)}, "the answer is 4001 s old, at most 4000 s"),
        ({"answer": answer(2_000, NOW + 1)}, "the answer is 1 s from the future"),
        ({"min_answer": 2_001 * 10**8}, "200000000000 is below the treasury's bound 200100000000"),
        ({"balance": None}, "the token does not say what is held"),
    ],
)
def test_a_value_that_is_missing_takes_the_nav_with_it_and_nothing_else(change: dict[str, Any], reason: str) -> None:
    found = market()
    weth, *others = found.treasury.assets
    it = seen(found, assets=(replace(weth, **change), *others))
    assert (it.nav, it.share_price, it.tracking_error, it.tracking_error_bps) == (None, None, None, None)
    assert it.priced == usd(600_000)
    assert [position.value for position in it.positions] == [None, usd(400_000), usd(200_000)]
    assert [position.weight_bps for position in it.positions] == [None, None, None]
    assert it.positions[0].fault == reason
    assert it.positions[1].component == 1_000
    assert it.missing == (
        f"value of WETH: {reason}",
        "NAV, weights and tracking error: not every asset has a value (WETH)",
    )


def test_two_faults_of_one_asset() -> None:
    found = market()
    weth, *others = found.treasury.assets
    it = seen(found, assets=(replace(weth, answer=None, balance=None), *others))
    assert it.positions[0].fault == "the feed did not answer; the token does not say what is held"


def test_an_asset_without_a_balance_stops_the_nav_as_it_stops_the_treasury() -> None:
    """`_holdings` asks every feed, whatever is held."""
    found = market()
    weth, *others = found.treasury.assets
    assert seen(found, assets=(replace(weth, balance=BaseUnits(0), answer=None), *others)).nav is None


def test_a_retired_asset_is_no_part_of_the_worth_and_needs_no_price() -> None:
    found = market()
    dead = asset(3, "OLD", price=None, balance=7, target=0, retired=True, buyable=False)
    it = seen(found, assets=(*found.treasury.assets, dead))
    assert it.nav == usd(1_000_000)
    assert it.positions[3].value is None
    assert it.positions[3].weight_bps is None
    assert it.positions[3].component == 7 * 10**12
    assert it.missing == ()


def test_before_the_seed() -> None:
    found = hold(market(), WETH=0, WBTC=0, USDC=0)
    it = seen(found, total_supply=0)
    assert (it.nav, it.share_price, it.tracking_error, it.tracking_error_bps) == (0, None, 0, 0)
    assert [position.weight_bps for position in it.positions] == [0, 0, 0]
    assert [position.component for position in it.positions] == [None, None, None]
    assert it.missing == ("share price and component units: the fund is not seeded",)


@pytest.mark.parametrize(
    ("said", "since", "reason"),
    [
        (0, NOW - 3_600, ""),
        (0, NOW - 3_599, "the sequencer is back for 59m 59s, prices count after 1h"),
        (1, NOW - 99_999, "the sequencer is down since 2023-11-13T18:26:41Z"),
        (0, 0, "the sequencer's uptime feed has no round yet"),
        (None, None, "the sequencer's uptime feed did not answer"),
    ],
)
def test_the_sequencer(said: int | None, since: int | None, reason: str) -> None:
    state = SequencerAnswer(FEED, said, None if since is None else Timestamp(since))
    it = seen(around=replace(AROUND, sequencer=state))
    assert (it.nav is None) == bool(reason)
    assert it.missing == ((f"NAV, weights and tracking error: {reason}",) if reason else ())
    assert it.priced == usd(1_000_000)


def test_budgets() -> None:
    rules = strict_limits(shift_cap=Bps(0))
    it = seen(limits=rules, budgets=Budgets(loss=10**14, turnover=25 * 10**16, shift=0))
    loss, turnover, shift = it.budgets
    assert (loss.left_bps, loss.cap, loss.full_in) == (Decimal(1), 5, 69_120)
    assert (turnover.left_bps, turnover.full_in) == (Decimal(2_500), 0)
    assert (shift.left_bps, shift.full_in) == (Decimal(0), None)


def test_a_bucket_is_full_in_the_second_that_it_says() -> None:
    rules = strict_limits()
    (loss, _, _) = seen(limits=rules, budgets=Budgets(loss=5 * 10**14 - 1, turnover=0, shift=0)).budgets
    assert loss.full_in == 1


def test_what_could_not_be_asked_is_told_too() -> None:
    assert seen(around=replace(AROUND, missing=("keepers: no logs",))).missing == ("keepers: no logs",)
