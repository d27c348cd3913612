"""Votes of the price sources -> one price book, or a refusal. Fails closed: what is missing or off is never 0.

The treasury values every swap by its own feeds, whatever the keeper believes: a feed that it would refuse stops the
fund under every PRICE_SOURCE. Pool spot can veto, and on test chains value; elsewhere it never stands alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from keeper.core import spot
from keeper.core.hub import hub_of, is_idle
from keeper.core.model import LOCAL_CHAIN_ID, Asset, FeedAnswer, GuardResult, Market, PriceSource, PriceVote, Verdict
from keeper.core.units import Px, Timestamp, UsdE18, px_from_answer
from keeper.core.words import percent

TEST_CHAINS: Final = frozenset({1337, LOCAL_CHAIN_ID, 17_000, 560_048, 84_532, 421_614, 11_155_111, 11_155_420})
"""Local chains, then Holesky, Hoodi, Base, Arbitrum, Ethereum and OP Sepolia: money there is play money."""
STABLECOINS: Final = frozenset(
    {"USDC", "USDC.e", "USDT", "DAI", "USDS", "LUSD", "FRAX", "PYUSD", "GUSD", "TUSD", "USDP"}
)
"""Symbols of the tokens that promise one dollar; the treasury's owner lists assets, so a symbol is not anybody's."""
NATIVE_MAX_AGE: Final = 95_100
"""Seconds: a daily heartbeat x 1.1 + 60. The native price only serves to show gas in USD."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by asset index. None for a retired asset, and for an idle one about which the sources do not agree.

    `px` is what the fund is valued by, `treasury_px` what the treasury's feeds say and its limits are counted in.
    `native_usd_px` is UsdE18 of 10^18 wei, None when nobody knows.
    """

    px: tuple[Px | None, ...]
    treasury_px: tuple[Px | None, ...]
    votes: tuple[PriceVote, ...]
    native_usd_px: UsdE18 | None
    guards: tuple[GuardResult, ...]


@dataclass(frozen=True, slots=True)
class PricesRefused:
    """No price book: at least one of `guards` refused."""

    votes: tuple[PriceVote, ...]
    guards: tuple[GuardResult, ...]

    @property
    def refusals(self) -> tuple[GuardResult, ...]:
        return tuple(guard for guard in self.guards if guard.verdict is Verdict.REFUSE)


def votes(market: Market) -> tuple[PriceVote, ...]:
    """What each source says of each asset, FEED before ROUTER; `used` is whether it is believable by itself.

    Nobody is asked about a retired asset.
    """
    assets, hub = _counted(market), hub_of(market)
    feeds = {asset.index: feed_vote(asset, market.block.timestamp) for asset in assets}
    believed = {index: vote.px for index, vote in feeds.items() if vote.used and vote.px is not None}
    return tuple(
        vote for asset in assets for vote in (feeds[asset.index], _router_vote(market, asset.index, hub, believed))
    )


def agree(market: Market) -> PriceBook | PricesRefused:
    """Apply the policy's rule to the votes. One guard result each for bounds, age and agreement of all prices."""
    cast = votes(market)
    feeds = {vote.asset: vote for vote in cast if vote.source is PriceSource.FEED}
    routers = {vote.asset: vote for vote in cast if vote.source is PriceSource.ROUTER}
    hub, counted = hub_of(market), _counted(market)
    verdicts = {asset.index: _settle(market, asset, feeds[asset.index], routers[asset.index], hub) for asset in counted}
    settled = tuple(vote for asset in counted for vote in verdicts[asset.index].votes)
    guards = (
        _bounds_guard(counted, feeds),
        _age_guard(counted, market.block.timestamp),
        _agreement_guard(market, [asset for asset in counted if not is_idle(asset)], verdicts),
    )
    if any(guard.verdict is Verdict.REFUSE for guard in guards):
        return PricesRefused(settled, guards)
    assets = market.treasury.assets
    px = tuple(None if asset.retired else verdicts[asset.index].px for asset in assets)
    treasury_px = tuple(None if asset.retired else feeds[asset.index].px for asset in assets)
    return PriceBook(px, treasury_px, settled, _native_px(market, px), guards)


def _counted(market: Market) -> list[Asset]:
    """All but the retired: the treasury reads the feed of every one of them, even of one that it does not hold."""
    return [asset for asset in market.treasury.assets if not asset.retired]


# ------------------------------------------------------------------------------------------------ sources


