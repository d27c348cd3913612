"""Uniswap V3's arithmetic to the unit: FullMath, SqrtPriceMath and SwapMath for an exact input.

Source: v3-core. Square-root prices have 96 binary places, liquidity is an integer, fees are pips. What rounds against
the trader there does so here; what would overflow there raises OverflowError.
"""

from dataclasses import dataclass
from typing import Final

from keeper.core.amm.v3 import Q96
from keeper.core.units import PIPS

UINT128: Final = 1 << 128
UINT160: Final = 1 << 160
UINT256: Final = 1 << 256


def div_up(a: int, b: int) -> int:
    """`UnsafeMath.divRoundingUp`, `FullMath.mulDivRoundingUp` of a product."""
    return -(-a // b)


def amount0_between(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """`getAmount0Delta`: base units of token0 that a move between two square-root prices takes or gives."""
    low, high = sorted((low, high))
    scaled = (liquidity << 96) * (high - low)
    return div_up(div_up(scaled, high), low) if up else scaled // high // low


def amount1_between(low: int, high: int, liquidity: int, *, up: bool) -> int:
    """`getAmount1Delta`: base units of token1."""
    moved = liquidity * abs(high - low)
    return div_up(moved, Q96) if up else moved // Q96


def price_after_token0(price: int, liquidity: int, amount: int) -> int:
    """`getNextSqrtPriceFromAmount0RoundingUp`, adding: the square-root price after `amount` of token0 went in.

    The contract's two ways are one: the second is taken where the first would overflow, and rounds differently.
    """
    if amount == 0:
        return price
    scaled, product = liquidity << 96, amount * price
    if product < UINT256 and scaled + product < UINT256:
        return div_up(scaled * price, scaled + product)
    return div_up(scaled, scaled // price + amount)


def price_after_token1(price: int, liquidity: int, amount: int) -> int:
    """`getNextSqrtPriceFromAmount1RoundingDown`, adding. Raises OverflowError beyond 160 bits."""
    after = price + (amount << 96) // liquidity
    if after >= UINT160:
        raise OverflowError("the square-root price has more than 160 bits")
    return after


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a swap. `price` is the square-root price after it; `amount_in` is without the `fee`."""

    price: int
    amount_in: int
    amount_out: int
    fee: int


def swap_step(price: int, target: int, liquidity: int, amount: int, fee_pips: int) -> Step:
    """`SwapMath.computeSwapStep` for an exact input: as far as `amount`, the fee included, goes; to `target`."""
    down = price >= target
    spendable = amount * (PIPS - fee_pips) // PIPS
    whole = _amount_in(price, target, liquidity, down=down)
    if spendable >= whole:
        after, amount_in = target, whole
    else:
        # never without liquidity: then nothing is needed to reach the target
        after = (price_after_token0 if down else price_after_token1)(price, liquidity, spendable)
        amount_in = whole if after == target else _amount_in(price, after, liquidity, down=down)
    given = amount1_between if down else amount0_between
    amount_out = given(after, price, liquidity, up=False)
    fee = amount - amount_in if after != target else div_up(amount_in * fee_pips, PIPS - fee_pips)
    return Step(after, amount_in, amount_out, fee)


def _amount_in(price: int, after: int, liquidity: int, *, down: bool) -> int:
    taken = amount0_between if down else amount1_between
    return taken(price, after, liquidity, up=True)
