"""Carries intents to their end: sign, send, raise, cancel, follow, settle. What to do next is decided by `core.outbox`,
never here.

Bytes are committed before they leave and read back for sending. Restart is the normal path: what an earlier process
left open goes through `settle_open` like everything else.
"""

from typing import Final

import structlog

from keeper.app.facts import facts_of
from keeper.app.memory import Outbox
from keeper.app.permits import alarm, broken, quote
from keeper.app.settlement import settle
from keeper.app.watching import fund_of, hear_relay, watch_final
from keeper.app.world import World
from keeper.core import fees
from keeper.core.ledger import (
    Alert,
    AlertKind,
    Attempt,
    AttemptKind,
    Call,
    Intent,
    IntentState,
    NewIntent,
    Record,
    RecordKind,
)
from keeper.core.model import Block, Fund, Market
from keeper.core.outbox import (
    Abandon,
    Cancelled,
    ChainFacts,
    Finalize,
    Halt,
    Raise,
    Resend,
    Send,
    Settle,
    Sign,
    Step,
    Wait,
    next_step,
)
from keeper.core.outcomes import cancellation_body, dead_end_body, finality_body, raise_body, submission_body
from keeper.core.replies import ReplyKind
from keeper.core.units import Hash32
from keeper.ports import (
    Account,
    BooksUnavailable,
    ChainUnavailable,
    SignerUnavailable,
    SigningForbidden,
    Terms,
)

log = structlog.get_logger()

UNDER_WAY = frozenset({IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT})
SETTLED = frozenset({IntentState.MINED_OK, IntentState.MINED_REVERTED, IntentState.NONCE_STOLEN})
_STUCK: Final = frozenset({ReplyKind.FUNDS, ReplyKind.FATAL})


async def execute(
    intent_id: int, planned: NewIntent, account: Account, market: Market, world: World, outbox: Outbox
) -> IntentState:
    """Sign and send the intent that was just stored as `planned`, then follow it until it is mined.

    Ends early only by a timeout or a stop; the intent then stays open and the next pass or the next process goes on.
    """
    outbox.planned.add(intent_id)
    try:
        attempt = await _sign(intent_id, planned, account, market, world)
    except SigningForbidden as refusal:
        intent = await world.books.intent(intent_id)
        await _end(intent, IntentState.ABANDONED, str(refusal), world)
        return IntentState.ABANDONED
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
    await watch_final(head, world, outbox)
    outbox.looked_at = head.hash


async def advance(intent: Intent, head: Block, world: World, outbox: Outbox) -> IntentState:
    """Take every step that can be taken at this head."""
    fund = await fund_of(intent, world)
    while True:
        facts = await facts_of(intent, fund, head, world, outbox)
        step = next_step(intent, facts)
        goes_on = await _perform(intent, fund, step, facts, head, world, outbox)
        if not goes_on:
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


async def _perform(
    intent: Intent, fund: Fund, step: Step, facts: ChainFacts, head: Block, world: World, outbox: Outbox
) -> bool:
    """Whether there may be more to do at this head."""
    match step.action:
        case Wait(reason):
            await _unsettle(intent, step.state, world)
            log.debug("transaction", intent=intent.id, state=step.state.value, reason=reason)
        case Sign():
            # planned here, but its signing was interrupted: the moment is gone
            await _end(intent, IntentState.ABANDONED, "it was not signed in its own cycle", world)
        case Raise() as more:
            await _unsettle(intent, step.state, world)
            await hear_relay(intent, intent.attempts[-1], world)
            return await _raise(intent, fund, more, head, world)
        case Send(attempt) | Resend(attempt):
            await _unsettle(intent, step.state, world)
            await hear_relay(intent, attempt, world)
            await _send(intent.id, attempt, head.number, world, outbox)
        case Settle(receipt):
            await settle(intent, receipt, step.state, head, world)
            await broken(fund, (await world.books.policy(fund.id)).policy, head.timestamp, world)
            return True
        case Finalize(receipt):
            body = finality_body(intent, receipt, step.state, facts.finalized)
            await world.books.set_intent_state(intent.id, step.state, _outcome(intent, body))
            log.info("transaction final", intent=intent.id, hash=receipt.tx_hash, state=step.state.value)
        case Cancelled(receipt):
            body = cancellation_body(intent, receipt, facts.finalized)
            block = await world.chain.block(receipt.block_number)
            mined_at = block.timestamp if block else head.timestamp
            await world.books.cancelled(intent.id, receipt, mined_at, _outcome(intent, body))
            log.info("transaction cancelled", intent=intent.id, hash=receipt.tx_hash)
        case Abandon(reason):
            await _end(intent, step.state, reason, world)
        case Halt(reason):
            if intent.state is not step.state:
                await _end(intent, step.state, reason, world)
            else:
                log.error("transaction halted", intent=intent.id, state=step.state.value, reason=reason)
                await alarm(Alert(intent.fund_id, AlertKind.TRANSACTION_STUCK, reason), world)
    return False


