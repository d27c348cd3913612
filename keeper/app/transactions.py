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
from keeper.core.ledger import Alert, AlertKind, Attempt, Intent, IntentState, NewIntent, Receipt, Record, RecordKind
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
from keeper.core.units import Address, Hash32, Wei, scaled
from keeper.core.words import plain
from keeper.ports import Account, BooksUnavailable, ChainUnavailable, SignerUnavailable

log = structlog.get_logger()

UNDER_WAY = frozenset({IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT})
SETTLED = frozenset({IntentState.MINED_OK, IntentState.MINED_REVERTED, IntentState.NONCE_STOLEN})


@dataclass(slots=True)
class Outbox:
    """What this process remembers of its intents; the books remember everything else.

    `planned` are the ids of intents planned here; `sent` the height at which each was last sent; `looked_at` the head
    that open intents were last compared with, by hash: a head may be replaced at its height, or go back.
    """

    planned: set[int] = field(default_factory=set)
    sent: dict[int, int] = field(default_factory=dict)
    looked_at: Hash32 | None = None
    turns: dict[Address, asyncio.Lock] = field(default_factory=dict)

    def turn(self, signer: Address) -> asyncio.Lock:
        """Held while an intent is planned: funds that share a signer queue here, not in a refused transaction."""
        return self.turns.setdefault(signer, asyncio.Lock())

    def heads_since_send(self, intent_id: int, height: int) -> int | None:
        """None when this process never sent it. A head that went back counts from there."""
        if (sent := self.sent.get(intent_id)) is None:
            return None
        self.sent[intent_id] = min(sent, height)
        return height - self.sent[intent_id]


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
        needed, limit = plain(scaled(quote.needed, 9)), plain(scaled(quote.limit, 9))
        return f"max_gas_price: {needed} gwei, MAX_FEE_GWEI allows {limit}"
    most = gas_limit * quote.max_fee
    if account.balance < most:
        held, needed = plain(scaled(account.balance, 18)), plain(scaled(most, 18))
        return f"gas_balance: {held} of the native coin, the transaction may cost {needed}"
    return None


async def taken(fund: Fund, world: World) -> str | None:
    """Which transaction of this signer is in the way, such as that of a fund that shares it, or None."""
    others = await world.books.open_intents(fund.signer)
    return f"open_transaction: transaction {others[0].id} of this signer is not settled yet" if others else None


async def execute(
    intent_id: int, planned: NewIntent, account: Account, market: Market, world: World, outbox: Outbox
) -> IntentState:
    """Sign and send the intent that was just stored as `planned`, then follow it until it is mined.

    Ends early only by a timeout or a stop; the intent then stays open and the next pass or the next process goes on.
    """
    outbox.planned.add(intent_id)
    attempt = await _sign(intent_id, planned, account, market, world)
    await _send(intent_id, attempt, market.block.number, world, outbox)
    return await _follow(intent_id, world, outbox)


async def settle_open(world: World, head: Block, outbox: Outbox, busy: set[int]) -> None:
    """One pass over all open intents, once per head. `busy` are the funds whose cycle follows its intent itself.

    What goes wrong with one intent leaves it open for the next head, and the others untouched. Raises BooksUnavailable.
    """
    if head.hash == outbox.looked_at:
        return
    for intent in await world.books.open_intents():
        if intent.fund_id not in busy:
            try:
                await advance(intent, head, world, outbox)
            except ChainUnavailable as outage:
                log.warning("open transaction not checked", intent=intent.id, reason=str(outage))
            except BooksUnavailable:
                raise
            except Exception:
                log.exception("open transaction not advanced", intent=intent.id)
    outbox.looked_at = head.hash


async def advance(intent: Intent, head: Block, world: World, outbox: Outbox) -> IntentState:
    """Take every step that can be taken at this head."""
    while True:
        facts = await _facts(intent, head, world, outbox)
        step = next_step(intent, facts)
        await _perform(intent, step, facts, head, world, outbox)
        if isinstance(step.action, Wait | Halt | Abandon | Finalize | Send | Resend):
            return step.state
        intent = await world.books.intent(intent.id)


async def _follow(intent_id: int, world: World, outbox: Outbox) -> IntentState:
    seen: Hash32 | None = None
    while True:
        try:
            head = await world.chain.head()
            if head.hash != seen:
                seen = head.hash
                state = await advance(await world.books.intent(intent_id), head, world, outbox)
                if state not in UNDER_WAY:
                    return state
        except ChainUnavailable as outage:
            log.warning("receipt not had", intent=intent_id, reason=str(outage))
        await world.clock.sleep(min(world.poll_seconds, 1.0))