def feed_vote(asset: Asset, now: Timestamp) -> PriceVote:
    """What the asset's feed says; used when the treasury would believe it at that time."""
    answer = asset.answer
    if answer is None:
        return PriceVote(asset.index, PriceSource.FEED, None, None, False, "the feed did not answer")
    fault = _bounds_fault(asset, answer) or _age_fault(asset, answer, now)
    px = px_from_answer(answer.answer, answer.decimals, asset.decimals) if _can_scale(asset, answer) else None
    return PriceVote(asset.index, PriceSource.FEED, px, answer.updated_at, not fault, fault or "feed")


def _can_scale(asset: Asset, answer: FeedAnswer) -> bool:
    return answer.answer > 0 and answer.decimals + asset.decimals <= 36


def _bounds_fault(asset: Asset, answer: FeedAnswer) -> str:
    if answer.answer <= 0:
        return f"the feed answered {answer.answer}"
    if not _can_scale(asset, answer):
        return f"{answer.decimals} decimals of the feed and {asset.decimals} of the token are more than 36"
    if answer.answer < asset.min_answer:
        return f"{answer.answer} is below the treasury's bound {asset.min_answer}"
    if answer.answer > asset.max_answer:
        return f"{answer.answer} is above the treasury's bound {asset.max_answer}"
    return ""


def _age_fault(asset: Asset, answer: FeedAnswer, now: Timestamp) -> str:
    age = now - answer.updated_at
    if age < 0:
        return f"the answer is {-age} s from the future"
    if age > asset.max_age_seconds:
        return f"the answer is {age} s old, at most {asset.max_age_seconds} s"
    return ""


def _router_vote(market: Market, asset: int, hub: int | None, feeds: Mapping[int, Px]) -> PriceVote:
    """Spot through the hub, which is valued by its feed; the hub's own by what its pools imply of the others' feeds."""
    px: Px | None = None
    if hub is None:
        reason = "the fund has no hub"
    elif asset == hub:
        px = spot.of_hub(market.treasury, hub, feeds)
        reason = "what its pools imply" if px else "no pool with depth against an asset whose feed is good"
    elif hub not in feeds:
        reason = "the hub's feed is not good"
    else:
        px = spot.through_hub(market.treasury, asset, hub, feeds[hub])
        reason = "deepest pool" if px else "no pool with depth against the hub"
    return PriceVote(asset, PriceSource.ROUTER, px or None, market.block.timestamp if px else None, bool(px), reason)


def _native_px(market: Market, px: tuple[Px | None, ...]) -> UsdE18 | None:
    answer = market.native
    if answer is not None and answer.answer > 0 and answer.decimals <= 18:
        age = market.block.timestamp - answer.updated_at
        if 0 <= age <= NATIVE_MAX_AGE:
            return UsdE18(px_from_answer(answer.answer, answer.decimals, 18))
    wrapped = next((a for a in market.treasury.assets if a.token == market.wrapped_native), None)
    price = px[wrapped.index] if wrapped is not None else None
    return None if price is None else UsdE18(price)


# -------------------------------------------------------------------------------------------------- rules


@dataclass(frozen=True, slots=True)
class _Settled:
    """One asset: its price if the rule gave one, its votes as used, how far apart they are, what is wrong."""

    px: Px | None
    votes: tuple[PriceVote, PriceVote]
    deviation: Fraction | None
    limit: Fraction
    fault: str = ""


