"""What Uniswap's pools say an asset was worth on average: over the last half hour, through the hub to USD.

A V3 pool remembers by itself; of a V2 pair the books remember what it summed up to earlier. Sources: v3-periphery's
`OracleLibrary.consult`, v2-periphery's `UniswapV2OracleLibrary`. A mean cannot be moved within a block, and lags behind
a market that moves: it is a voice beside others, never an authority.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from keeper.core.amm import v3, v3_ticks
from keeper.core.model import Market, V2State, V2Sums, V3Sums, Venue
from keeper.core.past import PoolPast, PoolSample
from keeper.core.spot import Pools
from keeper.core.units import Address, Px, Timestamp
from keeper.core.words import utc

TWAP_WINDOW: Final = 1_800
"""Seconds; `Lens.TWAP_WINDOW`. The least age of a V2 pair's earlier sample."""
LONGEST_WINDOW: Final = 4 * 3_600
"""Seconds: with an older sample the mean would be of another market."""
SAMPLE_SECONDS: Final = 300
"""Between two samples of one pair that are kept."""

_Q112_BITS: Final = 112
_UINT32: Final = 1 << 32
_UINT56: Final = 1 << 56
_UINT256: Final = 1 << 256


class Silent(Exception):
    """A pool without a mean price; the text says why, and when it will have one where that is known."""


def mean_tick(sums: V3Sums) -> int:
    """Rounded towards negative infinity, as `OracleLibrary.consult` does. The pool's sums wrap around at 56 bits."""
    difference = (sums.now - sums.then) % _UINT56
    if difference >= _UINT56 // 2:
        difference -= _UINT56
    return difference // TWAP_WINDOW


def sums_at(state: V2State, sums: V2Sums, now: Timestamp) -> tuple[int, int]:
    """The pair's two sums as they would be if it were touched now. Neither reserve may be 0.

    What was swapped in the block of `now` has stood for 0 seconds and does not count.
    """
    elapsed = (now - sums.at) % _UINT32
    price0 = (state.reserve1 << _Q112_BITS) // state.reserve0
    price1 = (state.reserve0 << _Q112_BITS) // state.reserve1
    return (sums.price0 + price0 * elapsed) % _UINT256, (sums.price1 + price1 * elapsed) % _UINT256


def mean_between(before: int, after: int, elapsed: int) -> int:
    """Mean price of UQ112x112 between two sums, `elapsed` seconds apart; they wrap around at 256 bits."""
    return (after - before) % _UINT256 // elapsed


# -------------------------------------------------------------------------------------------------- prices


def px_of(venue: Venue, asset: int, other_px: Px, past: PoolPast | None, now: Timestamp) -> tuple[Px, str]:
    """Mean price of `asset` by this pool, given that of its other side, and in words what it is the mean of.

    The pool must have depth. Raises Silent.
    """
    first = venue.asset0 == asset
    match venue.state, venue.sums:
        case V2State() as state, V2Sums() as sums:
            px, elapsed = _by_pair(state, sums, first, other_px, past, now)
            told = f"V2 pair, {elapsed} s"
        case _, V3Sums() as sums:
            px, told = _by_ticks(sums, first, other_px), f"V3 pool, {TWAP_WINDOW} s"
        case V2State(), _:
            raise Silent("the pair does not say what its prices sum up to")
        case _:
            raise Silent(f"the pool's observations do not reach back {TWAP_WINDOW} s")
    if px <= 0:
        raise Silent("the mean price rounds down to nothing")
    return px, told


def _by_pair(
    state: V2State, sums: V2Sums, first: bool, other_px: Px, past: PoolPast | None, now: Timestamp
) -> tuple[Px, int]:
    sample = _usable(past, now)
    elapsed = now - sample.timestamp
    price0, price1 = sums_at(state, sums, now)
    before, after = (sample.price0, price0) if first else (sample.price1, price1)
    return Px(other_px * mean_between(before, after, elapsed) >> _Q112_BITS), elapsed


def _by_ticks(sums: V3Sums, first: bool, other_px: Px) -> Px:
    tick = mean_tick(sums)
    if not v3_ticks.MIN_TICK <= tick <= v3_ticks.MAX_TICK:
        raise Silent(f"a mean tick of {tick} is none of a pool")
    squared = v3_ticks.sqrt_price_at(tick) ** 2
    return Px(other_px * squared // v3.Q192 if first else other_px * v3.Q192 // squared)


def _usable(past: PoolPast | None, now: Timestamp) -> PoolSample:
    sample = past.sample if past else None
    if sample is not None and TWAP_WINDOW <= now - sample.timestamp <= LONGEST_WINDOW:
        return sample
    if past is None or past.waiting is None:
        raise Silent(f"no earlier sample of the pair: it speaks {TWAP_WINDOW} s after its first")
    raise Silent(f"no sample of the pair is {TWAP_WINDOW} s old: it speaks from {utc(past.waiting + TWAP_WINDOW)}")


# -------------------------------------------------------------------------------------------- through the hub


def through_hub(market: Market, pools: Pools, asset: int, hub_px: Px) -> tuple[Px, str]:
    """Mean price of an asset other than the hub by its deepest pool that has one, and what it is the mean of.

    Raises Silent with the reason of the deepest of all.
    """
    return _by_deepest(market, pools.get(asset, ()), asset, hub_px)


def of_hub(market: Market, pools: Pools, hub: int, others: Mapping[int, Px]) -> Px:
    """Mean price of the hub as its pools imply it, given the prices of the `others`, as `spot.of_hub`.

    Raises Silent.
    """
    implied, reasons = [], ["no pool with depth against an asset whose feed is good"]
    for index in sorted(set(others) - {hub}):
        try:
            implied.append(_by_deepest(market, pools.get(index, ()), hub, others[index])[0])
        except Silent as silence:
            reasons.append(str(silence))
    if not implied:
        raise Silent(reasons[-1])
    return sorted(implied)[(len(implied) - 1) // 2]


def _by_deepest(market: Market, deepest_first: Sequence[Venue], wanted: int, other_px: Px) -> tuple[Px, str]:
    reasons = []
    for venue in deepest_first:
        try:
            return px_of(venue, wanted, other_px, market.pool_past.get(venue.pool), market.block.timestamp)
        except Silent as silence:
            reasons.append(str(silence))
    raise Silent(reasons[0] if reasons else "no pool with depth against the hub")


# ------------------------------------------------------------------------------------------------- samples


def samples_due(market: Market) -> tuple[PoolSample, ...]:
    """What the books are to remember of the V2 pairs at this block: one sample per pair in SAMPLE_SECONDS."""
    block, found = market.block, dict[Address, PoolSample]()
    for venue in market.treasury.venues:
        match venue.state, venue.sums:
            case V2State(reserve0, reserve1) as state, V2Sums() as sums if reserve0 > 0 and reserve1 > 0:
                past = market.pool_past.get(venue.pool)
                newest = past.newest if past else None
                if newest is None or block.timestamp - newest >= SAMPLE_SECONDS:
                    price0, price1 = sums_at(state, sums, block.timestamp)
                    found[venue.pool] = PoolSample(venue.pool, block.number, block.timestamp, price0, price1)
    return tuple(found.values())
