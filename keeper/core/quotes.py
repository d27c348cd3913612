"""What a provider of market data says a coin is worth: a quote, or a fault by name. USD, exact decimals, never 0.

A provider is believed in nothing: values come as whatever was said, and leave as a number that can be or as a Fault.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NewType

from keeper.core.units import Px, Timestamp, px_from_usd
from keeper.core.words import utc

CoinId = NewType("CoinId", str)
"""A coin by the provider's own name for it, such as `ethereum-name-service`."""

LOWEST_USD: Final = Decimal("1e-36")
HIGHEST_USD: Final = Decimal("1e15")
"""Of one whole token. What is beyond is a mistake of the provider, or a lie."""
HIGHEST_CAP: Final = Decimal("1e18")
EARLIEST: Final = 1_230_768_000
"""2009: there was no coin before."""
LATEST: Final = 99_999_999_999
"""Anything above are milliseconds."""
MOST_AHEAD: Final = 60
"""Seconds that a quote may be ahead of the block it is judged at: it is asked for after that block, which may be 36 s
old by then, and clocks differ."""

_ID: Final = re.compile(r"[A-Za-z0-9._~+-]{1,100}")
_SHOWN: Final = 40


class FaultKind(StrEnum):
    """Why there is no quote. The first four are of a whole question, the others of one coin."""

    LIMITED = "limited"
    """Too many calls, by our count or by the provider's. Goes by itself."""
    UNAVAILABLE = "unavailable"
    """No answer, or none of the promised shape."""
    FORBIDDEN = "forbidden"
    """Key, plan or firewall: a person has to act."""
    REFUSED = "refused"
    """The provider calls the question wrong."""
    MISSING = "missing"
    """The answer does not have the coin."""
    UNPRICED = "unpriced"
    """The provider knows the coin and no price."""
    MALFORMED = "malformed"
    """Something else than a number where one belongs."""
    NOT_POSITIVE = "not_positive"
    ABSURD = "absurd"
    """A number or a time that cannot be."""
    UNDATED = "undated"
    STALE = "stale"
    FUTURE = "future"
    TOO_SMALL = "too_small"
    """Less than a Px can say."""


@dataclass(frozen=True, slots=True)
class Quote:
    """`usd` is for one whole token, `market_cap` of all of them, None when the provider does not know it.

    `updated_at` is when the provider says it last renewed the price. `source` names the provider.
    """

    coin: CoinId
    source: str
    usd: Decimal
    market_cap: Decimal | None
    updated_at: Timestamp

    def __post_init__(self) -> None:
        if not (self.usd.is_finite() and LOWEST_USD <= self.usd <= HIGHEST_USD):
            raise ValueError("a quote is a positive price")


@dataclass(frozen=True, slots=True)
class Fault:
    """No quote of this coin, and why, in words for people. `updated_at` is what the provider said, if it did."""

    coin: CoinId
    source: str
    kind: FaultKind
    reason: str
    updated_at: Timestamp | None = None


class Unfit(Exception):
    """A value that cannot be believed. The text says what it is."""

    def __init__(self, kind: FaultKind, reason: str) -> None:
        self.kind: Final = kind
        super().__init__(reason)


def coin_id(text: object) -> CoinId | None:
    """A name that can be put into a question and shown, or None: what a comma is in would be two."""
    return CoinId(text) if isinstance(text, str) and _ID.fullmatch(text) else None


def quote_of(coin: CoinId, source: str, usd: object, market_cap: object, updated_at: object) -> Quote | Fault:
    """A quote out of what was said: a Decimal, None for nothing, or anything else. Its age is judged by `aged`."""
    try:
        return Quote(coin, source, price(usd), cap(market_cap), moment(updated_at))
    except Unfit as fault:
        return Fault(coin, source, fault.kind, str(fault), _moment_or_none(updated_at))


def aged(answer: Quote | Fault, at: Timestamp, max_age_seconds: int | None) -> Quote | Fault:
    """The same, unless it is a quote that is too old at that time, or from the future. None: any age will do."""
    if isinstance(answer, Fault):
        return answer
    age = at - answer.updated_at
    if age < -MOST_AHEAD:
        kind, reason = FaultKind.FUTURE, f"the price is of {utc(answer.updated_at)}, {-age} s from the future"
    elif max_age_seconds is not None and age > max_age_seconds:
        kind, reason = FaultKind.STALE, f"the price is {age} s old, at most {max_age_seconds} s"
    else:
        return answer
    return Fault(answer.coin, answer.source, kind, reason, answer.updated_at)


def px_of(quote: Quote, token_decimals: int) -> Px | Fault:
    """The price of a token with so many decimals as the treasury counts it, rounded down; never 0."""
    px = px_from_usd(quote.usd, token_decimals)
    if px is None:
        reason = f"{quote.usd} USD of a token with {token_decimals} decimals is less than a price can say"
        return Fault(quote.coin, quote.source, FaultKind.TOO_SMALL, reason, quote.updated_at)
    return px


# ------------------------------------------------------------------------------------------------ figures


def price(value: object) -> Decimal:
    """USD for one whole token. Raises Unfit."""
    if value is None:
        raise Unfit(FaultKind.UNPRICED, "the price is null")
    usd = _number(value, "the price")
    if usd <= 0:
        raise Unfit(FaultKind.NOT_POSITIVE, f"the price is {said(usd)}")
    if not LOWEST_USD <= usd <= HIGHEST_USD:
        raise Unfit(FaultKind.ABSURD, f"the price is {said(usd)} USD")
    return usd


def cap(value: object) -> Decimal | None:
    """USD. None where the provider does not know it: it says null then, or 0. Raises Unfit."""
    if value is None:
        return None
    usd = _number(value, "the market capitalisation")
    if not 0 <= usd <= HIGHEST_CAP:
        raise Unfit(FaultKind.ABSURD, f"the market capitalisation is {said(usd)} USD")
    return usd or None


def moment(value: object) -> Timestamp:
    """Seconds since 1970; a fraction of one is cut off. Raises Unfit."""
    if value is None:
        raise Unfit(FaultKind.UNDATED, "the price has no time")
    seconds = _number(value, "the time of the price")
    if not EARLIEST <= seconds <= LATEST:
        raise Unfit(FaultKind.ABSURD, f"the time of the price is {said(seconds)}")
    return Timestamp(int(seconds))


def _moment_or_none(value: object) -> Timestamp | None:
    try:
        return moment(value)
    except Unfit:
        return None


def said(value: object) -> str:
    """A value in a reason: short, whatever it is."""
    match value:
        case None:
            text = "null"
        case bool():
            text = str(value).lower()
        case dict():
            text = "an object"
        case list():
            text = "a list"
        case Decimal():
            text = str(value)
        case _:
            text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _number(value: object, what: str) -> Decimal:
    # A bool is an int in Python, a float has lost digits already: neither is a Decimal.
    if not isinstance(value, Decimal) or not value.is_finite():
        raise Unfit(FaultKind.MALFORMED, f"{what} is {said(value)} instead of a number")
    return value
