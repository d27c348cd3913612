"""Carries intents to their end: sign, send, follow, settle. What to do next is decided by `core.outbox`, never here.

Bytes are committed before they leave and read back for sending. Restart is the normal path: what an earlier process
left open goes through `settle_open` like everything else.
"""

import asyncio
from dataclasses import dataclass, field

import structlog

from keeper.app.settlement import settle
from keeper.app.world import World
from keeper.core import fees
from keeper.core.ledger import Alert, AlertKind, Attempt, Intent, IntentState, Receipt, Record, RecordKind
from keeper.core.model import Block, Fund, Market
from keeper.core.outbox import (
    Abandon,
    ChainFacts,
    Finalize,
    Halt,
    Resend,
    Send,
    Settle,
    Sign,
    Step,
    Wait,
    next_step,
)
from keeper.core.outcomes import dead_end_body, finality_body, submission_body
from keeper.core.units import Address, Wei, scaled
from keeper.ports import Account, ChainUnavailable, SignerUnavailable

log = structlog.get_logger()

UNDER_WAY = frozenset({IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT})


@dataclass(slots=True)
class Outbox:
    """What this process remembers of its intents; the books remember everything else.

    `planned` are the ids of intents planned here; `sent` the height at which each was last sent; `looked_at` the
    newest head that open intents were compared with. One writer per signer.
    """

    planned: set[int] = field(default_factory=set)
    sent: dict[int, int] = field(default_factory=dict)
    looked_at: int = -1
    turns: dict[Address, asyncio.Lock] = field(default_factory=dict)

    def turn(self, signer: Address) -> asyncio.Lock:
        return self.turns.setdefault(signer, asyncio.Lock())


def keyless(fund: Fund, world: World) -> str | None:
    """Why a transaction of this fund could not be signed, or None. Asked before anything is planned to be signed."""
    try:
        world.signer_of(fund)
    except SignerUnavailable as missing:
        return f"signer: {missing}"
    return None


def obstacle(account: Account, market: Market, gas_limit: int) -> str | None:
    """Why a transaction of this signer cannot be sent now, or None."""
    if account.pending_nonce != account.nonce:
        waiting = account.pending_nonce - account.nonce
        return f"open_transaction: {waiting} of {market.fund.signer}'s transactions wait in the node's pool"
    quote = fees.quote(market.block.base_fee, account.tip, market.policy.max_fee)
    if isinstance(quote, fees.FeeTooHigh):
        needed, limit = scaled(quote.needed, 9), scaled(quote.limit, 9)
        return f"max_gas_price: {needed:f} gwei, MAX_FEE_GWEI allows {limit:f}"
    most = gas_limit * quote.max_fee
    if account.balance < most:
        held, needed = scaled(account.balance, 18), scaled(most, 18)
        return f"gas_balance: {held:f} of the native coin, the transaction may cost {needed:f}"
    return None


async def execute(intent_id: int, account: Account, market: Market, world: World, outbox: Outbox) -> IntentState:
    """Sign and send an intent that was just planned, then follow it until it is mined. Ends early only by a timeout
    or a stop; the intent then stays open and the next pass or the next process goes on with it."""
    async with outbox.turn(market.fund.signer):
        outbox.planned.add(intent_id)
        intent = await world.books.intent(intent_id)
        attempt = await _sign(intent, account, market, world)
        await _send(intent, attempt, market.block.number, world, outbox)
        return await _follow(intent_id, world, outbox)


async def settle_open(world: World, head: Block, outbox: Outbox, busy: set[int]) -> None:
    """One pass over all open intents, once per head. `busy` are the funds whose cycle follows its intent itself."""
    if head.number <= outbox.looked_at:
        return
    for intent in await world.books.open_intents():
        if intent.fund_id not in busy:
            try:
                await advance(intent, head, world, outbox)
            except ChainUnavailable as outage:
                log.warning("open transaction not checked", intent=intent.id, reason=str(outage))
    outbox.looked_at = head.number


async def advance(intent: Intent, head: Block, world: World, outbox: Outbox) -> IntentState:
    """Take every step that can be taken at this head."""
    while True:
        step = next_step(intent, await _facts(intent, head, world, outbox))
        await _perform(intent, step, head, world, outbox)
        if isinstance(step.action, Wait | Halt | Abandon | Finalize | Send | Resend):
            return step.state
        intent = await world.books.intent(intent.id)


