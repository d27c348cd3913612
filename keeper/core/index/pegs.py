"""What recent prices say: whether a coin is held at 1 USD, and whether its price has stopped."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

_AROUND: Final = Fraction(1, 10)
"""How far from 1 USD the middle price of what is called a stablecoin may be: one that earns interest drifts up."""
_BESIDE: Final = Fraction(2, 100)
_LONG: Final = 30
"""Daily prices within `_BESIDE` after which a coin is held at 1 USD, whatever it is called. Of 32 coins that float
none stayed there for longer than eleven days in eight years of daily prices."""
_STILL: Final = 3
"""The same daily price so many times in a row is no market: ten digits do not repeat."""


def middle(recent: Sequence[Decimal]) -> Fraction | None:
    """The median, exact; None when there are no prices."""
    if not recent:
        return None
    ordered = sorted(map(Fraction, recent))
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


def around_one(price: Fraction) -> bool:
    """Whether such a middle price of what is called a stablecoin agrees with its name. Equality does."""
    return abs(price - 1) <= _AROUND


def held_at_one(recent: Sequence[Decimal]) -> bool:
    """Whether the newest prices, enough of them, all stand beside 1 USD."""
    newest = recent[-_LONG:]
    return len(newest) == _LONG and all(abs(Fraction(price) - 1) <= _BESIDE for price in newest)


def stands_still(recent: Sequence[Decimal]) -> bool:
    newest = recent[-_STILL:]
    return len(newest) == _STILL and len(set(newest)) == 1
