"""`retry-after` as providers and what stands before them write it: seconds, or a date (RFC 9110, 10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

SHORTEST: Final = 1.0
LONGEST: Final = 900.0
"""Seconds: 119 has been seen. Whoever says a day has made a mistake, which must not silence a source for one."""


def seconds_of(header: str | None, now: datetime) -> float | None:
    """Seconds to wait, from SHORTEST to LONGEST; None when nothing was said that can be read."""
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return _bounded(float(text[:12]) if len(text) <= 12 else LONGEST)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if until.tzinfo is None:  # "-0000": no zone was meant
        until = until.replace(tzinfo=UTC)
    return _bounded((until - now).total_seconds())


def _bounded(seconds: float) -> float:
    return min(LONGEST, max(SHORTEST, seconds))
