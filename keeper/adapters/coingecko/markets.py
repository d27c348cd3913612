"""`/coins/markets`: coins by market capitalisation, all of them or those of a category, in pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from keeper.adapters.coingecko.question import Malformed, Question
from keeper.adapters.coingecko.simple_prices import SOURCE
from keeper.adapters.foreign import printable
from keeper.core.quotes import CoinId, Fault, FaultKind, Unfit, cap, coin_id, moment, price, said
from keeper.core.units import Timestamp
from keeper.core.universe import CoinKind, ListedCoin

TOPIC: Final = "coins/markets"
LARGEST_PAGE: Final = 250
MOST_RANK: Final = 10**6
NAME_LENGTH: Final = 60

CATEGORIES: Final[Mapping[CoinKind, str]] = {
    CoinKind.STABLECOIN: "stablecoins",
    CoinKind.WRAPPED: "wrapped-tokens",
    CoinKind.STAKED: "liquid-staking-tokens",
    CoinKind.BACKED: "crypto-backed-tokens",
}
"""Ids as `/coins/categories/list` gives them."""

_A_DAY: Final = 24
_A_WEEK: Final = 7
_LONGEST_SPARKLINE: Final = (_A_WEEK + 1) * _A_DAY
"""A sparkline has a price an hour for seven days. One that is longer is something else: what is a day in it?"""


@dataclass(frozen=True, slots=True)
class Page:
    """`count` is of what the page held, readable or not: a page that is not full is the last one."""

    count: int
    found: tuple[ListedCoin | Fault, ...]


def page(number: int, size: int, keep_seconds: float, category: str = "") -> Question[Page]:
    """Page `number`, from 1, of the whole market or of a category. Wrapped and staked coins are not in it."""
    query = _query(number, size) | {"sparkline": "true"} | ({"category": category} if category else {})
    return Question(TOPIC, TOPIC, read_page, query, keep_seconds)


def of_coins(coins: Sequence[CoinId], keep_seconds: float) -> Question[Page]:
    """At most `LARGEST_PAGE` coins by name, the wrapped too."""
    query = _query(1, LARGEST_PAGE) | {"sparkline": "true", "ids": ",".join(coins), "include_rehypothecated": "true"}
    return Question(TOPIC, TOPIC, read_page, query, keep_seconds)


def members(category: str, number: int, keep_seconds: float) -> Question[tuple[CoinId, ...]]:
    """Page `number`, from 1, of a category. Without `include_rehypothecated` the wrapped would be left out of it."""
    query = _query(number, LARGEST_PAGE) | {"category": category, "include_rehypothecated": "true"}
    return Question(TOPIC, TOPIC, read_ids, query, keep_seconds)


def _query(number: int, size: int) -> dict[str, str]:
    return {
        "vs_currency": "usd",
        "order": "market_cap_desc",
        "per_page": str(size),
        "page": str(number),
        "precision": "full",
    }


def read_page(document: Any) -> Page:
    entries = _entries(document)
    return Page(len(entries), tuple(_candidate(entry) for entry in entries))


def read_ids(document: Any) -> tuple[CoinId, ...]:
    """All of them, or Malformed: one that was left out would count as a coin of its own."""
    ids = [coin_id(entry.get("id")) if isinstance(entry, dict) else None for entry in _entries(document)]
    known = tuple(found for found in ids if found is not None)
    if len(known) != len(ids):
        raise Malformed("a coin without a name")
    return known


def _entries(document: Any) -> list[Any]:
    if not isinstance(document, list):
        raise Malformed(f"{said(document)} where a list of coins belongs")
    return document


def _candidate(entry: Any) -> ListedCoin | Fault:
    coin = coin_id(entry.get("id")) if isinstance(entry, dict) else None
    if coin is None:
        return Fault(CoinId("?"), SOURCE, FaultKind.MALFORMED, f"{said(entry)} without the name of a coin")
    usd, updated = entry.get("current_price"), entry.get("last_updated")
    try:
        return ListedCoin(
            coin=coin,
            source=SOURCE,
            symbol=_text(entry.get("symbol")).upper(),
            name=_text(entry.get("name")),
            usd=None if usd is None else price(usd),
            market_cap=cap(entry.get("market_cap")),
            rank=_rank(entry.get("market_cap_rank")),
            updated_at=None if updated is None else _moment(updated),
            recent=_daily(entry.get("sparkline_in_7d")),
        )
    except Unfit as fault:
        return Fault(coin, SOURCE, fault.kind, str(fault))


def _text(value: object) -> str:
    """Anybody's choice: never to be put on a terminal as it came."""
    return printable(value, NAME_LENGTH) if isinstance(value, str) else ""


def _rank(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, Decimal) or not 1 <= value <= MOST_RANK or value != int(value):
        raise Unfit(FaultKind.MALFORMED, f"the rank is {said(value)}")
    return int(value)


def _daily(sparkline: object) -> tuple[Decimal, ...]:
    """A price a day out of one an hour, oldest first: the newest, and each that is 24 hours before another.

    What is not known is left out. What cannot be a price is a fault as everywhere: it would hide that a price has
    stopped, or make gold of a dollar.
    """
    if sparkline is None:
        return ()
    prices = sparkline.get("price", []) if isinstance(sparkline, dict) else sparkline
    if prices is None:
        return ()
    if not (isinstance(sparkline, dict) and isinstance(prices, list) and len(prices) <= _LONGEST_SPARKLINE):
        raise Unfit(FaultKind.MALFORMED, f"the sparkline is {said(prices)} instead of a week's prices")
    days = prices[::-1][::_A_DAY][:_A_WEEK]
    return tuple(price(each) for each in reversed(days) if each is not None)


def _moment(value: object) -> Timestamp:
    """`2026-05-18T12:49:21.599Z`."""
    try:
        when = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        when = None
    if when is None:
        raise Unfit(FaultKind.MALFORMED, f"the time of the price is {said(value)} instead of a date")
    seconds = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp()
    return moment(Decimal(int(seconds)))
