"""Votes of the price sources -> one price book, or a refusal. Fails closed: what is missing or off is never 0.

The treasury values every swap by its own feeds, whatever the keeper believes: a feed that it would refuse stops the
fund under every PRICE_SOURCE. Pool spot can veto, and on test chains value; elsewhere it never stands alone. A pool's
mean never values a fund by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from keeper.core.agreement import agreed_of
from keeper.core.hub import hub_of, is_idle
from keeper.core.model import LOCAL_CHAIN_ID, Asset, FeedAnswer, GuardResult, Market, PriceSource, PriceVote, Verdict
from keeper.core.units import Px, Timestamp, UsdE18, px_from_answer
from keeper.core.votes import age_fault, bounds_fault, counted, unused, votes
from keeper.core.words import percent

TEST_CHAINS: Final = frozenset({1337, LOCAL_CHAIN_ID, 17_000, 560_048, 84_532, 421_614, 11_155_111, 11_155_420})
"""Local chains, then Holesky, Hoodi, Base, Arbitrum, Ethereum and OP Sepolia: money there is play money."""
STABLECOINS: Final = frozenset(
    {"USDC", "USDC.e", "USDT", "DAI", "USDS", "LUSD", "FRAX", "PYUSD", "GUSD", "TUSD", "USDP"}
)
"""Symbols of the tokens that promise one dollar; the treasury's owner lists assets, so a symbol is not anybody's."""
MAJORS: Final = frozenset({"WETH", "WETH.e", "WBTC", "WBTC.e", "BTC.b", "BTCB", "cbBTC", "tBTC"})
"""Symbols of ether and bitcoin, wrapped one for one: traded everywhere, so that sources agree closely. What is staked
or restaked (wstETH) is not one: it has a price of its own, and feeds and pools for it that lag."""
NATIVE_MAX_AGE: Final = 95_100
"""Seconds: a daily heartbeat x 1.1 + 60. The native price only serves to show gas in USD."""


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by asset index. None for a retired asset, and for an idle one about which the sources do not agree.

    `px` is what the fund is valued by, `treasury_px` what the treasury's feeds say and its limits are counted in.
    `native_usd_px` is UsdE18 of 10^18 wei, None when nobody knows. `spot_off` holds, for an asset whose pool spot was
    dropped for being off, how far from `px` a pool may be to be traded through all the same.
    """

    px: tuple[Px | None, ...]
    treasury_px: tuple[Px | None, ...]
    votes: tuple[PriceVote, ...]
    native_usd_px: UsdE18 | None
    guards: tuple[GuardResult, ...]
    spot_off: Mapping[int, Fraction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PricesRefused:
    """No price book: at least one of `guards` refused."""

    votes: tuple[PriceVote, ...]
    guards: tuple[GuardResult, ...]

    @property
    def refusals(self) -> tuple[GuardResult, ...]:
        return tuple(guard for guard in self.guards if guard.verdict is Verdict.REFUSE)


def agree(market: Market) -> PriceBook | PricesRefused:
    """Apply the policy's rule to the votes. One guard result each for bounds, age and agreement of all prices."""
    cast, wanted = votes(market), counted(market)
    of: dict[int, dict[PriceSource, PriceVote]] = {asset.index: {} for asset in wanted}
    for vote in cast:
        of[vote.asset][vote.source] = vote
    feeds = {index: found[PriceSource.FEED] for index, found in of.items()}
    hub = hub_of(market)
    verdicts = {asset.index: _settle(market, asset, of[asset.index], hub) for asset in wanted}
    settled = tuple(vote for asset in wanted for vote in verdicts[asset.index].votes)
    guards = (
        _bounds_guard(wanted, feeds),
        _age_guard(wanted, market.block.timestamp),
        _agreement_guard(market, [asset for asset in wanted if not is_idle(asset)], verdicts),
    )
    if any(guard.verdict is Verdict.REFUSE for guard in guards):
        return PricesRefused(settled, guards)
    assets = market.treasury.assets
    px = tuple(None if asset.retired else verdicts[asset.index].px for asset in assets)
    treasury_px = tuple(None if asset.retired else feeds[asset.index].px for asset in assets)
    off = {index: each.limit for index, each in verdicts.items() if PriceSource.ROUTER in each.dropped}
    return PriceBook(px, treasury_px, settled, _native_px(market, px), guards, off)


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

_MOST_TRUSTED_FIRST: Final = (PriceSource.FEED, PriceSource.ORACLE, PriceSource.ROUTER)
"""Those that say what an asset is worth now. TWAP joins what they agree on, see `agreement`."""
_COUNT: Final = {2: "two", 3: "three"}
_NO_ORACLE: Final = "ORACLE says nothing: MARKET_DATA is off, or `keeper funds coins` does not say which coin it is"


@dataclass(frozen=True, slots=True)
class _Settled:
    """One asset: its price if the rule gave one, its votes as used, how far apart they are, what is wrong, and which
    sources were dropped because the others agree without them, with how far off they are."""

    px: Px | None
    votes: tuple[PriceVote, ...]
    deviation: Fraction | None
    limit: Fraction
    fault: str = ""
    dropped: Mapping[PriceSource, Fraction] = field(default_factory=dict)


def _settle(market: Market, asset: Asset, cast: Mapping[PriceSource, PriceVote], hub: int | None) -> _Settled:
    source, limit = market.policy.price_source, deviation_limit(market, asset, hub)
    if values_alone(market):
        chosen, others = source, f"PRICE_SOURCE is {source}"
        if source is PriceSource.ROUTER and asset.index == hub:
            chosen, others = PriceSource.FEED, "the hub is valued by its feed"
        return _alone(cast, chosen, others, limit)
    voices = [cast[each] for each in _MOST_TRUSTED_FIRST if each in cast]
    believed = [vote for vote in voices if vote.used]
    agreed = agreed_of(believed, cast[PriceSource.TWAP], limit)
    if len(believed) < 2:
        silent = "; ".join(f"{vote.source}: {vote.reason}" for vote in voices if not vote.used)
        speak = "only one" if believed else "none"
        fault = f"{speak} of {_COUNT[len(voices)]} sources speaks ({silent})"
        return _Settled(None, _all_unused(cast, fault), agreed.deviation, limit, fault)
    if not agreed.kept:
        assert agreed.deviation is not None
        fault = f"sources are {percent(agreed.deviation)} % apart, at most {percent(limit)} %"
        return _Settled(None, _all_unused(cast, fault), agreed.deviation, limit, fault)
    px = agreed.px
    if source is PriceSource.ROUTER:
        # the hub is what the others are counted in: it is not valued by them
        chosen = PriceSource.FEED if asset.index == hub else PriceSource.ROUTER
        if (own := cast[chosen]) not in agreed.kept:
            fault = f"PRICE_SOURCE is ROUTER, and {chosen} {_off(chosen, agreed.dropped) or own.reason}"
            return _Settled(None, _all_unused(cast, fault), agreed.deviation, limit, fault)
        px = own.px
    told = tuple(
        unused(vote, _off(vote.source, agreed.dropped)) if vote.source in agreed.dropped else vote
        for vote in cast.values()
    )
    return _Settled(px, told, agreed.deviation, limit, dropped=agreed.dropped)


def values_alone(market: Market) -> bool:
    """Whether PRICE_SOURCE needs nobody to agree with it: always a feed's or a provider's word, spot on test chains."""
    source = market.policy.price_source
    if source is PriceSource.ROUTER:
        return market.chain_id in TEST_CHAINS
    return source is not PriceSource.MEDIAN


def _alone(cast: Mapping[PriceSource, PriceVote], chosen: PriceSource, others: str, limit: Fraction) -> _Settled:
    feed, router = cast[PriceSource.FEED], cast[PriceSource.ROUTER]
    apart = Fraction(abs(router.px - feed.px), feed.px) if feed.used and router.used and feed.px and router.px else None
    told = tuple(vote if vote.source is chosen else unused(vote, others) for vote in cast.values())
    own = cast.get(chosen)
    if own is None:
        return _Settled(None, told, apart, limit, _NO_ORACLE)
    return _Settled(own.px if own.used else None, told, apart, limit, "" if own.used else own.reason)


def _off(source: PriceSource, dropped: Mapping[PriceSource, Fraction]) -> str:
    return f"is {percent(dropped[source])} % off the others" if source in dropped else ""


def _all_unused(cast: Mapping[PriceSource, PriceVote], fault: str) -> tuple[PriceVote, ...]:
    return tuple(unused(vote, fault) for vote in cast.values())


def deviation_limit(market: Market, asset: Asset, hub: int | None) -> Fraction:
    """How far sources may be apart. A hub is compared through the others' pools and feeds, so it cannot be held to more
    than they are."""
    policy = market.policy
    if asset.index != hub and asset.symbol in STABLECOINS:
        return Fraction(policy.stable_price_deviation)
    if asset.index != hub and asset.symbol in MAJORS:
        return Fraction(policy.major_price_deviation)
    return Fraction(policy.max_price_deviation)


# ------------------------------------------------------------------------------------------------- guards


def _bounds_guard(assets: list[Asset], feeds: Mapping[int, PriceVote]) -> GuardResult:
    faults = [
        f"{asset.symbol}: {fault}{_way_out(asset)}"
        for asset in assets
        if (fault := feeds[asset.index].reason if asset.answer is None else bounds_fault(asset, asset.answer))
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
        if (fault := age_fault(asset, answer, now))
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
    """Shows the asset whose sources are furthest apart, as a part of what is allowed, and which were dropped."""
    faults = [f"{a.symbol}: {verdicts[a.index].fault}" for a in assets if verdicts[a.index].fault]
    dropped = [
        f"{a.symbol}: without {source}, which {_off(source, verdicts[a.index].dropped)}"
        for a in assets
        for source in verdicts[a.index].dropped
    ]
    apart = [
        (a, settled.deviation, settled.limit) for a in assets if (settled := verdicts[a.index]).deviation is not None
    ]
    worst = max(apart, key=lambda item: item[1] / item[2], default=None)
    source, alone = market.policy.price_source, values_alone(market)
    passed = Verdict.SKIP if alone else Verdict.PASS
    otherwise = f"{source} values alone" if alone else worst[0].symbol if worst else ""
    return GuardResult(
        name="price_agreement",
        measured=percent(worst[1], 4) if worst else "",
        limit=percent(worst[2] if worst else Fraction(market.policy.max_price_deviation), 4),
        unit="%",
        verdict=Verdict.REFUSE if faults else passed,
        detail="; ".join(faults or dropped) or otherwise,
    )
