"""Daily prices and market caps from a CSV file, and what an index could have known of a coin on a day of them."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from keeper.core.index.candidates import Candidate
from keeper.core.units import Timestamp
from scripts.localchain.paths import midnight

RECENT_DAYS: Final = 30
_COLUMNS: Final = ("date", "coin_id", "price", "market_cap")
CATEGORIES: Final = {
    **dict.fromkeys(("tether", "usd-coin", "dai", "binance-usd", "terrausd"), ("Stablecoins", "USD Stablecoin")),
    "wrapped-bitcoin": ("Wrapped-Tokens",),
    **dict.fromkeys(("staked-ether", "wrapped-steth"), ("Liquid Staking Tokens",)),
}
"""What the provider says of these coins; the file says it of none."""


class BadHistory(Exception):
    """The file cannot give what is asked for; the message is one line for an operator."""


@dataclass(frozen=True, slots=True)
class Close:
    """`market_cap` is None where the provider had none: it writes 0."""

    price: Decimal
    market_cap: Decimal | None


@dataclass(slots=True)
class History:
    """Closes by coin and day, of the days that are there."""

    closes: dict[str, dict[date, Close]] = field(default_factory=dict)

    def candidates(self, day: date) -> Iterator[Candidate]:
        """Every coin that was known by then."""
        for coin, closes in self.closes.items():
            if (last := self.last_day(coin, day)) is None:
                continue
            close = closes[last]
            window = (last - timedelta(back) for back in range(RECENT_DAYS - 1, -1, -1))
            yield Candidate(
                coin=coin,
                symbol=coin,
                name=coin,
                market_cap=close.market_cap,
                price=close.price,
                updated_at=Timestamp(midnight(last)),
                categories=CATEGORIES.get(coin, ()),
                recent=tuple(closes[each].price for each in window if each in closes),
            )

    def last_day(self, coin: str, day: date) -> date | None:
        """The newest day with a row, up to `day`."""
        closes = self.closes.get(coin, {})
        return day if day in closes else max((each for each in closes if each < day), default=None)

    def last_price(self, coin: str, day: date) -> Decimal | None:
        last = self.last_day(coin, day)
        return None if last is None else self.closes[coin][last].price


def read_history(file: Path) -> History:
    """A CSV with the columns `date`, `coin_id`, `price`, `market_cap`. Raises BadHistory."""
    history = History()
    try:
        with file.open(newline="") as lines:
            reader = csv.DictReader(lines)
            if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
                raise BadHistory(f"{file} has no column {', '.join(missing)}")
            for row in reader:
                try:
                    day, price, cap = date.fromisoformat(row["date"]), Decimal(row["price"]), Decimal(row["market_cap"])
                except (ValueError, InvalidOperation, TypeError):
                    raise BadHistory(f"{file}, line {reader.line_num}: cannot be read") from None
                history.closes.setdefault(row["coin_id"], {})[day] = Close(price, cap if cap else None)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadHistory(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    if not history.closes:
        raise BadHistory(f"{file} has no rows")
    return history
