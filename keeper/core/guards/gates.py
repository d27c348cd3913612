"""Whether the fund may be judged at all: pauses, roles, the node, gas, prices, health of the tokens."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from keeper.core import jumps, spot
from keeper.core.guards.shape import verdict
from keeper.core.hub import hub_of, is_idle, venues_between
from keeper.core.model import Asset, GuardResult, Market, PriceSource, Verdict
from keeper.core.prices import STABLECOINS, PriceBook, PricesRefused, deviation_limit
from keeper.core.sequencer import SEQUENCER_GRACE, sequencer_fault
from keeper.core.units import Px, scaled, usd_per_token
from keeper.core.words import duration, percent, plain, utc

PEG_LOW: Final = Fraction(985, 1000)
PEG_HIGH: Final = Fraction(1015, 1000)


def gates(market: Market, prices: PriceBook | PricesRefused) -> tuple[GuardResult, ...]:
    """All that must hold before the fund is judged, in the order in which an operator would look."""
    return (
        paused(market),
        keeper_role(market),
        open_transaction(market),
        head_age(market),
        gas_balance(market),
        sequencer(market),
        *prices.guards,
        stablecoin_peg(market),
        price_jump(market, prices),
        token_health(market),
    )


def paused(market: Market) -> GuardResult:
    by = [
        who
        for who, is_set in (("the operator", market.fund.paused), ("the guardian", market.treasury.paused))
        if is_set
    ]
    return GuardResult(
        name="paused",
        measured="yes" if by else "no",
        limit="no",
        unit="",
        verdict=verdict(not by),
        detail=f"paused by {' and '.join(by)}" if by else "",
    )


def keeper_role(market: Market) -> GuardResult:
    """The signer may call until `keeper_until`, that second included."""
    until, now = market.treasury.keeper_until, market.block.timestamp
    left = until - now
    detail = f"{market.fund.signer} is keeper until {utc(until)}" if until else f"{market.fund.signer} is no keeper"
    return GuardResult(
        name="keeper_role",
        measured=str(left) if until else "no role",
        limit="0",
        unit="s left",
        verdict=verdict(until > 0 and left >= 0),
        detail=detail if left >= 0 or not until else f"{market.fund.signer} expired as keeper at {utc(until)}",
    )


def open_transaction(market: Market) -> GuardResult:
    intent = market.open_intent
    return GuardResult(
        name="open_transaction",
        measured="none" if intent is None else str(intent),
        limit="none",
        unit="",
        verdict=verdict(intent is None),
        detail="" if intent is None else f"transaction {intent} of this signer is not settled yet",
    )


def head_age(market: Market) -> GuardResult:
    """Wall clock: the one guard that asks whether the node keeps up. A limit of 0 switches it off."""
    age, limit = market.head_age_seconds, market.policy.max_head_age_seconds
    return GuardResult(
        name="head_age",
        measured=str(age),
        limit=str(limit) if limit else "off",
        unit="s",
        verdict=verdict(age <= limit) if limit else Verdict.SKIP,
        detail=f"block {market.block.number} is {duration(age)} old" if 0 < limit < age else "",
    )


def gas_balance(market: Market) -> GuardResult:
    balance = market.treasury.keeper_balance
    return GuardResult(
        name="gas_balance",
        measured=plain(scaled(balance, 18)),
        limit="above 0",
        unit="native coin",
        verdict=verdict(balance > 0),
        detail="" if balance > 0 else f"{market.fund.signer} has nothing to pay gas with",
    )


def sequencer(market: Market) -> GuardResult:
    """On a rollup: up, and for long enough that feeds have caught up with the world. The treasury asks the same."""
    state, limit = market.treasury.sequencer, str(SEQUENCER_GRACE)
    if state is None:
        return GuardResult("sequencer", "", limit, "s up", Verdict.SKIP, "no sequencer")
    fault = sequencer_fault(state, market.block.timestamp)
    up = market.block.timestamp - state.since if state.answer == 0 and state.since else None
    return GuardResult("sequencer", "" if up is None else str(up), limit, "s up", verdict(not fault), fault)


def stablecoin_peg(market: Market) -> GuardResult:
    """A stablecoin whose feed has left its dollar halts the fund, whatever PRICE_SOURCE says."""
    coins = [
        (asset, Fraction(asset.answer.answer, 10**asset.answer.decimals))
        for asset in market.treasury.assets
        if asset.symbol in STABLECOINS and asset.answer is not None and not is_idle(asset)
    ]
    if not coins:
        return GuardResult("stablecoin_peg", "", _peg_range(), "USD", Verdict.SKIP, "no stablecoin")
    off = [f"{asset.symbol} is at {_usd(price)} USD" for asset, price in coins if not PEG_LOW <= price <= PEG_HIGH]
    worst, price = max(coins, key=lambda coin: abs(coin[1] - 1))
    return GuardResult(
        name="stablecoin_peg",
        measured=_usd(price),
        limit=_peg_range(),
        unit="USD",
        verdict=verdict(not off),
        detail="; ".join(off) or worst.symbol,
    )


def _peg_range() -> str:
    return f"{_usd(PEG_LOW)} to {_usd(PEG_HIGH)}"


def _usd(price: Fraction) -> str:
    return plain(Decimal(round(price * 10**8)).scaleb(-8))


def price_jump(market: Market, prices: PriceBook | PricesRefused) -> GuardResult:
    """A price that is far from one of the last hour waits for a second cycle that sees it, unless FEED and ORACLE both
    say it, which know nothing of each other nor of any pool."""
    limit = Fraction(market.policy.max_price_jump)
    shown = percent(limit, 4) if limit else "off"
    if not limit or isinstance(prices, PricesRefused):
        why = "MAX_PRICE_JUMP is 0" if not limit else "no price counts"
        return GuardResult("price_jump", "", shown, "%", Verdict.SKIP, why)
    now, faults, moves = market.block.timestamp, [], []
    for asset in market.treasury.assets:
        px, hour = prices.px[asset.index], market.hour.get(asset.index)
        if px is None or hour is None or is_idle(asset):
            continue
        from_ = jumps.furthest(px, hour)
        moves.append((Fraction(abs(px - from_.px), from_.px), asset))
        if not jumps.far(px, from_.px, limit) or _told_from_outside(prices, asset):
            continue
        if not jumps.confirmed(px, hour, now, deviation_limit(market, asset, hub_of(market))):
            moved = f"{percent(moves[-1][0])} % from {_dollars(from_.px, asset)} USD at {utc(from_.at)}"
            faults.append(f"{asset.symbol}: {_dollars(px, asset)} USD is {moved}: a second cycle has to see it")
    if not moves:
        return GuardResult("price_jump", "", shown, "%", Verdict.SKIP, "no price of the last hour")
    worst, asset = max(moves, key=lambda move: move[0])
    told = "; ".join(faults) or asset.symbol
    return GuardResult("price_jump", percent(worst, 4), shown, "%", verdict(not faults), told)


def _told_from_outside(prices: PriceBook, asset: Asset) -> bool:
    told = {vote.source for vote in prices.votes if vote.asset == asset.index and vote.used}
    return {PriceSource.FEED, PriceSource.ORACLE} <= told


def _dollars(px: Px, asset: Asset) -> str:
    return plain(usd_per_token(px, asset.decimals).quantize(Decimal("1e-8")))


def token_health(market: Market) -> GuardResult:
    """Per token: its code is what it was, its balance can be read, and of its listed pools at least one has depth."""
    hub = hub_of(market)
    sick = {
        asset.symbol: faults
        for asset in market.treasury.assets
        if not is_idle(asset) and (faults := _faults(market, asset, hub))
    }
    wanted = sum(not is_idle(asset) for asset in market.treasury.assets)
    return GuardResult(
        name="token_health",
        measured=str(wanted - len(sick)),
        limit=str(wanted),
        unit="healthy tokens",
        verdict=verdict(not sick),
        detail="; ".join(f"{symbol}: {', '.join(faults)}" for symbol, faults in sick.items()),
    )


def _faults(market: Market, asset: Asset, hub: int | None) -> list[str]:
    faults = []
    if market.known_code.get(asset.token, asset.code_hash) != asset.code_hash:
        faults.append("its code has changed")
    if asset.balance is None:
        faults.append("its balance cannot be read")
    if hub is not None and asset.index != hub:
        venues = venues_between(market.treasury, asset.index, hub)
        if venues and not any(spot.depth(venue, hub) > 0 for venue in venues):
            faults.append("no listed pool has depth")
    return faults
