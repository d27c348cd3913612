"""The hub: the asset through which all others are traded and compared. And which listed pools lead to it."""

from collections import Counter

from keeper.core.model import Asset, Market, Treasury, Venue


def hub_of(market: Market) -> int | None:
    """Index of the fund's hub: the one it names, else the asset in most enabled pools (ties: the lowest index).

    None when the named hub is not an asset of the treasury, or no venue is enabled.
    """
    treasury = market.treasury
    if market.fund.hub is not None:
        return next((asset.index for asset in treasury.assets if asset.token == market.fund.hub), None)
    # a pair that is listed directly and through a router is one pool
    pools = {venue.pool: (venue.asset0, venue.asset1) for venue in treasury.venues if venue.enabled}
    counts = Counter(index for pair in pools.values() for index in pair)
    return min(counts, key=lambda index: (-counts[index], index), default=None)


def venues_between(treasury: Treasury, one: int, other: int) -> tuple[Venue, ...]:
    """Enabled venues for this pair of assets, whether or not they answered."""
    return tuple(venue for venue in treasury.venues if venue.enabled and {venue.asset0, venue.asset1} == {one, other})


def is_retired(asset: Asset) -> bool:
    """Neither wanted nor held: it needs no price, no pool and no health."""
    return asset.target == 0 and asset.balance == 0
