"""Prices that jump: what is far from a price of the last hour is believed when it is seen a second time.

Chain time throughout: a replay of daily prices has no hour to compare with, and holds nothing.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from keeper.core.past import PriceHour, SeenPrices, Sighting
from keeper.core.units import Address, Px, Timestamp

HOUR: Final = 3_600
"""Seconds; a price that is exactly so old does not count any more."""
CONFIRM_SECONDS: Final = 60
"""Between the first sighting of a jump and the one that confirms it. Another block, and not the next one."""
REMEMBERED: Final = 2 * HOUR
"""Seconds of the past that `hour_of` needs: a sighting of the last hour is one by what the hour before it saw."""


def hour_of(seen: Sequence[SeenPrices], token: Address, now: Timestamp, limit: Fraction) -> PriceHour | None:
    """Of one fund's cycles, oldest first; None when none of the last hour had a price. `limit` is MAX_PRICE_JUMP."""
    prices = [Sighting(each.at, each.px[token]) for each in seen if token in each.px and each.at < now]
    recent = [each for each in prices if now - each.at < HOUR]
    if not recent:
        return None
    low, high = min(recent, key=lambda each: each.px), max(recent, key=lambda each: each.px)
    of_both = [each.px for each in prices]
    if not far(max(of_both), min(of_both), limit):  # nearly always
        return PriceHour(low, high)
    return PriceHour(low, high, tuple(each for each in recent if _jumped(each, prices, limit)))


def _jumped(sighting: Sighting, prices: Sequence[Sighting], limit: Fraction) -> bool:
    return any(0 < sighting.at - each.at < HOUR and far(sighting.px, each.px, limit) for each in prices)


def far(px: Px, from_px: Px, limit: Fraction) -> bool:
    return abs(px - from_px) * limit.denominator > from_px * limit.numerator


def furthest(px: Px, hour: PriceHour) -> Sighting:
    """Of the last hour's prices the one that this one is furthest from, as a part of it."""
    return max((hour.low, hour.high), key=lambda each: Fraction(abs(px - each.px), each.px))


def confirmed(px: Px, hour: PriceHour, now: Timestamp, deviation: Fraction) -> bool:
    """Whether a cycle at least CONFIRM_SECONDS ago saw the same jump, to within what sources may be apart."""
    return any(now - jump.at >= CONFIRM_SECONDS and not far(px, jump.px, deviation) for jump in hour.jumps)