def _settle(market: Market, asset: Asset, feed: PriceVote, router: PriceVote, hub: int | None) -> _Settled:
    source = market.policy.price_source
    limit, is_hub = _limit(market, asset, hub), asset.index == hub
    believed = feed.px is not None and router.px is not None and feed.used and router.used
    apart = Fraction(abs(router.px - feed.px), feed.px) if believed and feed.px and router.px else None

    def refuse(fault: str) -> _Settled:
        return _Settled(None, (_unused(feed, fault), _unused(router, fault)), apart, limit, fault)

    if source is PriceSource.ORACLE:
        return refuse("ORACLE is not available in this version")
    if source is PriceSource.FEED:
        fault = "" if feed.used else feed.reason
        return _Settled(
            feed.px if feed.used else None, (feed, _unused(router, "PRICE_SOURCE is FEED")), apart, limit, fault
        )
    if source is PriceSource.ROUTER and market.chain_id in TEST_CHAINS:
        if is_hub:
            fault = "" if feed.used else feed.reason
            by_feed = _unused(router, "the hub is valued by its feed")
            return _Settled(feed.px if feed.used else None, (feed, by_feed), apart, limit, fault)
        fault = "" if router.used else router.reason
        by_spot = (_unused(feed, "PRICE_SOURCE is ROUTER"), router)
        return _Settled(router.px if router.used else None, by_spot, apart, limit, fault)

    # two sources are needed, and have to agree
    if apart is None:
        silent = feed if not feed.used else router
        return refuse(f"only one of two sources speaks ({silent.source}: {silent.reason})")
    if apart > limit:
        return refuse(f"sources are {percent(apart)} % apart, at most {percent(limit)} %")
    assert feed.px is not None
    assert router.px is not None
    if source is PriceSource.MEDIAN:
        return _Settled(Px((feed.px + router.px) // 2), (feed, router), apart, limit)
    chosen = feed if is_hub else router
    return _Settled(chosen.px, (feed, router), apart, limit)


def _unused(vote: PriceVote, reason: str) -> PriceVote:
    """A vote that did not count. A fault of its own stays its reason."""
    return replace(vote, used=False, reason=reason) if vote.used else vote


def _limit(market: Market, asset: Asset, hub: int | None) -> Fraction:
    """A hub is compared through the others' pools and feeds, so it cannot be held to more than they are."""
    policy, pegged = market.policy, asset.symbol in STABLECOINS and asset.index != hub
    return Fraction(policy.stable_price_deviation if pegged else policy.max_price_deviation)


# ------------------------------------------------------------------------------------------------- guards


def _bounds_guard(assets: list[Asset], feeds: Mapping[int, PriceVote]) -> GuardResult:
    faults = [
        f"{asset.symbol}: {fault}{_way_out(asset)}"
        for asset in assets
        if (fault := feeds[asset.index].reason if asset.answer is None else _bounds_fault(asset, asset.answer))
    ]
    return GuardResult(
        name="price_bounds",
        measured=str(len(assets) - len(faults)),
        limit=str(len(assets)),
        unit="feeds that answer within bounds",
        verdict=Verdict.REFUSE if faults else Verdict.PASS,
        detail="; ".join(faults),
    )


def _way_out(asset: Asset) -> str:
    """Of what the fund does not want a dead feed is no reason to wait."""
    return "" if asset.target else " (its target is 0: retireAsset goes on without it)"


def _age_guard(assets: list[Asset], now: Timestamp) -> GuardResult:
    """Shows the feed that is nearest to its own limit, or furthest beyond it; one from the future is beyond any."""
    answers = [(asset, asset.answer) for asset in assets if asset.answer is not None]
    if not answers:
        return GuardResult("price_age", "", "", "s", Verdict.SKIP, "no feed answered")
    faults = [
        f"{asset.symbol}: {fault}{_way_out(asset)}"
        for asset, answer in answers
        if (fault := _age_fault(asset, answer, now))
    ]

    def strain(pair: tuple[Asset, FeedAnswer]) -> tuple[bool, Fraction]:
        age = now - pair[1].updated_at
        return age < 0, Fraction(age, max(1, pair[0].max_age_seconds))

    worst, answer = max(answers, key=strain)
    return GuardResult(
        name="price_age",
        measured=str(now - answer.updated_at),
        limit=str(worst.max_age_seconds),
        unit="s",
        verdict=Verdict.REFUSE if faults else Verdict.PASS,
        detail="; ".join(faults) or worst.symbol,
    )


def _agreement_guard(market: Market, assets: list[Asset], verdicts: Mapping[int, _Settled]) -> GuardResult:
    """Shows the asset whose two sources are furthest apart, as a part of what is allowed."""
    faults = [f"{a.symbol}: {verdicts[a.index].fault}" for a in assets if verdicts[a.index].fault]
    apart = [
        (a, settled.deviation, settled.limit) for a in assets if (settled := verdicts[a.index]).deviation is not None
    ]
    worst = max(apart, key=lambda item: item[1] / item[2], default=None)
    source = market.policy.price_source
    alone = source is PriceSource.FEED or (source is PriceSource.ROUTER and market.chain_id in TEST_CHAINS)
    passed = Verdict.SKIP if alone else Verdict.PASS
    return GuardResult(
        name="price_agreement",
        measured=percent(worst[1], 4) if worst else "",
        limit=percent(worst[2] if worst else Fraction(market.policy.max_price_deviation), 4),
        unit="%",
        verdict=Verdict.REFUSE if faults else passed,
        detail="; ".join(faults) or (f"{source} values alone" if alone else worst[0].symbol if worst else ""),
    )
