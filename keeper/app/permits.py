"""Whether a transaction may be signed now: key, gas, open transaction, nonce, breaker, budget. Asked before every plan
is stored; the books ask what is theirs once more in the transaction that takes the nonce."""

from typing import Final

import structlog

from keeper.app.memory import Outbox
from keeper.app.world import World
from keeper.core import breaker, fees
from keeper.core.holds import DOUBTED_HEADS, is_behind, nonce_fault
from keeper.core.journal import rfc3339
from keeper.core.ledger import Alert, AlertKind, Record, RecordKind
from keeper.core.model import Block, Fund, Market, Policy
from keeper.core.units import Timestamp, Wei, scaled
from keeper.core.words import plain
from keeper.ports import Account, SignerUnavailable

log = structlog.get_logger()

DAY: Final = 86_400


async def forbidden(account: Account, market: Market, gas_limit: int, world: World, outbox: Outbox) -> str | None:
    """Why a transaction of this fund cannot be signed now, or None. Opens the breaker and holds the signer
    where what is found asks for it."""
    fund = market.fund
    return (
        keyless(fund, world)
        or await taken(fund, world)
        or await held(fund, account, market.block, world, outbox)
        or obstacle(account, market, gas_limit)
        or await broken(fund, market.policy, market.block.timestamp, world)
        or await over_budget(account, market, gas_limit, world)
    )


def keyless(fund: Fund, world: World) -> str | None:
    """Why a transaction of this fund could not be signed, or None."""
    try:
        world.signer_of(fund)
    except SignerUnavailable as missing:
        return f"signer: {missing}"
    return None


def quote(account: Account, market: Market) -> fees.FeeQuote | fees.FeeTooHigh:
    """What a trade would offer now. Below MAX_FEE_GWEI by what its cancellation must be able to add."""
    return fees.quote(market.block.base_fee, account.tip, fees.trade_limit(market.policy.max_fee))


def obstacle(account: Account, market: Market, gas_limit: int) -> str | None:
    """Why a transaction of this signer cannot be sent now, or None."""
    if account.pending_nonce != account.nonce:
        waiting = account.pending_nonce - account.nonce
        return f"open_transaction: {waiting} of {market.fund.signer}'s transactions wait in the node's pool"
    offered = quote(account, market)
    if isinstance(offered, fees.FeeTooHigh):
        needed, limit = plain(scaled(offered.needed, 9)), plain(scaled(market.policy.max_fee, 9))
        return f"max_gas_price: {needed} gwei, MAX_FEE_GWEI allows {limit} and a cancellation must be able to outbid it"
    most = gas_limit * offered.max_fee
    if account.balance < most:
        held_, needed = plain(scaled(account.balance, 18)), plain(scaled(most, 18))
        return f"gas_balance: {held_} of the native coin, the transaction may cost {needed}"
    return None


def too_large(gas: int, market: Market) -> str | None:
    """Why a transaction that takes so much gas is not made, or None."""
    most = market.policy.max_gas
    return None if gas <= most else f"max_gas: it takes {gas} gas, MAX_GAS_PER_TRANSACTION allows {most}"


async def taken(fund: Fund, world: World) -> str | None:
    """Which transaction of this signer is in the way, such as that of a fund that shares it, or None."""
    others = await world.books.open_intents(fund.signer)
    return f"open_transaction: transaction {others[0].id} of this signer is not settled yet" if others else None


async def held(fund: Fund, account: Account, head: Block, world: World, outbox: Outbox) -> str | None:
    """SAFE_HOLD: why an operator has to look first, or None. None of the signer's transactions is open.

    A nonce that is lower than the books know forbids to sign at once, but holds only when several heads show it.
    """
    state = await world.books.signer_state(fund.signer)
    if state.hold is not None:
        return f"safe_hold: {state.hold}"
    behind = is_behind(state, account.nonce)
    doubted = outbox.doubt(f"nonce of {fund.signer}", head, behind)
    if (fault := nonce_fault(state, account.nonce)) is None:
        return None
    if behind and doubted < DOUBTED_HEADS:
        return f"nonce: {fault}"
    await hold(fund, fault, world)
    return f"safe_hold: {fault}"


async def hold(fund: Fund, reason: str, world: World) -> None:
    """Nothing is signed for the fund's signer until an operator says so."""
    body = {"event": "safe_hold", "signer": fund.signer, "reason": reason, "at": rfc3339(world.clock.now())}
    await world.books.hold(fund.signer, reason, Record(RecordKind.OUTCOME, fund.id, body))
    log.error("signer on hold", fund=fund.name, signer=fund.signer, reason=reason)
    await alarm(Alert(fund.id, AlertKind.SAFE_HOLD, f"{reason} (`keeper reconcile` shows more)"), world)


async def broken(fund: Fund, policy: Policy, now: Timestamp, world: World) -> str | None:
    """Why the fund's circuit breaker is open, or None. It opens here, and stays open until an operator resets it."""
    reason = await world.books.breaker(fund.id)
    if reason is None:
        reason = breaker.trips(await world.books.executions(fund.id, breaker.counted_from(now)), policy)
        if reason is None:
            return None
        body = {"event": "breaker_opened", "reason": reason, "at": rfc3339(world.clock.now())}
        await world.books.trip_breaker(fund.id, reason, Record(RecordKind.OUTCOME, fund.id, body))
        log.error("breaker opened", fund=fund.name, reason=reason)
        await alarm(Alert(fund.id, AlertKind.BREAKER_OPEN, f"{reason} (`keeper breaker reset` after a look)"), world)
    return f"breaker: {reason}"


async def over_budget(account: Account, market: Market, gas_limit: int, world: World) -> str | None:
    """Why the day's budget of gas does not bear one more transaction at its dearest, or None."""
    left = await budget_left(market.fund, market.policy, market.block.timestamp, world)
    offered = quote(account, market)
    if isinstance(offered, fees.FeeTooHigh) or gas_limit * offered.max_fee <= left:
        return None
    most, rest = plain(scaled(gas_limit * offered.max_fee, 18)), plain(scaled(left, 18))
    return f"gas_budget: the transaction may cost {most} of the native coin, GAS_BUDGET_PER_DAY leaves {rest}"


async def budget_left(fund: Fund, policy: Policy, now: Timestamp, world: World) -> Wei:
    """Of the signer's last 24 hours of chain time."""
    spent = await world.books.gas_spent(fund.signer, Timestamp(max(0, now - DAY)))
    return Wei(max(0, policy.gas_budget - spent))


async def alarm(alert: Alert, world: World) -> None:
    """Written down, and told unless it was told before and still stands."""
    await world.books.raise_alert(alert)
    for news in world.told.news(alert.fund_id, [alert], []):
        await world.alerts.send(news)
