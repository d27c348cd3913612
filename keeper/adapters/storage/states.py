"""The state of an intent, and what a change of it means for the rows that hang on it."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.tables import (
    rebalance,
    rebalance_history,
    rebalance_transaction,
    transaction_attempt,
    transaction_intent,
)
from keeper.core.ledger import IntentState, Record

CLOSED = frozenset({IntentState.FINAL_OK, IntentState.FINAL_REVERTED, IntentState.ABANDONED, IntentState.CANCELLED})
"""No way leads out of these."""

_WITHOUT_TRADE = frozenset({IntentState.ABANDONED, IntentState.CANCELLED, IntentState.NONCE_STOLEN})
_WITHOUT_RECEIPT = frozenset({IntentState.PLANNED, IntentState.SIGNED, IntentState.SENT})

_RECEIPT = (
    "block_number", "block_hash", "tx_index", "gas_used", "effective_gas_price", "l1_fee", "gas_cost_wei",
    "gas_cost_usd", "revert_reason",
)  # fmt: skip
_FILL = ("actual_in", "actual_out", "price_executed", "slippage_bps", "tx_hash")
_AFTER = tuple(column.name for column in rebalance_history.c if column.name.endswith("_after"))
_SETTLED = ("nav_after", "tracking_error_bps_after", "turnover", "loss", "settled_at")


def set_intent_state(db: Connection, at: datetime, intent_id: int, state: IntentState, outcome: Record) -> None:
    """Changes the state and appends its outcome. A closed intent stays closed: the same state again is nothing new.

    Going back to SENT takes back what a receipt said (it was mined in a block that is no more). An intent that ends
    without a trade fails its swaps. Raises LookupError or Conflict.
    """
    lock(db)
    wanted = select(transaction_intent.c.state).where(transaction_intent.c.id == intent_id)
    found = db.execute(wanted).scalar_one_or_none()
    if found is None:
        raise LookupError(f"there is no intent {intent_id}")
    before = IntentState(found)
    if before in CLOSED:
        if before is state:
            return
        raise Conflict(f"intent {intent_id} is {before.value} and cannot become {state.value}")
    if state in _WITHOUT_RECEIPT and before not in _WITHOUT_RECEIPT:
        clear_receipt(db, intent_id)
    if state in _WITHOUT_TRADE:
        clear_receipt(db, intent_id)
        _set_status(db, intent_id, "failed")
    move(db, at, intent_id, state)
    append(db, [outcome], at)


def move(db: Connection, at: datetime, intent_id: int, state: IntentState) -> None:
    """Writes the state, whatever it was."""
    changed = update(transaction_intent).where(transaction_intent.c.id == intent_id)
    db.execute(changed.values(state=state.value, updated_at=at))


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
