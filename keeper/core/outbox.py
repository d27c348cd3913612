"""A transaction's life as a pure function: (intent, facts from the chain) -> (state, action). Exactly once.

The caller performs the action, stores the state, looks at the chain again and asks again, until it is told to wait.
Restart is the normal path: an intent that an earlier process left behind goes through the same function. An intent
never gets a second nonce; what is raised or cancelled is signed again for the one it has.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from keeper.core import fees
from keeper.core.fees import FeeQuote, GasMarket
from keeper.core.ledger import Attempt, AttemptKind, Intent, IntentState, Receipt
from keeper.core.replies import ReplyKind
from keeper.core.units import Hash32, Timestamp, Wei

RESEND_AFTER_HEADS: Final = 5
"""New heads without a receipt after which the same bytes are sent again: mempools forget."""
STOLEN_HEADS: Final = 3
"""Heads in a row on which every provider must say that the nonce was finally spent by somebody else."""
MOST_FATAL: Final = 2
"""Attempts that every endpoint refused as invalid before a person is called."""
TERMINAL: Final = frozenset(
    {IntentState.FINAL_OK, IntentState.FINAL_REVERTED, IntentState.ABANDONED, IntentState.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What the chain says, at the newest block.

    `receipt` is that of any attempt; `canonical` the hash of the block at the receipt's height (None: no such block
    any more); `finalized` a height; `latest_nonce` the signer's count of mined transactions; `timestamp` chain time.
    `heads_since_send` counts new heads since this process last sent the bytes, None when it never did. `inherited`:
    the intent was planned by an earlier process. `stolen_heads` is for how many heads in a row every provider has said
    that the nonce is finally spent and none of our hashes has a receipt. `gas` is what gas costs now; `trade_limit`
    and `cancel_limit` are the most that may be offered, wei per gas.
    """

    receipt: Receipt | None
    canonical: Hash32 | None
    finalized: int
    latest_nonce: int
    timestamp: Timestamp
    heads_since_send: int | None
    inherited: bool
    gas: GasMarket
    trade_limit: Wei
    cancel_limit: Wei
    stolen_heads: int = 0


@dataclass(frozen=True, slots=True)
class Sign:
    """Take the nonce, sign, and commit both before any byte leaves."""


@dataclass(frozen=True, slots=True)
class Raise:
    """Sign the same nonce again at these fees: the same plan, or its cancellation. Committed before it leaves."""

    kind: AttemptKind
    fees: FeeQuote
    reason: str


@dataclass(frozen=True, slots=True)
class Send:
    """Send the stored bytes for the first time; any reply, and a timeout, count as sent."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Resend:
    """Send the same stored bytes again."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Wait:
    reason: str


@dataclass(frozen=True, slots=True)
class Settle:
    """Write the receipt down. It may still be undone by a reorganisation."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Finalize:
    """Write the outcome down for good. The receipt is the one that was settled."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Write down for good that the plan did not happen: the receipt is that of its cancellation."""

    receipt: Receipt


@dataclass(frozen=True, slots=True)
class Abandon:
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing may be sent for this signer until a person has looked."""

    reason: str


Action: TypeAlias = Sign | Raise | Send | Resend | Wait | Settle | Finalize | Cancelled | Abandon | Halt


@dataclass(frozen=True, slots=True)
class Step:
    """`state` is the intent's once `action` is done."""

    state: IntentState
    action: Action


def next_step(intent: Intent, facts: ChainFacts) -> Step:
    """What to do now. Total: every state has an answer, and no answer takes a second nonce."""
    if intent.state in TERMINAL:
        return Step(intent.state, Wait("nothing is left to do"))
    if intent.state is IntentState.PLANNED:
        return _planned(intent, facts)
    if intent.nonce is None or not intent.attempts:
        return Step(intent.state, Halt(f"intent {intent.id} is {intent.state} but has no signed transaction"))
    if facts.receipt is not None and facts.receipt.tx_hash not in {attempt.hash for attempt in intent.attempts}:
        return Step(intent.state, Halt(f"the receipt of {facts.receipt.tx_hash} is not of intent {intent.id}"))
    if (receipt := canonical_receipt(facts)) is not None:
        return _mined(intent, receipt, facts)
    return _unmined(intent, intent.nonce, facts)


def canonical_receipt(facts: ChainFacts) -> Receipt | None:
    """The receipt, if the chain still holds the block that it is from."""
    receipt = facts.receipt
    return receipt if receipt is not None and receipt.block_hash == facts.canonical else None


def _planned(intent: Intent, facts: ChainFacts) -> Step:
    """Without a nonce nothing can reach the chain: an old plan is dropped, never sent late."""
    if intent.nonce is not None or intent.attempts:
        return Step(intent.state, Halt(f"intent {intent.id} is planned but already has a nonce"))
    if intent.cancel_asked is not None:
        return Step(IntentState.ABANDONED, Abandon(f"cancelled before it was signed: {intent.cancel_asked}"))
    if facts.inherited:
        return Step(IntentState.ABANDONED, Abandon("planned before a restart: the market has moved on"))
    if facts.timestamp > intent.call.deadline:
        return Step(IntentState.ABANDONED, Abandon("its deadline has passed unsigned"))
    return Step(IntentState.SIGNED, Sign())


