"""Intents and attempts: stored before any byte leaves, read back as they will be sent."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, Row, bindparam, func, select, text, update

from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.signing import permit, take_nonce
from keeper.adapters.storage.states import note
from keeper.adapters.storage.tables import (
    OPEN_INTENT,
    decision,
    index_fund,
    rebalance,
    rebalance_history,
    rebalance_transaction,
    transaction_attempt,
    transaction_intent,
    transaction_reply,
)
from keeper.adapters.storage.types import UtcTime, fitting_uint
from keeper.core.ledger import (
    Attempt,
    AttemptKind,
    Call,
    CycleRecord,
    Intent,
    IntentKind,
    IntentState,
    NewIntent,
    Record,
)
from keeper.core.model import PlannedSwap
from keeper.core.replies import ReplyKind
from keeper.core.units import Address, Hash32, Timestamp, Wei
from keeper.ports import Reply, SignedTransaction, Terms

_INTENT, _ATTEMPT, _SWAP = transaction_intent.c, transaction_attempt.c, rebalance_transaction.c
_RESIGNABLE = frozenset({IntentState.SIGNED, IntentState.SENT})

# outer, so that no planner starts from the decisions, of which there are many more
_INTENTS = select(transaction_intent, decision.c.cycle_id).join(
    decision, decision.c.seq == _INTENT.decision_seq, isouter=True
)
_OPEN = _INTENTS.where(text(OPEN_INTENT))
_OPEN_OF = _OPEN.where(_INTENT.signer == bindparam("signer"))
_ONE = _INTENTS.where(_INTENT.id == bindparam("id"))
_THEIRS: BindParameter[int] = bindparam("ids", expanding=True)
_SWAPS = select(rebalance_transaction).where(_SWAP.intent_id.in_(_THEIRS)).order_by(_SWAP.position)
_ATTEMPTS = select(transaction_attempt).where(_ATTEMPT.intent_id.in_(_THEIRS)).order_by(_ATTEMPT.id)

_HUB = select(index_fund.c.hub).where(index_fund.c.id == bindparam("fund"))
_PLAN = transaction_intent.insert().returning(_INTENT.id)
_PLAN_REBALANCE, _PLAN_HOLDING, _PLAN_SWAP = (
    table.insert() for table in (rebalance, rebalance_history, rebalance_transaction)
)
_LOCKED = select(transaction_intent).where(_INTENT.id == bindparam("id")).with_for_update()
_SIGN = update(transaction_intent).where(_INTENT.id == bindparam("intent"))
_KEEP = transaction_attempt.insert().returning(transaction_attempt)
# the literal says its type: coalesce would take it for any datetime, and SQLite would lose the zone
_FIRST_SENT = func.coalesce(_ATTEMPT.sent_at, bindparam("at", type_=UtcTime))
_SENT = (
    update(transaction_attempt)
    .where(_ATTEMPT.id == bindparam("attempt"))
    .values(sent_at=_FIRST_SENT, reply=bindparam("text"), reply_kind=bindparam("meaning"))
    .returning(_ATTEMPT.intent_id)
)
_REPLY = transaction_reply.insert()
_NOW_SENT = _SIGN.where(_INTENT.state == IntentState.SIGNED.value)


def plan_intent(db: Connection, at: datetime, seq: int, cycle: CycleRecord, new: NewIntent) -> int:
    """Stores the intent as PLANNED; a rebalance with its swaps and the holdings before it. Returns its id."""
    hub = db.execute(_HUB, {"fund": cycle.fund_id}).scalar_one()
    row = {
        "fund_id": cycle.fund_id,
        "decision_seq": seq,
        "plan_id": new.plan_id,
        "signer": new.signer,
        "chain_id": new.chain_id,
        "state": IntentState.PLANNED.value,
        "gas_limit": new.gas_limit,
        "call_to": new.call.to,
        "call_data": new.call.data,
        "treasury_id": new.call.treasury_id,
        "deadline": new.call.deadline,
        "created_at": at,
        "updated_at": at,
        "kind": new.kind.value,
    }
    intent_id: int = db.execute(_PLAN, row).scalar_one()
    note(db, at, intent_id, None, IntentState.PLANNED, cycle.reason)
    if new.kind is IntentKind.REBALANCE:
        _plan_rebalance(db, at, intent_id, cycle, new, hub)
    return intent_id


def _plan_rebalance(
    db: Connection, at: datetime, intent_id: int, cycle: CycleRecord, new: NewIntent, hub: str | None
) -> None:
    db.execute(
        _PLAN_REBALANCE,
        {
            "intent_id": intent_id,
            "fund_id": cycle.fund_id,
            "status": "pending",
            "nav_before": fitting_uint(cycle.nav),
            "tracking_error_bps_before": cycle.tracking_error_bps,
            "created_at": at,
        },
    )
    db.execute(
        _PLAN_HOLDING,
        [
            {
                "intent_id": intent_id,
                "token": line.token,
                "position": line.asset,
                "target_bps": line.target,
                "amount_before": line.amount,
                "px_before": line.px,
                "value_before": fitting_uint(line.value),
                "weight_bps_before": line.weight_bps,
                "drift_relative_bps_before": line.drift_relative_bps,
                "drift_absolute_bps_before": line.drift_absolute_bps,
            }
            for line in cycle.assets
        ],
    )
    token_of = {line.asset: line.token for line in cycle.assets}
    db.execute(
        _PLAN_SWAP,
        [_swap_row(intent_id, cycle.fund_id, n, swap, token_of, hub) for n, swap in enumerate(new.swaps)],
    )


def _swap_row(
    intent_id: int, fund_id: int, position: int, swap: PlannedSwap, token_of: dict[int, Address], hub: str | None
) -> dict[str, Any]:
    return {
        "intent_id": intent_id,
        "fund_id": fund_id,
        "position": position,
        "side": "buy" if token_of[swap.asset_in] == hub else "sell",
        "venue": swap.venue,
        "zero_for_one": swap.zero_for_one,
        "asset_in": swap.asset_in,
        "asset_out": swap.asset_out,
        "token_in": token_of[swap.asset_in],
        "token_out": token_of[swap.asset_out],
        "amount_in": swap.amount_in,
        "quoted_out": swap.expected_out,
        "min_out": swap.min_out,
        "value_in": swap.value_in,
        "value_out": swap.value_out,
        "pool_fee_pips": swap.fee_pips,
        "impact": swap.impact,
        "status": "pending",
    }


def open_intents(db: Connection, signer: Address | None) -> list[Intent]:
    """Intents that still bind their signer, oldest first."""
    rows = db.execute(_OPEN) if signer is None else db.execute(_OPEN_OF, {"signer": signer})
    return _with_parts(db, rows.all())


def intent(db: Connection, intent_id: int) -> Intent:
    """Raises LookupError."""
    found = _with_parts(db, db.execute(_ONE, {"id": intent_id}).all())
    if not found:
        raise LookupError(f"there is no intent {intent_id}")
    return found[0]


def _with_parts(db: Connection, rows: Sequence[Row[Any]]) -> list[Intent]:
    if not rows:
        return []
    theirs = {"ids": [row.id for row in rows]}
    swaps = _by_intent(db.execute(_SWAPS, theirs))
    attempts = _by_intent(db.execute(_ATTEMPTS, theirs))
    return [
        Intent(
            id=row.id,
            fund_id=row.fund_id,
            plan_id=row.plan_id,
            cycle_id=row.cycle_id,
            signer=row.signer,
            chain_id=row.chain_id,
            state=IntentState(row.state),
            nonce=row.nonce,
            gas_limit=row.gas_limit,
            call=Call(row.call_to, row.call_data, row.treasury_id, row.deadline),
            swaps=tuple(map(_planned, swaps[row.id])),
            attempts=tuple(map(_attempt, attempts[row.id])),
            cancel_asked=row.cancel_asked,
            kind=IntentKind(row.kind),
        )
        for row in sorted(rows, key=lambda row: row.id)  # an ORDER BY would keep SQLite from the partial index
    ]


def _by_intent(rows: Iterable[Row[Any]]) -> dict[int, list[Row[Any]]]:
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        found[row.intent_id].append(row)
    return found


def _planned(row: Row[Any]) -> PlannedSwap:
    return PlannedSwap(
        venue=row.venue,
        zero_for_one=row.zero_for_one,
        asset_in=row.asset_in,
        asset_out=row.asset_out,
        amount_in=row.amount_in,
        expected_out=row.quoted_out,
        min_out=row.min_out,
        value_in=row.value_in,
        value_out=row.value_out,
        fee_pips=row.pool_fee_pips,
        impact=row.impact,
    )


def _attempt(row: Row[Any]) -> Attempt:
    return Attempt(
        id=row.id,
        hash=Hash32(row.hash),
        raw=row.raw,
        nonce=row.nonce,
        max_fee=Wei(row.max_fee),
        max_tip=Wei(row.max_tip),
        sent_at=row.sent_at,
        reply=row.reply,
        block_hash=row.block_hash,
        kind=AttemptKind(row.kind),
        reply_kind=None if row.reply_kind is None else ReplyKind(row.reply_kind),
        signed_at=Timestamp(row.signed_at),
        block_number=row.block_number,
    )


def save_attempt(
    db: Connection, at: datetime, intent_id: int, signed: SignedTransaction, terms: Terms, reason: str
) -> Attempt:
    """The first attempt fixes the nonce and makes the intent SIGNED; a later one must use the same nonce.

    Raises SigningForbidden where a first attempt is not allowed now, Conflict when the intent is not waiting to be
    signed, or has another nonce. What forbids is a record of the journal: whoever is writing one is waited for, and
    waits for this, so that after `keeper pause` has returned nothing is signed.
    """
    lock(db)
    found = _signable(db, intent_id)
    before = IntentState(found.state)
    state = before
    if before is IntentState.PLANNED and found.nonce is None:
        permit(db, intent_id, found.chain_id, terms.nonce)
        take_nonce(db, at, found.chain_id, found.signer, terms.nonce)
        state = IntentState.SIGNED
    elif before not in _RESIGNABLE or found.nonce != terms.nonce:
        raise Conflict(_why_not(found, terms.nonce))
    db.execute(_SIGN, {"intent": intent_id, "state": state.value, "nonce": terms.nonce, "updated_at": at})
    note(db, at, intent_id, before, state, reason)
    row = {
        "intent_id": intent_id,
        "hash": signed.hash,
        "raw": signed.raw,
        "nonce": terms.nonce,
        "max_fee": terms.fees.max_fee,
        "max_tip": terms.fees.max_tip,
        "kind": terms.kind.value,
        "signed_at": terms.signed_at,
        "created_at": at,
    }
    return _attempt(db.execute(_KEEP, row).one())


def _signable(db: Connection, intent_id: int) -> Row[Any]:
    """Locked until the transaction ends, so that two signers of one intent queue. Raises LookupError."""
    row = db.execute(_LOCKED, {"id": intent_id}).one_or_none()
    if row is None:
        raise LookupError(f"there is no intent {intent_id}")
    return row


def _why_not(found: Row[Any], nonce: int) -> str:
    if found.nonce is not None and found.nonce != nonce:
        return f"intent {found.id} has nonce {found.nonce} and never gets another ({nonce})"
    return f"intent {found.id} is {found.state} and cannot be signed"


def mark_sent(db: Connection, at: datetime, attempt_id: int, sent_at: datetime, reply: Reply, outcome: Record) -> None:
    """Notes one sending and what was said. Any reply, and none, counts as sent."""
    lock(db)
    told = {"attempt": attempt_id, "at": sent_at, "text": reply.text, "meaning": reply.kind.value}
    intent_id = db.execute(_SENT, told).scalar_one_or_none()
    if intent_id is None:
        raise LookupError(f"there is no attempt {attempt_id}")
    said = {"attempt_id": attempt_id, "sent_at": sent_at, "reply": reply.text, "kind": reply.kind.value}
    db.execute(_REPLY, said)
    if db.execute(_NOW_SENT, {"intent": intent_id, "state": IntentState.SENT.value, "updated_at": at}).rowcount:
        note(db, at, intent_id, IntentState.SIGNED, IntentState.SENT, reply.text)
    append(db, [outcome], at)
