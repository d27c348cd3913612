"""The nouns of what the books remember for the next cycles: what pairs summed up to, what prices were seen."""

from collections.abc import Mapping
from dataclasses import dataclass

from keeper.core.units import Address, Px, Timestamp


@dataclass(frozen=True, slots=True)
class PoolSample:
    """What a V2 pair's prices summed up to at a block, as `V2Sums`, brought forward to the block's time."""

    pool: Address
    block: int
    timestamp: Timestamp
    price0: int
    price1: int


@dataclass(frozen=True, slots=True)
class PoolPast:
    """What the books remember of a V2 pair. `sample` is the newest that is old enough for a mean price, `waiting` the
    time of the oldest that is not yet, `newest` that of the last one."""

    sample: PoolSample | None
    waiting: Timestamp | None
    newest: Timestamp | None


@dataclass(frozen=True, slots=True)
class SeenPrices:
    """What a cycle's price book valued the fund by, by token, at its block's time."""

    at: Timestamp
    px: Mapping[Address, Px]


@dataclass(frozen=True, slots=True)
class Sighting:
    """A price that a cycle saw."""

    at: Timestamp
    px: Px


@dataclass(frozen=True, slots=True)
class PriceHour:
    """What cycles of the last hour saw of one asset: the lowest and the highest price, and the `jumps`: what was far
    from another price of the hour before it. The newest is last."""

    low: Sighting
    high: Sighting
    jumps: tuple[Sighting, ...] = ()
