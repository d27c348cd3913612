"""The state of an intent, what a change of it means for the rows that hang on it, and why it changed."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.tables import (
    rebalance,
    rebalance_history,
    rebalance_transaction,
    transaction_attempt,
    transaction_event,
    transaction_intent,
)
from keeper.core.ledger import AttemptKind, IntentState, Receipt, Record

CLOSED = frozenset({IntentState.FINAL_OK, IntentState.FINAL_REVERTED, IntentState.ABANDONED, IntentState.CANCELLED})
"""No way leads out of these."""

_WITHOUT_TRADE = frozenset({IntentState.ABANDONED, IntentState.CANCELLED, IntentState.NONCE_STOLEN})
_WITHOUT_RECEIPT = frozenset({IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT})

_RECEIPT = (
    "block_number", "block_hash", "tx_index", "gas_used", "effective_gas_price", "l1_fee", "gas_cost_wei",
    "gas_cost_usd", "revert_reason", "mined_at",
)  # fmt: skip
_FILL = ("actual_in", "actual_out", "price_executed", "slippage_bps", "tx_hash")
_AFTER = tuple(column.name for column in rebalance_history.c if column.name.endswith("_after"))
_SETTLED = ("nav_after", "tracking_error_bps_after", "turnover", "loss", "settled_at", "mined_at")

_CHANGE = update(transaction_intent).where(transaction_intent.c.id == bindparam("intent"))
_NOTE = transaction_event.insert()


def set_intent_state(db: Connection, at: datetime, intent_id: int, state: IntentState, outcome: Record) -> None:
    """Changes the state and appends its outcome. A closed intent stays closed: the same state again is nothing new.

    Going back to SENT takes back what a receipt said (it was mined in a block that is no more). An intent that ends
    without a trade fails its swaps. Raises LookupError or Conflict.
    """
    lock(db)
    before = _state(db, intent_id)
    if before in CLOSED:
        if before is state:
            return
        raise Conflict(f"intent {intent_id} is {before.value} and cannot become {state.value}")
    if state in _WITHOUT_RECEIPT and before not in _WITHOUT_RECEIPT:
        clear_receipt(db, intent_id)
    reason = reason_of(outcome)
    if state in _WITHOUT_TRADE:
        end_without_trade(db, at, intent_id, before, state, reason)
    else:
        move(db, at, intent_id, before, state, reason)
    append(db, [outcome], at)


def reason_of(record: Record) -> str:
    """Why, in the record's own words; what happened, where it does not say why."""
    return next((str(record.body[name]) for name in ("reason", "why", "event") if name in record.body), "")


def end_without_trade(
    db: Connection, at: datetime, intent_id: int, before: IntentState, state: IntentState, reason: str
) -> None:
    """No receipt of it counts, and its swaps have failed."""
    clear_receipt(db, intent_id)
    _set_status(db, intent_id, "failed")
    move(db, at, intent_id, before, state, reason)


def cancelled(db: Connection, at: datetime, intent_id: int, receipt: Receipt, mined_at: int, outcome: Record) -> None:
    """The transfer that took the nonce is final: its receipt goes into its attempt, the plan ends without a trade.

    Said again it is nothing new. Raises LookupError, Conflict for a receipt of another's transaction or an intent that
    ended otherwise.
    """
    lock(db)
    before = _state(db, intent_id)
    kind = AttemptKind.CANCEL.value
    ours = select(transaction_attempt.c.id).filter_by(intent_id=intent_id, hash=receipt.tx_hash, kind=kind)
    attempt_id = db.execute(ours).scalar_one_or_none()
    if attempt_id is None:
        raise Conflict(f"transaction {receipt.tx_hash} is not a cancellation of intent {intent_id}")
    if before is IntentState.CANCELLED:
        return
    set_intent_state(db, at, intent_id, IntentState.CANCELLED, outcome)
    mined = update(transaction_attempt).where(transaction_attempt.c.id == attempt_id)
    db.execute(mined.values(receipt_columns(receipt, mined_at)))


def _state(db: Connection, intent_id: int) -> IntentState:
    found = db.execute(select(transaction_intent.c.state).where(transaction_intent.c.id == intent_id))
    state = found.scalar_one_or_none()
    if state is None:
        raise LookupError(f"there is no intent {intent_id}")
    return IntentState(state)


def receipt_columns(receipt: Receipt, mined_at: int) -> dict[str, Any]:
    """What an attempt keeps of its receipt."""
    return {
        "block_number": receipt.block_number,
        "block_hash": receipt.block_hash,
        "tx_index": receipt.tx_index,
        "gas_used": receipt.gas_used,
        "effective_gas_price": receipt.effective_gas_price,
        "l1_fee": receipt.l1_fee,
        "gas_cost_wei": receipt.gas_used * receipt.effective_gas_price + (receipt.l1_fee or 0),
        "revert_reason": receipt.revert_reason,
        "mined_at": mined_at,
    }


def move(db: Connection, at: datetime, intent_id: int, before: IntentState, state: IntentState, reason: str) -> None:
    """Writes the state, whatever it was, and why."""
    db.execute(_CHANGE, {"intent": intent_id, "state": state.value, "updated_at": at})
    note(db, at, intent_id, before, state, reason)


def note(
    db: Connection, at: datetime, intent_id: int, before: IntentState | None, state: IntentState, reason: str
) -> None:
    """A change of state, or what happened within one."""
    row = {
        "intent_id": intent_id,
        "at": at,
        "state_from": before and before.value,
        "state_to": state.value,
        "reason": reason,
    }
    db.execute(_NOTE, row)


def clear_receipt(db: Connection, intent_id: int) -> None:
    """Back to pending: no receipt, no fills, no holdings after."""
    db.execute(update(transaction_attempt).filter_by(intent_id=intent_id).values(dict.fromkeys(_RECEIPT)))
    db.execute(update(rebalance_transaction).filter_by(intent_id=intent_id).values(dict.fromkeys(_FILL)))
    db.execute(update(rebalance_history).filter_by(intent_id=intent_id).values(dict.fromkeys(_AFTER)))
    db.execute(update(rebalance).filter_by(intent_id=intent_id).values(dict.fromkeys(_SETTLED)))
    _set_status(db, intent_id, "pending")


def _set_status(db: Connection, intent_id: int, status: str) -> None:
    db.execute(update(rebalance_transaction).filter_by(intent_id=intent_id).values(status=status))
    db.execute(update(rebalance).filter_by(intent_id=intent_id).values(status=status))
