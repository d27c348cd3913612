"""A transaction's life as a pure function: (intent, facts from the chain) -> (state, action). Exactly once.

The caller performs the action, stores the state, looks at the chain again and asks again, until it is told to wait.
Restart is the normal path: an intent that an earlier process left behind goes through the same function. In this
version a transaction is sent as it was signed, as often as needed; its fee is never raised and it is never cancelled.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from keeper.core.ledger import Attempt, Intent, IntentState, Receipt
from keeper.core.units import Hash32, Timestamp

RESEND_AFTER_HEADS: Final = 5
"""New heads without a receipt after which the same bytes are sent again: mempools forget."""
TERMINAL: Final = frozenset(
    {IntentState.FINAL_OK, IntentState.FINAL_REVERTED, IntentState.ABANDONED, IntentState.CANCELLED}
)


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What the chain says, at the newest block.

    `receipt` is that of any attempt; `canonical` the hash of the block at the receipt's height (None: no such block
    any more); `finalized` a height; `latest_nonce` the signer's count of mined transactions; `timestamp` chain time.
    `heads_since_send` counts new heads since this process last sent the bytes, None when it never did. `inherited`:
    the intent was planned by an earlier process.
    """

    receipt: Receipt | None
    canonical: Hash32 | None
    finalized: int
    latest_nonce: int
    timestamp: Timestamp
    heads_since_send: int | None
    inherited: bool


@dataclass(frozen=True, slots=True)
class Sign:
    """Take the nonce, sign, and commit both before any byte leaves."""


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
class Abandon:
    reason: str


@dataclass(frozen=True, slots=True)
class Halt:
    """Nothing may be sent for this signer until a person has looked."""

    reason: str


Action: TypeAlias = Sign | Send | Resend | Wait | Settle | Finalize | Abandon | Halt


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
    if facts.inherited:
        return Step(IntentState.ABANDONED, Abandon("planned before a restart: the market has moved on"))
    if facts.timestamp > intent.call.deadline:
        return Step(IntentState.ABANDONED, Abandon("its deadline has passed unsigned"))
    return Step(IntentState.SIGNED, Sign())


def _mined(intent: Intent, receipt: Receipt, facts: ChainFacts) -> Step:
    mined = IntentState.MINED_OK if receipt.succeeded else IntentState.MINED_REVERTED
    settled = next(attempt.block_hash for attempt in intent.attempts if attempt.hash == receipt.tx_hash)
    # included elsewhere by a reorganisation, it may have moved other amounts
    if intent.state is not mined or settled not in (None, receipt.block_hash):
        return Step(mined, Settle(receipt))
    if receipt.block_number > facts.finalized:
        return Step(mined, Wait(f"block {receipt.block_number} is not final, {facts.finalized} is"))
    final = IntentState.FINAL_OK if receipt.succeeded else IntentState.FINAL_REVERTED
    return Step(final, Finalize(receipt))


def _unmined(intent: Intent, nonce: int, facts: ChainFacts) -> Step:
    """No receipt that counts: send what was signed, unless the nonce is spent."""
    attempt = intent.attempts[-1]
    if facts.latest_nonce > nonce:
        return _spent(intent, nonce, facts)
    if intent.state is IntentState.NONCE_STOLEN:
        return Step(IntentState.SENT, Resend(attempt))
    if intent.state is IntentState.SIGNED:
        return Step(IntentState.SENT, Send(attempt))
    if intent.state is not IntentState.SENT:
        return Step(IntentState.SENT, Resend(attempt))
    if facts.heads_since_send is None or facts.heads_since_send >= RESEND_AFTER_HEADS:
        return Step(IntentState.SENT, Resend(attempt))
    return Step(IntentState.SENT, Wait("not mined yet"))


def _spent(intent: Intent, nonce: int, facts: ChainFacts) -> Step:
    """The nonce is mined but no receipt is ours. A node can show a new block before its receipts: give it until the
    deadline, after which the treasury would not let the transaction do anything, then call a person."""
    sent = IntentState.NONCE_STOLEN if intent.state is IntentState.NONCE_STOLEN else IntentState.SENT
    if facts.timestamp <= intent.call.deadline and sent is IntentState.SENT:
        return Step(sent, Wait(f"nonce {nonce} is spent, its receipt is not there yet"))
    reason = f"nonce {nonce} was spent by a transaction that is not intent {intent.id}'s"
    return Step(IntentState.NONCE_STOLEN, Halt(reason))
