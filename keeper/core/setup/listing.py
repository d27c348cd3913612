"""A configuration's assets and venues as the treasury lists them, with what only the chain can say."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from keeper.core.setup.config import AssetConfig, FundConfig, LimitsConfig, VenueConfig
from keeper.core.setup.state import Facts, ListedAsset, ListedVenue, TreasuryState
from keeper.core.units import ZERO_ADDRESS, Address, BaseUnits, Hash32


@dataclass(frozen=True, slots=True)
class Book:
    """A treasury's lists, and what they become while steps are made: places in them are known before they are mined."""

    assets: tuple[ListedAsset, ...]
    venues: tuple[ListedVenue, ...]

    def index(self, token: Address) -> int:
        return next(index for index, asset in enumerate(self.assets) if asset.token == token)


def initial(address: Address, facts: Facts, owner: Address, config: FundConfig) -> TreasuryState:
    """A treasury as its constructor leaves it."""
    return TreasuryState(
        address=address,
        code_hash=facts.expected_code or Hash32("0x"),
        name=config.name,
        symbol=config.symbol,
        owner=owner,
        pending_owner=ZERO_ADDRESS,
        v2_factory=config.uniswap.v2_factory or ZERO_ADDRESS,
        v3_factory=config.uniswap.v3_factory or ZERO_ADDRESS,
        sequencer_feed=config.sequencer_feed or ZERO_ADDRESS,
        guardian=ZERO_ADDRESS,
        weigher=ZERO_ADDRESS,
        paused=False,
        total_supply=BaseUnits(0),
        limits=LimitsConfig(),
        assets=(),
        venues=(),
        keepers={},
    )


def asset_of(asset: AssetConfig, facts: Facts, target_bps: int) -> ListedAsset:
    """As the treasury lists it. Decimals are what token and feed say, bounds in the feed's."""
    token, feed = facts.tokens[asset.token], facts.feeds[asset.feed]
    token_decimals, feed_decimals = token.decimals or 0, feed.decimals or 0
    return ListedAsset(
        token=asset.token,
        feed=asset.feed,
        token_decimals=token_decimals,
        feed_decimals=feed_decimals,
        max_age_seconds=asset.max_age_seconds,
        target_bps=target_bps,
        buyable=asset.buyable,
        retired=False,
        min_answer=answer_of(asset.min_price, feed_decimals),
        max_answer=answer_of(asset.max_price, feed_decimals),
    )


def answer_of(price: Decimal, feed_decimals: int) -> int:
    """A price in USD as the feed would answer it; digits that the feed does not have are cut off."""
    return int(Fraction(price) * 10**feed_decimals)


def target_of(venue: VenueConfig, index: int, config: FundConfig, facts: Facts) -> Address | None:
    """Pool or router: as configured, else what the factory or the chain's Uniswap says. None when there is none."""
    if venue.target is not None:
        return venue.target
    if venue.is_router:
        return config.uniswap.v2_router if venue.is_v2 else config.uniswap.v3_router
    return facts.venues[index].pool


def venue_of(venue: VenueConfig, index: int, config: FundConfig, facts: Facts, lists: Book) -> ListedVenue:
    """As the treasury lists it, the pool's own order of tokens."""
    first, second = (config.asset(symbol).token for symbol in venue.assets)
    if int(first, 16) > int(second, 16):  # Uniswap orders a pool's tokens by their addresses
        first, second = second, first
    target = target_of(venue, index, config, facts)
    return ListedVenue(
        target=target or ZERO_ADDRESS,
        kind=venue.kind,
        i0=lists.index(first),
        i1=lists.index(second),
        fee_pips=venue.fee_pips,
        enabled=True,
    )
