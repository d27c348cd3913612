"""Uniswap V2 arithmetic against published vectors and the worked numbers of the methodology, section 4."""

from decimal import Decimal
from fractions import Fraction

import pytest

from keeper.core.amm import v2, v3

pytestmark = pytest.mark.unit

ETH, USDC = 10**18, 10**6


@pytest.mark.parametrize(
    ("x", "ri", "ro", "out"),
    [
        # Uniswap/v2-core test/UniswapV2Pair.spec.ts
        (10**18, 5 * 10**18, 10 * 10**18, 1662497915624478906),
        (10**18, 10 * 10**18, 5 * 10**18, 453305446940074565),
        # WBTC/WETH, real mainnet reserves
        (8_000_000_000, 16_027_096_956, 2_602_647_332_090_181_827_846, 864_834_865_217_768_537_471),
    ],
)
def test_amount_out_is_the_contracts_to_the_unit(x: int, ri: int, ro: int, out: int) -> None:
    assert v2.amount_out(x, ri, ro, 3_000) == out


def test_amount_in_is_the_contracts_to_the_unit() -> None:
    assert v2.amount_in(1200 * 10**18, 16_027_096_956, 2_602_647_332_090_181_827_846, 3_000) == 13_752_842_264


@pytest.mark.parametrize("fee", [0, 100, 500, 2_500, 3_000, 10_000])
def test_fee_in_pips_takes_its_part_of_the_input(fee: int) -> None:
    x, ri, ro = 10**21, 5 * 10**24, 7 * 10**23
    kept = x * (1_000_000 - fee) // 1_000_000
    assert v2.amount_out(x, ri, ro, fee) == kept * ro // (ri + kept)


def test_an_empty_pool_pays_nothing() -> None:
    assert v2.amount_out(10**18, 0, 0, 3_000) == 0


def test_more_than_the_pool_holds_cannot_be_bought() -> None:
    with pytest.raises(ValueError, match="the pool holds 100, 100 cannot be bought"):
        v2.amount_in(100, 1_000, 100, 3_000)


def test_nothing_costs_nothing() -> None:
    assert v2.amount_in(0, 1_000, 100, 3_000) == 0


def test_impact_is_execution_against_pool_price_without_the_fee() -> None:
    x, ri, ro, fee = 50 * ETH, 5_000 * ETH, 15_000_000 * USDC, 3_000
    execution = Fraction(v2.amount_out(x, ri, ro, fee), x) / Fraction(997, 1000)
    assert float(v2.impact(x, ri, fee)) == pytest.approx(float(1 - execution / Fraction(ro, ri)), abs=1e-10)


def test_largest_input_for_one_percent_impact() -> None:
    largest = v2.largest_input_for_impact(Fraction(1, 100), 5_000 * ETH, 3_000)
    assert round(Decimal(largest) / ETH, 6) == Decimal("50.657022")
    assert v2.impact(largest, 5_000 * ETH, 3_000) <= Fraction(1, 100) < v2.impact(largest + 1, 5_000 * ETH, 3_000)


def test_largest_input_for_one_percent_loss_fee_included() -> None:
    largest = v2.largest_input_for_loss(Fraction(1, 100), 5_000 * ETH, 15_000_000 * USDC, 3_000)
    assert round(Decimal(largest) / ETH, 6) == Decimal("35.459915")


def test_no_input_stays_within_a_loss_below_the_fee() -> None:
    assert v2.largest_input_for_loss(Fraction(2, 1000), 5_000 * ETH, 15_000_000 * USDC, 3_000) == 0


@pytest.mark.parametrize(("fee", "amount", "out"), [(3_000, Decimal("33.494350051"), Decimal("99516.949846"))])
def test_size_that_lands_on_target(fee: int, amount: Decimal, out: Decimal) -> None:
    x = v2.input_to_target(
        100 * ETH,
        100_000 * USDC,
        5_000 * ETH,
        15_000_000 * USDC,
        fee,
        price=Fraction(3_000 * USDC, ETH),
        weight=Fraction(1, 2),
    )
    assert round(Decimal(x) / ETH, 9) == amount
    got = v2.amount_out(x, 5_000 * ETH, 15_000_000 * USDC, fee)
    assert round(Decimal(got) / USDC, 6) == pytest.approx(out, abs=Decimal("0.000001"))
    left, bought = Fraction(100 * ETH - x, ETH) * 3_000, Fraction(100_000 * USDC + got, USDC)
    assert float(left / (left + bought)) == pytest.approx(0.5, abs=1e-11)


def test_what_is_not_over_its_weight_is_not_sold() -> None:
    price, half = Fraction(3_000 * USDC, ETH), Fraction(1, 2)
    held_less = v2.input_to_target(33 * ETH, 100_000 * USDC, 5_000 * ETH, 15_000_000 * USDC, 3_000, price, half)
    assert held_less == 0


def test_v3_spot_is_the_square_of_its_root() -> None:
    # 1 token0 = 4 token1, base units
    root = 2 * v3.Q96
    assert v3.spot(root) == 4
    assert v3.virtual_reserves(root, 10**18) == (5 * 10**17, 2 * 10**18)
