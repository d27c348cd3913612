"""Prices from a file: a source like any other, for tests and for funds with a universe of their own.

CSV with a header, `coin,price_usd` and, where it is known, `market_cap,updated_at,symbol,name`; or JSON by its suffix,
a list of objects with the same names. Prices are USD for one whole token, `updated_at` seconds since 1970. Without it
a price is as old as the file.
"""

import asyncio
import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from keeper.adapters.foreign import exact, printable
from keeper.core.quotes import CoinId, Fault, FaultKind, Quote, aged, coin_id, quote_of
from keeper.core.units import Timestamp
from keeper.core.universe import ListedCoin, Listing
from keeper.market_ports import MarketDataUnavailable

NAME: Final = "file"
LONGEST: Final = 4 << 20
"""Bytes of a file."""
_NEEDED: Final = frozenset({"coin", "price_usd"})
_KNOWN: Final = _NEEDED | {"market_cap", "updated_at", "symbol", "name"}
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,100}(?:\.[0-9]{1,100})?(?:[eE][+-]?[0-9]{1,4})?")
_NAME_LENGTH: Final = 60


class _Unreadable(ValueError):
    """The file, not one of its prices. The text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Row:
    answer: Quote | Fault
    symbol: str
    name: str


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

    async def largest(self, count: int) -> Listing:
        """Those with the most market capitalisation; those without one come last, in the order of the file."""
        try:
            rows = await asyncio.to_thread(self._rows)
        except _Unreadable as fault:
            raise MarketDataUnavailable(f"{self._path}: {fault}", FaultKind.UNAVAILABLE) from None
        priced = [(row, row.answer) for row in rows.values() if isinstance(row.answer, Quote)]
        priced.sort(key=lambda pair: pair[1].market_cap or Decimal(0), reverse=True)
        candidates = [
            ListedCoin(
                coin=quote.coin,
                source=NAME,
                symbol=row.symbol,
                name=row.name,
                usd=quote.usd,
                market_cap=quote.market_cap,
                rank=None if quote.market_cap is None else number,
                updated_at=quote.updated_at,
            )
            for number, (row, quote) in enumerate(priced[: max(0, count)], start=1)
        ]
        return Listing(tuple(candidates), tuple(row.answer for row in rows.values() if isinstance(row.answer, Fault)))

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
                when = written_at if given in (None, "") else _figure(given)
                answer = quote_of(coin, NAME, _figure(entry["price_usd"]), _figure(entry.get("market_cap")), when)
            rows[coin] = _Row(answer, _text(entry.get("symbol")), _text(entry.get("name")))
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


def _figure(value: object) -> object:
    """A number that is written as text, as all are in CSV. Anything else stays what it is, for others to refuse."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    return Decimal(text) if _NUMBER.fullmatch(text) else text


def _text(value: object) -> str:
    return printable(value, _NAME_LENGTH) if isinstance(value, str) else ""
