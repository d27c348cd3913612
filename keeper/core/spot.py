"""What Uniswap's pools say an asset is worth: their price now, through the hub to USD. A voice, never an authority."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from keeper.core.amm import v3
from keeper.core.hub import in_use
from keeper.core.model import Treasury, V2State, V3State, Venue
from keeper.core.units import Px

Pools: TypeAlias = Mapping[int, Sequence[Venue]]
"""By asset, the pools between it and the hub; an asset without any is not in it."""


def spot_px(venue: Venue, asset: int, other_px: Px) -> Px:
    """Price of `asset` by this pool, given that of its other side. The pool must have depth."""
    first = venue.asset0 == asset
    match venue.state:
        case V2State(reserve0, reserve1):
            own, other = (reserve0, reserve1) if first else (reserve1, reserve0)
            return Px(other_px * other // own)
        case V3State(sqrt_price):
            squared = sqrt_price**2
            return Px(other_px * squared // v3.Q192 if first else other_px * v3.Q192 // squared)
    raise ValueError(f"venue {venue.index} did not answer")


def depth(venue: Venue, asset: int) -> int:
    """Base units of `asset` that stand behind the pool's price: its reserve, or V3's virtual one. 0 when unknown."""
    match venue.state:
        case V2State(reserve0, reserve1):
            reserves: tuple[int, int] = (reserve0, reserve1)
        case V3State(sqrt_price, _, liquidity) if sqrt_price > 0:
            reserves = v3.virtual_reserves(sqrt_price, liquidity)
        case _:
            return 0
    return reserves[0 if venue.asset0 == asset else 1] if min(reserves) > 0 else 0


def pools_by_depth(treasury: Treasury, hub: int) -> Pools:
    """The enabled pools of each asset with any of the hub behind their price, deepest first; ties: as listed."""
    found: dict[int, list[tuple[int, Venue]]] = {}
    for venue in treasury.venues:
        if hub not in (venue.asset0, venue.asset1) or not in_use(treasury, venue):
            continue
        if (behind := depth(venue, hub)) > 0:
            other = venue.asset1 if venue.asset0 == hub else venue.asset0
            found.setdefault(other, []).append((behind, venue))
    return {
        index: tuple(venue for _, venue in sorted(each, key=lambda pool: -pool[0])) for index, each in found.items()
    }


def through_hub(pools: Pools, asset: int, hub_px: Px) -> Px | None:
    """Price of an asset other than the hub by its deepest pool."""
    return spot_px(pools[asset][0], asset, hub_px) if asset in pools else None


def of_hub(pools: Pools, hub: int, others: Mapping[int, Px]) -> Px | None:
    """Price of the hub as its pools imply it, given the prices of the `others`: the lower median of the implied ones.

    Each asset's deepest pool speaks once, so that one pool that is off, or one feed, does not speak for all.
    """
    implied = sorted(
        spot_px(pools[index][0], hub, px) for index, px in others.items() if index != hub and index in pools
    )
    return implied[(len(implied) - 1) // 2] if implied else None
