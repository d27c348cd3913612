"""What Uniswap's pools say an asset is worth: their price now, through the hub to USD. A voice, never an authority."""

from collections.abc import Mapping, Sequence

from keeper.core.amm import v3
from keeper.core.hub import venues_between
from keeper.core.model import Treasury, V2State, V3State, Venue
from keeper.core.units import Px


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


def deepest(treasury: Treasury, asset: int, hub: int) -> Venue | None:
    """The enabled pool with the most of the hub behind its price; ties: the first listed. None when all are empty."""
    pools = [venue for venue in venues_between(treasury, asset, hub) if depth(venue, hub) > 0]
    return max(pools, key=lambda venue: depth(venue, hub), default=None)


def through_hub(treasury: Treasury, asset: int, hub: int, hub_px: Px) -> Px | None:
    """Price of an asset other than the hub by its deepest pool."""
    pool = deepest(treasury, asset, hub)
    return None if pool is None else spot_px(pool, asset, hub_px)


def of_hub(treasury: Treasury, hub: int, others: Mapping[int, Px]) -> Px | None:
    """Price of the hub as its pools imply it, given the prices of the `others`: the lower median of the implied ones.

    Each asset's deepest pool speaks once, so that one pool that is off, or one feed, does not speak for all.
    """
    implied = sorted(_implied(treasury, hub, others))
    return implied[(len(implied) - 1) // 2] if implied else None


def _implied(treasury: Treasury, hub: int, others: Mapping[int, Px]) -> Sequence[Px]:
    pools = {index: deepest(treasury, index, hub) for index in others if index != hub}
    return [spot_px(pool, hub, others[index]) for index, pool in pools.items() if pool is not None]
