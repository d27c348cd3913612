"""Units as types, and the exact conversions between them. Integers only; Decimal at the edges, for people."""

from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Final, NewType

Address = NewType("Address", str)
"""EIP-55 checksummed, 0x and 40 hex digits."""
Hash32 = NewType("Hash32", str)
"""0x and 64 lower-case hex digits: a block, a transaction, a piece of code, a decision."""
Wei = NewType("Wei", int)
BaseUnits = NewType("BaseUnits", int)
"""Amount of a token in its smallest unit."""
Bps = NewType("Bps", int)
"""1/10,000."""
UsdE18 = NewType("UsdE18", int)
"""US dollars times 10^18, as the treasury counts them."""
Px = NewType("Px", int)
"""Price: UsdE18 of 10^18 base units of a token, so that `value = amount * px // 10^18` as in the treasury."""
Timestamp = NewType("Timestamp", int)
"""Seconds since 1970 by `block.timestamp`."""

E18: Final = 10**18
BPS: Final = 10_000
PIPS: Final = 1_000_000
ZERO_ADDRESS: Final = Address("0x0000000000000000000000000000000000000000")


def value_of(amount: BaseUnits, px: Px) -> UsdE18:
    """USD of `amount`, rounded down exactly as `Pricing.value` of the treasury does."""
    return UsdE18(amount * px // E18)


def amount_worth(value: UsdE18, px: Px) -> BaseUnits:
    """Largest amount whose value does not exceed `value`. `px` must be positive."""
    return BaseUnits(value * E18 // px)


def px_from_answer(answer: int, feed_decimals: int, token_decimals: int) -> Px:
    """Price of a Chainlink-compatible answer: `answer * 10^(36 - feed_decimals - token_decimals)`."""
    return Px(answer * 10 ** (36 - feed_decimals - token_decimals))


def px_from_usd(dollars: Decimal, token_decimals: int) -> Px | None:
    """Price of a token that costs so many dollars the whole: `dollars * 10^(36 - token_decimals)`, rounded down as the
    treasury rounds values. None where nothing is left of it: a price is never 0."""
    px = int(Fraction(dollars) * Fraction(10) ** (36 - token_decimals))
    return Px(px) if px > 0 else None


def usd(value: UsdE18) -> Decimal:
    """Dollars, exactly."""
    return scaled(value, 18)


def usd_e18(dollars: Decimal) -> UsdE18:
    """Dollars to 18 decimals; what is beyond them is cut off."""
    return UsdE18(int(Fraction(dollars) * E18))


def usd_per_token(px: Px, token_decimals: int) -> Decimal:
    """Dollars for one whole token, exactly."""
    return scaled(px, 36 - token_decimals)


def scaled(amount: int, decimals: int) -> Decimal:
    """`amount / 10^decimals`, exactly, whatever the size of the integer."""
    with localcontext() as context:
        context.prec = max(28, len(str(abs(amount))) + 1)
        return Decimal(amount).scaleb(-decimals)


def in_bps(fraction: Fraction) -> Decimal:
    """A fraction in basis points, rounded half-even to 1/10,000 bps for records and people."""
    return Decimal(rounded(fraction.numerator * BPS * 10_000, fraction.denominator)).scaleb(-4)


def rounded(part: int, whole: int) -> int:
    """`round(Fraction(part, whole))`, half-even, without a fraction in lowest terms: records are full of them."""
    below, rest = divmod(part, whole)
    return below + (2 * rest > whole or (2 * rest == whole and below % 2))
