"""Prices from a file: a source like any other, for tests and for funds with a universe of their own.

CSV with a header, `coin,price_usd` and, where it is known, `market_cap,updated_at,symbol,name`; or JSON by its suffix,
a list of objects with the same names. Prices are USD for one whole token, `updated_at` seconds since 1970. Without it
a price is as old as the file.

For an index there are three more: `category`, several with `;` between; `token`, the coin's address on the fund's
chain; `pools`, an exchange and the USD in its deepest pool, `uniswap:2500000; sushiswap:800000`. They say nothing of
the price: one that is off costs the coin its place in the market, not its quote.
"""

import asyncio
import csv
import io
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from keeper.adapters.foreign import exact, printable
from keeper.adapters.price_file_cells import OF_AN_INDEX, Facts, facts_in, figure, label
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote, aged, coin_id, quote_of
from keeper.core.units import Timestamp
from keeper.core.universe import ListedCoin, Listing
from keeper.market_ports import MarketDataUnavailable

NAME: Final = "file"
LONGEST: Final = 4 << 20
"""Bytes of a file."""
_NEEDED: Final = frozenset({"coin", "price_usd"})
_KNOWN: Final = _NEEDED | OF_AN_INDEX | {"market_cap", "updated_at", "symbol", "name"}


class _Unreadable(ValueError):
    """The file, not one of its prices. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Row:
    answer: Quote | Fault
    symbol: str
    name: str
    facts: Facts | Fault


class PriceFile:
    """`MarketData`. The file is read at every question, so that it may be replaced while the keeper runs.

    A price older than `max_age_seconds` is a fault; None believes prices of any age, which is for tests.
    """

    def __init__(self, path: Path, max_age_seconds: int | None) -> None:
        self._path: Final = path
        self._max_age: Final = max_age_seconds

    @property
    def name(self) -> str:
        return NAME

    async def quotes(self, coins: Collection[CoinId], at: Timestamp) -> Mapping[CoinId, Quote | Fault]:
        try:
            rows = await asyncio.to_thread(self._rows)
        except _Unreadable as fault:
            reason = f"{self._path}: {fault}"
            return {coin: Fault(coin, NAME, FaultKind.UNAVAILABLE, reason) for coin in coins}
        missing = f"{self._path} has no such coin"
        return {
            coin: aged(rows[coin].answer, at, self._max_age)
            if coin in rows
            else Fault(coin, NAME, FaultKind.MISSING, missing)
            for coin in coins
        }

    async def largest(self, count: int, category: str = "") -> Listing:
        """Those with the most market capitalisation; those without one come last, in the order of the file. Coins that
        are off are told whatever their category."""
        listing = await self._listing()
        wanted = category.strip().lower()
        found = [
            coin for coin in listing.candidates if not wanted or wanted in (each.lower() for each in coin.categories)
        ]
        if category and not found:
            raise MarketDataUnavailable(f"{self._path}: no coin is of the category {category}", FaultKind.REFUSED)
        return Listing(tuple(found[: max(0, count)]), listing.faults)

    async def listing_of(self, coins: Collection[CoinId]) -> Listing:
        listing = await self._listing()
        return Listing(
            tuple(each for each in listing.candidates if each.coin in coins),
            tuple(each for each in listing.faults if each.coin in coins),
        )

    async def _listing(self) -> Listing:
        """The whole file, the largest first."""
        try:
            rows = await asyncio.to_thread(self._rows)
        except _Unreadable as fault:
            raise MarketDataUnavailable(f"{self._path}: {fault}", FaultKind.UNAVAILABLE) from None
        whole, faults = list[tuple[_Row, Quote, Facts]](), list[Fault]()
        for row in rows.values():
            if isinstance(row.answer, Fault):
                faults.append(row.answer)
            elif isinstance(row.facts, Fault):
                faults.append(row.facts)
            else:
                whole.append((row, row.answer, row.facts))
        whole.sort(key=lambda each: each[1].market_cap or Decimal(0), reverse=True)
        return Listing(
            tuple(_listed(number, *each) for number, each in enumerate(whole, start=1)),
            tuple(faults),
        )

    def _rows(self) -> dict[CoinId, _Row]:
        """By coin. One that is there twice has no price: nobody could say which counts."""
        raw, written_at = self._read()
        entries = _json(raw) if self._path.suffix.lower() == ".json" else _csv(raw)
        coins = [coin_id(entry.get("coin")) for entry in entries]
        often = Counter(coins)
        rows: dict[CoinId, _Row] = {}
        for number, (coin, entry) in enumerate(zip(coins, entries, strict=True), start=1):
            if coin is None:
                raise _Unreadable(f"entry {number} has no name of a coin")
            if often[coin] > 1:
                answer: Quote | Fault = Fault(coin, NAME, FaultKind.MALFORMED, f"{coin} is in {self._path} twice")
            else:
                given = entry.get("updated_at")
                when = written_at if given in (None, "") else figure(given)
                answer = quote_of(coin, NAME, figure(entry["price_usd"]), figure(entry.get("market_cap")), when)
            rows[coin] = _Row(answer, label(entry.get("symbol")), label(entry.get("name")), facts_in(coin, entry, NAME))
        return rows

    def _read(self) -> tuple[bytes, Decimal]:
        """What is in the file, and when it was last written."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(LONGEST + 1)
            written_at = self._path.stat().st_mtime_ns // 10**9
        except OSError as error:
            raise _Unreadable(f"cannot be read ({error.strerror})") from None
        if len(raw) > LONGEST:
            raise _Unreadable(f"is longer than {LONGEST >> 20} MiB")
        return raw, Decimal(written_at)


def _listed(number: int, row: _Row, quote: Quote, facts: Facts) -> ListedCoin:
    return ListedCoin(
        coin=quote.coin,
        source=NAME,
        symbol=row.symbol,
        name=row.name,
        usd=quote.usd,
        market_cap=quote.market_cap,
        rank=None if quote.market_cap is None else number,
        updated_at=quote.updated_at,
        categories=facts.categories,
        token=facts.token,
        pools=facts.pools,
    )


def _csv(raw: bytes) -> list[dict[str, Any]]:
    try:
        text = raw.decode("utf-8-sig")  # spreadsheets put a mark in front
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
        entries = list(reader)
    except UnicodeDecodeError:
        raise _Unreadable("is not UTF-8 text") from None
    except csv.Error as error:
        raise _Unreadable(f"is not CSV ({error})") from None
    _check_names(reader.fieldnames or [])
    for number, entry in enumerate(entries, start=1):
        if None in entry or None in entry.values():
            raise _Unreadable(f"entry {number} has another number of columns than the header")
    return entries


def _json(raw: bytes) -> list[dict[str, Any]]:
    try:
        document = exact(raw)
    except ValueError:
        raise _Unreadable("is not JSON") from None
    if not isinstance(document, list) or not all(isinstance(entry, dict) for entry in document):
        raise _Unreadable("is not a list of objects")
    for entry in document:
        _check_names(list(entry))
    return document


def _check_names(names: Collection[str]) -> None:
    if missing := sorted(_NEEDED - set(names)):
        raise _Unreadable(f"has no {missing[0]}")
    if unknown := sorted(set(names) - _KNOWN):
        raise _Unreadable(f"has {printable(unknown[0], 40)!r}, which is not known here: a misspelt name?")
    if len(set(names)) != len(names):
        raise _Unreadable("has a column twice")
