"""Price paths: a seeded random walk, or real daily prices from a CSV file. USD per whole token, by symbol."""

import csv
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path

from scripts.localchain.config import DAY, FEED_DECIMALS, AssetSpec

Prices = dict[str, Decimal]
_SMALLEST = Decimal(1).scaleb(-FEED_DECIMALS)
_COLUMNS = {"date", "coin_id", "price"}


class BadPriceFile(Exception):
    """The file cannot give the prices asked for; the message is one line for an operator."""


def random_walk(assets: Sequence[AssetSpec], seed: int, step_seconds: int) -> Iterator[Prices]:
    """Endless steps from the assets' first prices; the same seed gives the same path.

    Logarithmic returns are normal with the asset's daily volatility scaled to the step, and share one market
    factor: the correlation of two assets is the product of their `beta`. Pegged assets do not wander: each step
    draws their distance from the peg anew. The draws are floats, as draws are; prices are exact from there on.
    """
    source = random.Random(seed)  # noqa: S311 - a simulation that must repeat
    prices = {asset.symbol: asset.price for asset in assets}
    scale = math.sqrt(step_seconds / DAY)
    while True:
        market = source.gauss(0, 1)
        for asset in assets:
            own = source.gauss(0, 1)
            if asset.pegged:
                prices[asset.symbol] = _moved(asset.price, asset.volatility * own)
            else:
                sigma = asset.volatility * scale
                draw = asset.beta * market + math.sqrt(1 - asset.beta**2) * own
                prices[asset.symbol] = _moved(prices[asset.symbol], sigma * draw - sigma**2 / 2)
        yield dict(prices)


def _moved(price: Decimal, log_return: float) -> Decimal:
    return max(_SMALLEST, (price * Decimal(math.exp(log_return))).quantize(_SMALLEST))


def daily_prices(file: Path, first: date, last: date, assets: Sequence[AssetSpec]) -> list[tuple[date, Prices]]:
    """One entry for each day from `first` to `last`, both included, from a CSV with `date,coin_id,price,...`.

    A day without a price takes the last one before it. Raises BadPriceFile: no such file or column, a coin or
    range that the file does not have, a price that is no positive number.
    """
    if last < first:
        raise BadPriceFile(f"the last day, {last}, is before the first, {first}")
    rows, known_from, known_to = _read(file, {asset.coin_id for asset in assets}, last)
    if not known_from <= first <= last <= known_to:
        raise BadPriceFile(f"{file} has prices from {known_from} to {known_to}, not for all of {first} to {last}")
    current: dict[str, Decimal] = {}
    days = []
    for day in sorted(set(rows) | {first + timedelta(n) for n in range((last - first).days + 1)}):
        current.update(rows.get(day, {}))
        if day >= first:
            if absent := [asset.coin_id for asset in assets if asset.coin_id not in current]:
                raise BadPriceFile(f"{file} has no price of {', '.join(absent)} on or before {day}")
            days.append((day, {asset.symbol: current[asset.coin_id] for asset in assets}))
    return days


def _read(file: Path, coins: set[str], last: date) -> tuple[dict[date, dict[str, Decimal]], date, date]:
    """Prices of `coins` up to `last`, and the first and last day that the file knows of any coin."""
    rows: dict[date, dict[str, Decimal]] = {}
    known_from, known_to = date.max, date.min
    try:
        with file.open(newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := _COLUMNS - set(reader.fieldnames or ()):
                raise BadPriceFile(f"{file} has no column {', '.join(sorted(missing))}")
            for row in reader:
                day = _day(row, file, reader.line_num)
                known_from, known_to = min(known_from, day), max(known_to, day)
                if row["coin_id"] in coins and day <= last:
                    rows.setdefault(day, {})[row["coin_id"]] = _price(row, file, reader.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadPriceFile(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    if known_from > known_to:
        raise BadPriceFile(f"{file} has no prices")
    return rows, known_from, known_to


def _day(row: Mapping[str, str], file: Path, line: int) -> date:
    try:
        return date.fromisoformat(row["date"] or "")
    except ValueError as error:
        raise BadPriceFile(f"{file}, line {line}: {row['date']!r} is not a date") from error


def _price(row: Mapping[str, str], file: Path, line: int) -> Decimal:
    try:
        price = Decimal(row["price"] or "")
    except InvalidOperation as error:
        raise BadPriceFile(f"{file}, line {line}: {row['price']!r} is not a price") from error
    if not (price.is_finite() and price > 0):
        raise BadPriceFile(f"{file}, line {line}: {row['price']!r} is not a price")
    return price


def midnight(day: date) -> int:
    """Its first second, UTC, since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
