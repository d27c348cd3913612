"""Uniswap V2, to the unit: outputs, inputs, impact, and the sizes that meet a goal, for any fee.

`x` is an input and `y` an output in base units, `ri` and `ro` the reserves of the input's and the output's side,
`fee` in pips (3000 is 0.3 %). Source: `UniswapV2Library.getAmountOut`, with `1e6 - fee` for its 997 of 1000, as in the
treasury's `Swapping.v2AmountOut`.
"""

from fractions import Fraction
from math import isqrt

from keeper.core.units import E18, PIPS


def amount_out(x: int, ri: int, ro: int, fee: int) -> int:
    """What the pool pays for `x`. Zero when the pool is empty."""
    after_fee = x * (PIPS - fee)
    return after_fee * ro // (ri * PIPS + after_fee) if ri > 0 else 0


def amount_in(y: int, ri: int, ro: int, fee: int) -> int:
    """What the pool asks for `y`: as `getAmountIn`, at most one unit above the least input. Raises when `y >= ro`."""
    if y >= ro:
        raise ValueError(f"the pool holds {ro}, {y} cannot be bought")
    return ri * y * PIPS // ((ro - y) * (PIPS - fee)) + 1 if y > 0 else 0


def impact(x: int, ri: int, fee: int) -> Fraction:
    """How far the execution price is below the pool's price before the swap, the fee left out."""
    after_fee = x * (PIPS - fee)
    return Fraction(after_fee, ri * PIPS + after_fee)


def largest_input_for_impact(limit: Fraction, ri: int, fee: int) -> int:
    """The largest input whose `impact` does not exceed `limit` (below 1): `I*R / (gamma*(1-I))`, rounded down."""
    return limit.numerator * ri * PIPS // ((limit.denominator - limit.numerator) * (PIPS - fee))


def largest_input_without_sandwich(ri: int, fee: int, moved: Fraction) -> int:
    """The largest input around which nobody gains by moving the pool before it and back after it, rounded down.

    An input of the fee's part of the reserve before the move, `f * R`: it moves the price by `(1+f)(1+gf)`, `g = 1-f`,
    which stays below the `1/g^2` that moving there and back costs. `moved` is how much of the pool's price may be
    somebody's move: a price worse by `moved` means a reserve that was larger by `1/sqrt(1-moved)` at most, which is no
    more than `1/(1-moved)`.
    """
    return max(0, ri * fee * (moved.denominator - moved.numerator) // (PIPS * moved.denominator))


def largest_input_for_loss(limit: Fraction, ri: int, ro: int, fee: int) -> int:
    """The largest input whose whole cost, fee and impact, against the pool's own price stays within `limit`.

    `gamma*ri / (ri + gamma*x) >= 1 - I`, hence `x = R*(1/(1-I) - 1/gamma)`. Zero when the fee alone is beyond it.
    """
    return largest_input_at_price(Fraction(ro, ri) * (1 - limit), ri, ro, fee) if ri > 0 else 0


def largest_input_at_price(price: Fraction, ri: int, ro: int, fee: int) -> int:
    """The largest input that is paid at least `price` (output per input, base units) in the mean; zero when none is."""
    gamma = PIPS - fee
    # gamma*ro / (ri*PIPS + gamma*x) >= n/d, rounding of the output to whole units left aside
    room = gamma * ro * price.denominator - ri * PIPS * price.numerator
    return room // (gamma * price.numerator) if room > 0 else 0


def input_to_target(a: int, b: int, ra: int, rb: int, fee: int, price: Fraction, weight: Fraction) -> int:
    """How much of A to sell for B so that A ends at `weight` of both, after the swap's own impact and fee.

    `a`, `b` are held, `ra`, `rb` the reserves, `price` is A's in B (base units). The positive root of the closed form
    of the methodology, section 4, rounded down; zero when A is not over its weight.
    """
    k = (1 - weight) * price / weight
    gamma = Fraction(PIPS - fee, PIPS)
    excess = k * a - b
    if excess <= 0:
        return 0
    linear = k * ra + gamma * rb - gamma * excess
    square = linear**2 + 4 * k * gamma * excess * ra
    # sqrt(n/d) = sqrt(n*d)/d; the scale keeps 18 digits below the unit
    root = Fraction(isqrt(square.numerator * square.denominator * E18**2), square.denominator * E18)
    return int((root - linear) / (2 * k * gamma))
