"""Figures as people read them: per cent, dollars, durations. Text for reasons, notes and guards, never read back."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from keeper.core.units import E18, UsdE18, in_bps, rounded

if TYPE_CHECKING:  # the nouns, too, put figures into words
    from keeper.core.spending import Budget


def percent(fraction: Fraction, places: int = 2) -> str:
    """`Fraction(31, 1000)` -> `3.1`. Half-even at `places`, no trailing zeros."""
    return plain(Decimal(rounded(fraction.numerator * 100 * 10**places, fraction.denominator)).scaleb(-places))


def plain(number: Decimal) -> str:
    """No exponent, no trailing zeros: `1E+2` -> `100`, `3.10` -> `3.1`."""
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def dollars(value: UsdE18) -> str:
    """`12345678900000000000000` -> `12,345.68`."""
    return f"{Decimal(rounded(value * 100, E18)).scaleb(-2):,.2f}"


def left_of(budget: "Budget") -> str:
    """`1.25 bps of NAV left of 5 bps`, `12.3 % of NAV left of 25 %`."""
    if budget.cap < E18 // 100:
        left, cap = (plain(in_bps(Fraction(part, E18))) for part in (budget.left, budget.cap))
        return f"{left} bps of NAV left of {cap} bps"
    return f"{percent(Fraction(budget.left, E18))} % of NAV left of {percent(Fraction(budget.cap, E18))} %"


def full_again(budget: "Budget", now: int) -> str:
    """`, full again at 2023-11-14T22:13:20Z`, or nothing when it is full. `now` is chain time."""
    seconds = budget.seconds_until(budget.cap)
    return f", full again at {utc(now + seconds)}" if seconds else ""


def duration(seconds: int) -> str:
    """The two largest units: `700` -> `11m 40s`, `90000` -> `1d 1h`."""
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2]) or "0s"


LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999: RFC 3339 ends there, and a lying feed or node may claim any of 256 bits."""


def utc(timestamp: int) -> str:
    """RFC 3339 in UTC: `2023-11-14T22:13:20Z`; beyond the year 9999 seconds since 1970: `@999999999999`."""
    if timestamp > LAST_SECOND:
        return f"@{timestamp}"
    return datetime.fromtimestamp(timestamp, UTC).isoformat().removesuffix("+00:00") + "Z"
