"""What the books remember that a look at the chain is judged by, besides the policy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from keeper.core.model import PoolPast
from keeper.core.units import Address, Hash32, Timestamp
from keeper.ports import Books


@dataclass(frozen=True, slots=True)
class Remembered:
    """`known_code` is a token's when it was first met, `pool_past` what V2 pairs summed up to earlier."""

    known_code: Mapping[Address, Hash32] = field(default_factory=dict)
    pool_past: Mapping[Address, PoolPast] = field(default_factory=dict)


async def remembered(books: Books, at: Timestamp) -> Remembered:
    """As of that chain time, for all funds. Raises BooksUnavailable."""
    return Remembered(await books.known_code(), await books.pool_past(at))
