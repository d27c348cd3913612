"""A swap through a Uniswap V3 pool, tick by tick, to the unit.

Source: v3-core `UniswapV3Pool.swap` and `TickBitmap`. The pool stops at every initialised tick and at the edge of every
word of its bitmap (256 spacings), whether or not a tick is there. Each stop rounds: without one the quote is wrong.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from keeper.core.amm.v3 import Q96
from keeper.core.amm.v3_math import UINT128, swap_step
from keeper.core.amm.v3_ticks import MAX_TICK, MIN_TICK, sqrt_price_at

MIN_SQRT_PRICE: Final = 4_295_128_739
MAX_SQRT_PRICE: Final = 1_461_446_703_485_210_103_287_273_052_203_988_822_378_723_970_342
_WORD: Final = 256
_LOG: Final = math.log(1.0001) / 2

_price_of_tick = lru_cache(maxsize=1 << 14)(sqrt_price_at)


class NotFilled(Exception):
    """The pool would not take all of the input, or nobody knows whether it would: such a swap is never planned."""


@dataclass(frozen=True)
class Pool:
    """A pool's state. `net` is the liquidity that each initialised tick adds when it is crossed upwards; all of them
    between `known` are there, whose default is the whole range."""

    sqrt_price: int
    tick: int
    liquidity: int
    fee_pips: int
    spacing: int
    net: Mapping[int, int]
    known: tuple[int, int] = (MIN_TICK, MAX_TICK)

    @cached_property
    def _ticks(self) -> list[int]:
        return sorted(self.net)


@dataclass(frozen=True, slots=True)
class Filled:
    """What a swap did. `fee` is in the input's token and part of the input; `crossed` counts initialised ticks."""

    amount_out: int
    fee: int
    after: Pool
    crossed: int


def swap(pool: Pool, amount_in: int, zero_for_one: bool) -> Filled:
    """An exact input. Raises NotFilled, ValueError for no input, OverflowError where the pool would revert for it."""
    if amount_in <= 0:
        raise ValueError(f"an input of {amount_in} buys nothing")
    price, tick, liquidity = pool.sqrt_price, pool.tick, pool.liquidity
    limit = MIN_SQRT_PRICE + 1 if zero_for_one else MAX_SQRT_PRICE - 1
    left, out, fees, crossed = amount_in, 0, 0, 0
    while left and price != limit:
        stop, initialised = _next_stop(pool, tick, zero_for_one)
        at_stop = _price_of_tick(stop)
        target = max(at_stop, limit) if zero_for_one else min(at_stop, limit)
        step = swap_step(price, target, liquidity, left, pool.fee_pips)
        left -= step.amount_in + step.fee
        out, fees = out + step.amount_out, fees + step.fee
        if step.price == at_stop:
            if initialised:
                liquidity += -pool.net[stop] if zero_for_one else pool.net[stop]
                crossed += 1
                if not 0 <= liquidity < UINT128:
                    raise OverflowError(f"{liquidity} of liquidity beyond tick {stop}")
            tick = stop - 1 if zero_for_one else stop
        elif step.price != price:
            tick = tick_at(step.price)
        price = step.price
    if left:
        raise NotFilled(f"the pool takes {amount_in - left} of {amount_in}")
    after = Pool(price, tick, liquidity, pool.fee_pips, pool.spacing, pool.net, pool.known)
    return Filled(out, fees, after, crossed)


def tick_at(sqrt_price: int) -> int:
    """`getTickAtSqrtRatio`: the greatest tick whose price is not above. Raises ValueError beyond the range."""
    if not MIN_SQRT_PRICE <= sqrt_price < MAX_SQRT_PRICE:
        raise ValueError(f"a square-root price of {sqrt_price} is beyond the range")
    # the logarithm is right to some 1e-9 of a tick: one step to either side decides exactly
    guess = math.floor(math.log(sqrt_price / Q96) / _LOG)
    guess = min(max(guess, MIN_TICK), MAX_TICK - 1)
    while _price_of_tick(guess) > sqrt_price:
        guess -= 1
    while guess < MAX_TICK and _price_of_tick(guess + 1) <= sqrt_price:
        guess += 1
    return guess


def _next_stop(pool: Pool, tick: int, zero_for_one: bool) -> tuple[int, bool]:
    """`nextInitializedTickWithinOneWord`, cut to the range of ticks. Raises NotFilled where ticks are not known."""
    ticks, spacing = pool._ticks, pool.spacing
    compressed = tick // spacing
    if zero_for_one:
        edge = compressed // _WORD * _WORD * spacing
        place = bisect_right(ticks, compressed * spacing) - 1
        stop, initialised = (ticks[place], True) if place >= 0 and ticks[place] >= edge else (edge, False)
    else:
        edge = ((compressed + 1) // _WORD * _WORD + _WORD - 1) * spacing
        place = bisect_left(ticks, (compressed + 1) * spacing)
        stop, initialised = (ticks[place], True) if place < len(ticks) and ticks[place] <= edge else (edge, False)
    low, high = pool.known
    if not low <= stop <= high and (low > MIN_TICK if zero_for_one else high < MAX_TICK):
        raise NotFilled(f"the ticks of the pool are known from {low} to {high} only")
    return min(max(stop, MIN_TICK), MAX_TICK), initialised