def _mined(intent: Intent, receipt: Receipt, facts: ChainFacts) -> Step:
    attempt = next(attempt for attempt in intent.attempts if attempt.hash == receipt.tx_hash)
    final = receipt.block_number <= facts.finalized
    not_yet = f"block {receipt.block_number} is not final, {facts.finalized} is"
    if attempt.kind is AttemptKind.CANCEL:
        if final:
            return Step(IntentState.CANCELLED, Cancelled(receipt))
        return Step(IntentState.SENT, Wait(f"its cancellation is mined: {not_yet}"))
    mined = IntentState.MINED_OK if receipt.succeeded else IntentState.MINED_REVERTED
    # included elsewhere by a reorganisation, it may have moved other amounts
    if intent.state is not mined or attempt.block_hash not in (None, receipt.block_hash):
        return Step(mined, Settle(receipt))
    if not final:
        return Step(mined, Wait(not_yet))
    return Step(IntentState.FINAL_OK if receipt.succeeded else IntentState.FINAL_REVERTED, Finalize(receipt))


def _unmined(intent: Intent, nonce: int, facts: ChainFacts) -> Step:
    """No receipt that counts: get it in while it may, cancel it when it may not any more, unless the nonce is spent."""
    if facts.latest_nonce > nonce:
        return _spent(intent, nonce, facts)
    newest, state = intent.attempts[-1], _on_its_way(intent)
    over = _over(intent, facts)
    if over and newest.kind is AttemptKind.TRADE:
        higher = fees.raised(_highest(intent), facts.gas, facts.cancel_limit, fees.NODE_BUMP_BPS, must_outbid=True)
        if higher is not None:
            return Step(state, Raise(AttemptKind.CANCEL, higher, over))
    if newest.sent_at is None:
        return Step(IntentState.SENT, Send(newest))
    if intent.state is not IntentState.SENT:
        return Step(IntentState.SENT, Resend(newest))
    if (answer := _answered(intent, facts)) is not None:
        return Step(state, answer)
    if facts.timestamp - newest.signed_at >= fees.BUMP_SECONDS and (more := _more(intent, facts)) is not None:
        return Step(state, Raise(newest.kind, more, f"not mined within {fees.BUMP_SECONDS} s"))
    if _is_time_to_resend(facts):
        return Step(IntentState.SENT, Resend(newest))
    return Step(IntentState.SENT, Wait("not mined yet"))


def _answered(intent: Intent, facts: ChainFacts) -> Raise | Resend | Halt | None:
    """What the node's answer to the newest bytes asks for; None when it asks for nothing but time."""
    newest = intent.attempts[-1]
    match newest.reply_kind:
        case ReplyKind.REPLACEMENT if all(each.reply_kind is ReplyKind.REPLACEMENT for each in intent.attempts):
            return _halted(newest, facts, f"a transaction that is not ours waits at nonce {newest.nonce}")
        case ReplyKind.REPLACEMENT:
            if (higher := _more(intent, facts, fees.NODE_BUMP_BPS)) is not None:
                return Raise(newest.kind, higher, "the node asked for more than the last raise")
        case ReplyKind.LOW_FEE:
            if (higher := _more(intent, facts)) is not None:
                return Raise(newest.kind, higher, "the node said that its fee is too low")
        case ReplyKind.GAP:
            what = f"the node waits for a transaction before nonce {newest.nonce} that is not ours"
            return _halted(newest, facts, what)
        case ReplyKind.FATAL:
            if sum(attempt.reply_kind is ReplyKind.FATAL for attempt in intent.attempts) >= MOST_FATAL:
                return _halted(newest, facts, f"every endpoint refuses it: {newest.reply}")
            if (higher := _more(intent, facts)) is not None:
                return Raise(newest.kind, higher, f"every endpoint refused it: {newest.reply}")
    return None


def _halted(newest: Attempt, facts: ChainFacts, why: str) -> Resend | Halt:
    """Nothing is signed against what a person has to look at. The same bytes are tried again after some heads: whoever
    was in the way may be gone."""
    return Resend(newest) if _is_time_to_resend(facts) else Halt(why)


def _more(intent: Intent, facts: ChainFacts, bump_bps: int = fees.BUMP_BPS) -> FeeQuote | None:
    """For the next attempt of the newest one's kind; None at the limit, and while the balance does not even bear this
    one."""
    newest = intent.attempts[-1]
    if newest.reply_kind is ReplyKind.FUNDS:
        return None
    limit = facts.trade_limit if newest.kind is AttemptKind.TRADE else facts.cancel_limit
    return fees.raised(_highest(intent), facts.gas, limit, bump_bps)


def _highest(intent: Intent) -> FeeQuote:
    """Over all attempts: any of them may be the one that waits in a pool."""
    attempts = intent.attempts
    return FeeQuote(max(each.max_fee for each in attempts), max(each.max_tip for each in attempts))


def _over(intent: Intent, facts: ChainFacts) -> str | None:
    """Why the plan shall not happen any more, or None."""
    if intent.cancel_asked is not None:
        return f"an operator asked: {intent.cancel_asked}"
    return "its deadline has passed" if facts.timestamp > intent.call.deadline else None


def _on_its_way(intent: Intent) -> IntentState:
    return intent.state if intent.state is IntentState.SIGNED else IntentState.SENT


def _is_time_to_resend(facts: ChainFacts) -> bool:
    return facts.heads_since_send is None or facts.heads_since_send >= RESEND_AFTER_HEADS


def _spent(intent: Intent, nonce: int, facts: ChainFacts) -> Step:
    """The nonce is mined but no receipt is ours. A node can show a new block before its receipts, and a reorganisation
    may still bring ours back: a person is called when it is final, and every provider says so."""
    reason = f"nonce {nonce} was spent by a transaction that is not intent {intent.id}'s"
    if intent.state is IntentState.NONCE_STOLEN or facts.stolen_heads >= STOLEN_HEADS:
        return Step(IntentState.NONCE_STOLEN, Halt(reason))
    return Step(IntentState.SENT, Wait(f"nonce {nonce} is spent, its receipt is not there yet"))
