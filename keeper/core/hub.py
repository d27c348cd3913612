"""The hub: the asset through which all others are traded and compared. And which listed pools lead to it."""

from collections import Counter

from keeper.core.model import Asset, Market, Treasury, Venue


def hub_of(market: Market) -> int | None:
    """Index of the fund's hub: the one it names, else the asset in most enabled pools (ties: the lowest index).

    None when the named hub is not an asset of the treasury or is retired, or no venue is in use.
    """
    treasury = market.treasury
    if market.fund.hub is not None:
        named = (asset for asset in treasury.assets if asset.token == market.fund.hub and not asset.retired)
        return next((asset.index for asset in named), None)
    # a pair that is listed directly and through a router is one pool
    pools = {venue.pool: (venue.asset0, venue.asset1) for venue in treasury.venues if in_use(treasury, venue)}
    counts = Counter(index for pair in pools.values() for index in pair)
    return min(counts, key=lambda index: (-counts[index], index), default=None)


def venues_between(treasury: Treasury, one: int, other: int) -> tuple[Venue, ...]:
    """Venues in use for this pair of assets, whether or not they answered."""
    pair = ((one, other), (other, one))
    return tuple(v for v in treasury.venues if (v.asset0, v.asset1) in pair and in_use(treasury, v))


def in_use(treasury: Treasury, venue: Venue) -> bool:
    """Enabled, and neither side is retired: the treasury neither sells nor buys those."""
    assets = treasury.assets
    return venue.enabled and not assets[venue.asset0].retired and not assets[venue.asset1].retired


def is_idle(asset: Asset) -> bool:
    """Retired, or neither wanted nor held: it needs no pool, no second opinion on its price and no health.

    Of one that is not retired the treasury still reads the feed before every rebalance.
    """
    return asset.retired or (asset.target == 0 and asset.balance == 0)