async def _follow(intent_id: int, world: World, outbox: Outbox) -> IntentState:
    seen = -1
    while True:
        try:
            head = await world.chain.head()
            if head.number > seen:
                seen = head.number
                state = await advance(await world.books.intent(intent_id), head, world, outbox)
                if state not in UNDER_WAY:
                    return state
        except ChainUnavailable as outage:
            log.warning("receipt not had", intent=intent_id, reason=str(outage))
        await world.clock.sleep(min(world.poll_seconds, 1.0))


async def _facts(intent: Intent, head: Block, world: World, outbox: Outbox) -> ChainFacts:
    receipt: Receipt | None = None
    for attempt in intent.attempts:
        receipt = await world.chain.receipt(attempt.hash, intent.call.to)
        if receipt is not None:
            break
    block = await world.chain.block(receipt.block_number) if receipt else None
    sent = outbox.sent.get(intent.id)
    return ChainFacts(
        receipt=receipt,
        canonical=block.hash if block else None,
        finalized=await world.chain.finalized() if receipt else 0,
        latest_nonce=(await world.chain.account(intent.signer)).nonce if receipt is None else 0,
        timestamp=head.timestamp,
        heads_since_send=None if sent is None else head.number - sent,
        inherited=intent.id not in outbox.planned,
    )


async def _perform(intent: Intent, step: Step, head: Block, world: World, outbox: Outbox) -> None:
    match step.action:
        case Wait(reason):
            log.debug("transaction", intent=intent.id, state=step.state.value, reason=reason)
        case Sign():
            # planned here, but its signing was interrupted: the moment is gone
            await _end(intent, IntentState.ABANDONED, "it was not signed in its own cycle", world)
        case Send(attempt) | Resend(attempt):
            await _send(intent, attempt, head.number, world, outbox)
        case Settle(receipt):
            await settle(intent, receipt, step.state, world)
        case Finalize(receipt):
            body = finality_body(intent, receipt, step.state, head.number)
            await world.books.set_intent_state(intent.id, step.state, _outcome(intent, body))
            log.info("transaction final", intent=intent.id, hash=receipt.tx_hash, state=step.state.value)
        case Abandon(reason):
            await _end(intent, step.state, reason, world)
        case Halt(reason):
            if intent.state is not step.state:
                await _end(intent, step.state, reason, world)


async def _sign(intent: Intent, account: Account, market: Market, world: World) -> Attempt:
    """PLANNED -> SIGNED: nonce, bytes and hash are in the books when this returns."""
    signer = world.signer_of(market.fund)
    quote = fees.quote(market.block.base_fee, account.tip, market.policy.max_fee)
    if signer is None or isinstance(quote, fees.FeeTooHigh):
        raise RuntimeError(f"intent {intent.id} was planned although it cannot be signed")
    signed = signer.sign(
        intent.call,
        nonce=account.nonce,
        gas_limit=intent.gas_limit,
        max_fee=quote.max_fee,
        max_tip=Wei(quote.max_tip),
        chain_id=intent.chain_id,
    )
    return await world.books.save_attempt(
        intent.id, signed, nonce=account.nonce, max_fee=quote.max_fee, max_tip=quote.max_tip
    )


async def _send(intent: Intent, attempt: Attempt, height: int, world: World, outbox: Outbox) -> None:
    """Any reply counts as sent, and so does none: the node may have the bytes."""
    outbox.sent[intent.id] = height
    try:
        reply = await world.chain.send(attempt.raw)
    except ChainUnavailable as outage:
        reply = f"no reply: {outage}"
    await world.books.mark_sent(attempt.id, world.clock.now(), reply)
    intent = await world.books.intent(intent.id)
    await world.books.append(_outcome(intent, submission_body(intent, attempt, reply)))
    log.info("transaction sent", intent=intent.id, hash=attempt.hash, nonce=attempt.nonce, reply=reply)


async def _end(intent: Intent, state: IntentState, reason: str, world: World) -> None:
    await world.books.set_intent_state(intent.id, state, _outcome(intent, dead_end_body(intent, state, reason)))
    kind = AlertKind.FUND_HALTED if state is IntentState.NONCE_STOLEN else AlertKind.REBALANCE_FAILED
    alert = Alert(intent.fund_id, kind, f"transaction {state.value}: {reason}")
    await world.books.raise_alert(alert)
    await world.alerts.send(alert)


def _outcome(intent: Intent, body: dict[str, object]) -> Record:
    return Record(RecordKind.OUTCOME, intent.fund_id, body)
