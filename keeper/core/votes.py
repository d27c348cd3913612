"""What each price source says of each asset of a fund, and whether it is believable by itself."""

from collections.abc import Mapping
from dataclasses import replace

from keeper.core import spot, twap
from keeper.core.hub import hub_of
from keeper.core.model import Asset, FeedAnswer, Market, PriceSource, PriceVote
from keeper.core.quotes import Fault, px_of
from keeper.core.spot import Pools
from keeper.core.units import Px, Timestamp, px_from_answer


def votes(market: Market) -> tuple[PriceVote, ...]:
    """Of each asset FEED, ROUTER, ORACLE where the books say which coin it is, and TWAP; `used` is whether it is
    believable by itself. Nobody is asked about a retired asset.
    """
    assets, hub = counted(market), hub_of(market)
    feeds = {asset.index: feed_vote(asset, market.block.timestamp) for asset in assets}
    pools = {} if hub is None else spot.pools_by_depth(market.treasury, hub)
    believed = {index: vote.px for index, vote in feeds.items() if vote.used and vote.px is not None}
    return tuple(
        vote
        for asset in assets
        for vote in (
            feeds[asset.index],
            _router_vote(market, pools, asset.index, hub, believed),
            *_oracle_votes(market, asset),
            _twap_vote(market, pools, asset.index, hub, believed),
        )
    )


def counted(market: Market) -> list[Asset]:
    """All but the retired: the treasury reads the feed of every one of them, even of one that it does not hold."""
    return [asset for asset in market.treasury.assets if not asset.retired]


def unused(vote: PriceVote, reason: str) -> PriceVote:
    """A vote that did not count. A fault of its own stays its reason."""
    return replace(vote, used=False, reason=reason) if vote.used else vote


def feed_vote(asset: Asset, now: Timestamp) -> PriceVote:
    """What the asset's feed says; used when the treasury would believe it at that time."""
    answer = asset.answer
    if answer is None:
        return PriceVote(asset.index, PriceSource.FEED, None, None, False, "the feed did not answer")
    fault = bounds_fault(asset, answer) or age_fault(asset, answer, now)
    px = px_from_answer(answer.answer, answer.decimals, asset.decimals) if _can_scale(asset, answer) else None
    return PriceVote(asset.index, PriceSource.FEED, px, answer.updated_at, not fault, fault or "feed")


def bounds_fault(asset: Asset, answer: FeedAnswer) -> str:
    """Why the treasury would not take this answer whatever its age, "" when it would."""
    if answer.answer <= 0:
        return f"the feed answered {answer.answer}"
    if not _can_scale(asset, answer):
        return f"{answer.decimals} decimals of the feed and {asset.decimals} of the token are more than 36"
    if answer.answer < asset.min_answer:
        return f"{answer.answer} is below the treasury's bound {asset.min_answer}"
    if answer.answer > asset.max_answer:
        return f"{answer.answer} is above the treasury's bound {asset.max_answer}"
    return ""


def age_fault(asset: Asset, answer: FeedAnswer, now: Timestamp) -> str:
    """Why the treasury would not take this answer at that time, "" when it would."""
    age = now - answer.updated_at
    if age < 0:
        return f"the answer is {-age} s from the future"
    if age > asset.max_age_seconds:
        return f"the answer is {age} s old, at most {asset.max_age_seconds} s"
    return ""


def _can_scale(asset: Asset, answer: FeedAnswer) -> bool:
    return answer.answer > 0 and answer.decimals + asset.decimals <= 36


def _router_vote(market: Market, pools: Pools, asset: int, hub: int | None, feeds: Mapping[int, Px]) -> PriceVote:
    """Spot through the hub, which is valued by its feed; the hub's own by what its pools imply of the others' feeds."""
    px: Px | None = None
    if hub is None:
        reason = "the fund has no hub"
    elif asset == hub:
        px = spot.of_hub(pools, hub, feeds)
        reason = "what its pools imply" if px else "no pool with depth against an asset whose feed is good"
    elif hub not in feeds:
        reason = "the hub's feed is not good"
    else:
        px = spot.through_hub(pools, asset, feeds[hub])
        reason = "deepest pool" if px else "no pool with depth against the hub"
    return PriceVote(asset, PriceSource.ROUTER, px or None, market.block.timestamp if px else None, bool(px), reason)


def _twap_vote(market: Market, pools: Pools, asset: int, hub: int | None, feeds: Mapping[int, Px]) -> PriceVote:
    """The pool's mean, through the hub as ROUTER's spot is."""
    try:
        if hub is None:
            raise twap.Silent("the fund has no hub")
        if asset == hub:
            px, told = twap.of_hub(market, pools, hub, feeds), "what its pools imply on average"
        elif hub in feeds:
            px, told = twap.through_hub(market, pools, asset, feeds[hub])
        else:
            raise twap.Silent("the hub's feed is not good")
    except twap.Silent as silence:
        return PriceVote(asset, PriceSource.TWAP, None, None, False, str(silence))
    return PriceVote(asset, PriceSource.TWAP, px, market.block.timestamp, True, told)


def _oracle_votes(market: Market, asset: Asset) -> tuple[PriceVote, ...]:
    """One, or none for an asset of which nobody said which coin it is: its absence is no vote against anything."""
    answer = market.quotes.get(asset.index)
    if answer is None:
        return ()
    px = answer if isinstance(answer, Fault) else px_of(answer, asset.decimals)
    if isinstance(px, Fault):
        reason = f"{px.source}: {px.reason}"
        return (PriceVote(asset.index, PriceSource.ORACLE, None, px.updated_at, False, reason),)
    assert not isinstance(answer, Fault)
    reason = f"{answer.source}: {answer.coin}"
    return (PriceVote(asset.index, PriceSource.ORACLE, px, answer.updated_at, True, reason),)