async def _facts(intent: Intent, head: Block, world: World, outbox: Outbox) -> ChainFacts:
    receipt = await _receipt(intent, world)
    nonce = 0 if receipt else (await world.chain.account(intent.signer)).nonce
    if intent.nonce is not None and nonce > intent.nonce:
        receipt = await _receipt(intent, world)  # it may have been mined between the two questions
    block = await world.chain.block(receipt.block_number) if receipt else None
    return ChainFacts(
        receipt=receipt,
        canonical=block.hash if block else None,
        finalized=await world.chain.finalized() if receipt else 0,
        latest_nonce=nonce,
        timestamp=head.timestamp,
        heads_since_send=outbox.heads_since_send(intent.id, head.number),
        inherited=intent.id not in outbox.planned,
    )


async def _receipt(intent: Intent, world: World) -> Receipt | None:
    """Of whichever attempt was mined."""
    for attempt in intent.attempts:
        if (receipt := await world.chain.receipt(attempt.hash, intent.call.to)) is not None:
            return receipt
    return None


async def _perform(intent: Intent, step: Step, facts: ChainFacts, head: Block, world: World, outbox: Outbox) -> None:
    match step.action:
        case Wait(reason):
            await _unsettle(intent, step.state, world)
            log.debug("transaction", intent=intent.id, state=step.state.value, reason=reason)
        case Sign():
            # planned here, but its signing was interrupted: the moment is gone
            await _end(intent, IntentState.ABANDONED, "it was not signed in its own cycle", world)
        case Send(attempt) | Resend(attempt):
            await _unsettle(intent, step.state, world)
            await _send(intent.id, attempt, head.number, world, outbox)
        case Settle(receipt):
            await settle(intent, receipt, step.state, head, world)
        case Finalize(receipt):
            body = finality_body(intent, receipt, step.state, facts.finalized)
            await world.books.set_intent_state(intent.id, step.state, _outcome(intent, body))
            log.info("transaction final", intent=intent.id, hash=receipt.tx_hash, state=step.state.value)
        case Abandon(reason):
            await _end(intent, step.state, reason, world)
        case Halt(reason):
            if intent.state is not step.state:
                await _end(intent, step.state, reason, world)
            else:
                log.error("transaction halted", intent=intent.id, state=step.state.value, reason=reason)


async def _unsettle(intent: Intent, state: IntentState, world: World) -> None:
    """Take back what a receipt said, or the halt for want of one, when the chain no longer bears it out."""
    if intent.state in SETTLED and state is IntentState.SENT:
        reason = f"it was {intent.state.value}, and the chain no longer says so"
        await world.books.set_intent_state(intent.id, state, _outcome(intent, dead_end_body(intent, state, reason)))
        log.warning("transaction undone", intent=intent.id, was=intent.state.value)


async def _sign(intent_id: int, planned: NewIntent, account: Account, market: Market, world: World) -> Attempt:
    """PLANNED -> SIGNED: nonce, bytes and hash are in the books when this returns."""
    signer = world.signer_of(market.fund)
    quote = fees.quote(market.block.base_fee, account.tip, market.policy.max_fee)
    if signer is None or isinstance(quote, fees.FeeTooHigh):
        raise RuntimeError(f"intent {intent_id} was planned although it cannot be signed")
    signed = signer.sign(
        planned.call,
        nonce=account.nonce,
        gas_limit=planned.gas_limit,
        max_fee=quote.max_fee,
        max_tip=Wei(quote.max_tip),
        chain_id=planned.chain_id,
    )
    return await world.books.save_attempt(
        intent_id, signed, nonce=account.nonce, max_fee=quote.max_fee, max_tip=quote.max_tip
    )


async def _send(intent_id: int, attempt: Attempt, height: int, world: World, outbox: Outbox) -> None:
    """Any reply counts as sent, and so does none: the node may have the bytes."""
    outbox.sent[intent_id] = height
    try:
        reply = await world.chain.send(attempt.raw)
    except ChainUnavailable as outage:
        reply = f"no reply: {outage}"
    await world.books.mark_sent(attempt.id, world.clock.now(), reply)
    intent = await world.books.intent(intent_id)
    await world.books.append(_outcome(intent, submission_body(intent, attempt, reply)))
    log.info("transaction sent", intent=intent_id, hash=attempt.hash, nonce=attempt.nonce, reply=reply)


async def _end(intent: Intent, state: IntentState, reason: str, world: World) -> None:
    await world.books.set_intent_state(intent.id, state, _outcome(intent, dead_end_body(intent, state, reason)))
    kind = AlertKind.FUND_HALTED if state is IntentState.NONCE_STOLEN else AlertKind.REBALANCE_FAILED
    alert = Alert(intent.fund_id, kind, f"transaction {state.value}: {reason}")
    await world.books.raise_alert(alert)
    await world.alerts.send(alert)


def _outcome(intent: Intent, body: dict[str, object]) -> Record:
    return Record(RecordKind.OUTCOME, intent.fund_id, body)