async def _unsettle(intent: Intent, state: IntentState, world: World) -> None:
    """Take back what a receipt said, or the halt for want of one, when the chain no longer bears it out."""
    if intent.state in SETTLED and state is IntentState.SENT:
        reason = f"it was {intent.state.value}, and the chain no longer says so"
        await world.books.set_intent_state(intent.id, state, _outcome(intent, dead_end_body(intent, state, reason)))
        log.warning("transaction undone", intent=intent.id, was=intent.state.value)


async def _sign(intent_id: int, planned: NewIntent, account: Account, market: Market, world: World) -> Attempt:
    """PLANNED -> SIGNED: nonce, bytes and hash are in the books when this returns. Raises SigningForbidden."""
    signer, offered = world.signer_of(market.fund), quote(account, market)
    if signer is None or isinstance(offered, fees.FeeTooHigh):
        raise RuntimeError(f"intent {intent_id} was planned although it cannot be signed")
    terms = Terms(account.nonce, offered, AttemptKind.TRADE, market.block.timestamp)
    signed = signer.sign(
        planned.call,
        nonce=terms.nonce,
        gas_limit=planned.gas_limit,
        max_fee=offered.max_fee,
        max_tip=offered.max_tip,
        chain_id=planned.chain_id,
    )
    return await world.books.save_attempt(intent_id, signed, terms, "signed")


async def _raise(intent: Intent, fund: Fund, more: Raise, head: Block, world: World) -> bool:
    """The same nonce at other fees, stored; the next step sends it. False when the key is not there."""
    try:
        signer = world.signer_of(fund)
    except SignerUnavailable as missing:
        log.error("transaction not raised", intent=intent.id, reason=str(missing))
        return False
    if signer is None or signer.address != intent.signer or intent.nonce is None:
        log.error("transaction not raised", intent=intent.id, reason=f"there is no key of {intent.signer}")
        return False
    cancels = more.kind is AttemptKind.CANCEL
    call = Call(intent.signer, b"", intent.call.treasury_id, intent.call.deadline) if cancels else intent.call
    signed = signer.sign(
        call,
        nonce=intent.nonce,
        gas_limit=fees.TRANSFER_GAS if cancels else intent.gas_limit,
        max_fee=more.fees.max_fee,
        max_tip=more.fees.max_tip,
        chain_id=intent.chain_id,
    )
    terms = Terms(intent.nonce, more.fees, more.kind, head.timestamp)
    attempt = await world.books.save_attempt(intent.id, signed, terms, more.reason)
    await world.books.append(_outcome(intent, raise_body(intent, attempt, more.reason)))
    log.warning("transaction raised", intent=intent.id, kind=more.kind.value, hash=attempt.hash, reason=more.reason)
    return True


async def _send(intent_id: int, attempt: Attempt, height: int, world: World, outbox: Outbox) -> None:
    """Any reply counts as sent, and so does none: the node may have the bytes."""
    if not world.lease.held():
        raise BooksUnavailable("the lease on the database is overdue: nothing is sent until it is renewed")
    outbox.sent[intent_id] = height
    reply = await world.chain.send(attempt.raw)
    intent = await world.books.intent(intent_id)
    outcome = _outcome(intent, submission_body(intent, attempt, reply.text))
    await world.books.mark_sent(attempt.id, world.clock.now(), reply, outcome)
    log.info("transaction sent", intent=intent_id, hash=attempt.hash, nonce=attempt.nonce, reply=reply.text)
    if reply.kind in _STUCK:
        await alarm(Alert(intent.fund_id, AlertKind.TRANSACTION_STUCK, f"a node refused it: {reply.text}"), world)


async def _end(intent: Intent, state: IntentState, reason: str, world: World) -> None:
    await world.books.set_intent_state(intent.id, state, _outcome(intent, dead_end_body(intent, state, reason)))
    kind = AlertKind.FUND_HALTED if state is IntentState.NONCE_STOLEN else AlertKind.REBALANCE_FAILED
    alert = Alert(intent.fund_id, kind, f"transaction {state.value}: {reason}")
    await world.books.raise_alert(alert)
    await world.alerts.send(alert)


def _outcome(intent: Intent, body: dict[str, object]) -> Record:
    return Record(RecordKind.OUTCOME, intent.fund_id, body)
