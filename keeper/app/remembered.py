"""What the books remember that a look at the chain is judged by, besides the policy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from keeper.core.jumps import hour_of
from keeper.core.model import Treasury
from keeper.core.past import PoolPast, PriceHour, SeenPrices
from keeper.core.units import Address, Hash32, Timestamp
from keeper.ports import Books


@dataclass(frozen=True, slots=True)
class Remembered:
    """`known_code` is a token's when it was first met, `pool_past` what V2 pairs summed up to earlier, `prices` what
    cycles of the last two hours saw, by fund."""

    known_code: Mapping[Address, Hash32] = field(default_factory=dict)
    pool_past: Mapping[Address, PoolPast] = field(default_factory=dict)
    prices: Mapping[int, Sequence[SeenPrices]] = field(default_factory=dict)

    def hours(self, fund_id: int, treasury: Treasury, now: Timestamp, limit: Fraction) -> dict[int, PriceHour]:
        """By asset index. Nothing where the guard is off."""
        seen = self.prices.get(fund_id, ()) if limit else ()
        hours = {asset.index: hour_of(seen, asset.token, now, limit) for asset in treasury.assets if seen}
        return {index: hour for index, hour in hours.items() if hour is not None}


async def remembered(books: Books, at: Timestamp) -> Remembered:
    """As of that chain time, for all funds. Raises BooksUnavailable."""
    return Remembered(await books.known_code(), await books.pool_past(at), await books.seen_prices(at))
