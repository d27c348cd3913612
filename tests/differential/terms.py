"""The terms of the naive reference: an asset's value, a venue's output, a bucket's refill, each from its definition.

Exact fractions; USD have 18 decimals, amounts are base units. What a definition rounds says `floor` or `ceil`.
A call that the treasury refuses raises `Refused` with the error it names.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

WORD = 2**256
ONE = 10**18
BPS = 10_000


class Refused(Exception):
    """The error by its name and its arguments; an address is a number, as everything on the chain."""

    def __init__(self, name: str, *arguments: int) -> None:
        super().__init__(name, *arguments)
        self.name, self.arguments = name, arguments


def fitting(number: int) -> int:
    """What does not fit a word of 256 bits is refused, never cut."""
    if not 0 <= number < WORD:
        raise Refused("Panic", 0x11)
    return number


@dataclass(slots=True)
class Asset:
    """`answer` is the feed's, with `feed_decimals`; times are seconds."""

    token: int
    token_decimals: int
    feed_decimals: int
    answer: int
    updated_at: int
    max_age: int
    min_price: int
    max_price: int
    target_bps: int
    buyable: bool
    retired: bool
    balance: int

    def value(self, amount: int) -> int:
        """Whole tokens times the price of one: both as their decimals say."""
        if self.retired:
            return 0
        scale = 10 ** (self.token_decimals + self.feed_decimals)
        # The contract's product has 36 decimals before it is cut to 18, and must fit.
        fitting(amount * self.answer * 10**36 // scale)
        return floor(Fraction(amount * self.answer * ONE, scale))

    def require_price(self, now: int) -> None:
        if self.answer <= 0 or not self.min_price <= self.answer <= self.max_price:
            raise Refused("BadPrice", self.token, self.answer)
        if self.updated_at > now or now - self.updated_at > self.max_age:
            raise Refused("StalePrice", self.token, self.updated_at, max(0, now - self.max_age))


@dataclass(slots=True)
class Limits:
    """As `ITreasury.Limits`, in its order."""

    max_slip_bps: int
    loss_cap_bps: int
    turnover_cap_bps: int
    per_trade_bps: int
    max_cost_bps: int
    min_drift_bps: int
    max_weight_bps: int
    shift_cap_bps: int
    cooldown: int
    window: int


@dataclass(slots=True)
class Bucket:
    """What was used of a cap when it was last written, as a fraction of the whole with 18 decimals."""

    used: int = 0
    time: int = 0

    def used_at(self, now: int, cap_bps: int, window: int) -> int:
        """A full bucket refills evenly within the window; a unit that is refilled in part is still used."""
        refilled = floor(Fraction(now - self.time, window) * Fraction(cap_bps, BPS) * ONE)
        return max(0, self.used - refilled)

    def left_at(self, now: int, cap_bps: int, window: int) -> int:
        return max(0, cap_bps * ONE // BPS - self.used_at(now, cap_bps, window))

    def use(self, share: int, error: str, now: int, cap_bps: int, window: int) -> None:
        left = self.left_at(now, cap_bps, window)
        if share > left:
            raise Refused(error, share, left)
        self.used, self.time = self.used_at(now, cap_bps, window) + share, now


@dataclass(frozen=True, slots=True)
class Venue:
    """`kind` is 0 V2 pair, 1 V3 pool, 2 V2 router, 3 V3 router. All but pairs pay `amount_out` for anything."""

    address: int
    kind: int
    i0: int
    i1: int
    reserve0: int
    reserve1: int
    amount_out: int

    def pays(self, zero_for_one: bool, amount_in: int) -> int:
        if self.kind != 0:
            return self.amount_out
        reserve_in, reserve_out = (self.reserve0, self.reserve1) if zero_for_one else (self.reserve1, self.reserve0)
        if reserve_in == 0 and amount_in == 0:
            raise Refused("Panic", 0x12)
        paid_in = amount_in * Fraction(997, 1000)
        return floor(paid_in * reserve_out / (reserve_in + paid_in))


@dataclass(frozen=True, slots=True)
class Swap:
    venue: int
    zero_for_one: bool
    amount_in: int
    min_out: int


@dataclass(slots=True)
class Outcome:
    """As `ITreasury.Outcome`, in its order."""

    nav_before: int
    nav_after: int
    turnover: int
    loss: int
    te_before: int
    te_after: int
