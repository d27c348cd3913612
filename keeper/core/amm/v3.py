"""Uniswap V3: what the state of a pool says about price and depth. Swaps through it are not computed here.

Source: v3-core, `sqrtPriceX96 = sqrt(token1 / token0) * 2^96`, base units.
"""

from fractions import Fraction
from typing import Final

Q96: Final = 1 << 96
Q192: Final = 1 << 192


def spot(sqrt_price_x96: int) -> Fraction:
    """Token1 per token0, base units."""
    return Fraction(sqrt_price_x96**2, Q192)


def virtual_reserves(sqrt_price_x96: int, liquidity: int) -> tuple[int, int]:
    """Reserves (token0, token1) of the V2 pool that would answer the same at this price."""
    return liquidity * Q96 // sqrt_price_x96, liquidity * sqrt_price_x96 // Q96
