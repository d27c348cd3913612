"""From receipt to rows: what the swaps really moved, what they cost, and the holdings after them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, Insert, Row, bindparam, select, update

from keeper.adapters.storage.alerts import raise_alerts
from keeper.adapters.storage.allocations import allocate, meet
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.statements import Insertion, per_dialect
from keeper.adapters.storage.states import CLOSED, clear_receipt, move, receipt_columns
from keeper.adapters.storage.tables import (
    asset,
    decision,
    rebalance,
    rebalance_history,
    rebalance_transaction,
    transaction_attempt,
    transaction_intent,
)
from keeper.adapters.storage.types import fitting_uint
from keeper.core.ledger import AssetLine, IntentKind, IntentState, Receipt, Settlement, SwapFill
from keeper.core.units import in_bps

_INTENT, _ATTEMPT, _SWAP = transaction_intent.c, transaction_attempt.c, rebalance_transaction.c

_PRICE_DIGITS = 36


def settle(db: Connection, at: datetime, settlement: Settlement) -> None:
    """Writes a receipt into every row that it concerns. The same receipt and state again change nothing.

    Raises LookupError for an unknown intent, Conflict for a receipt of another's transaction or a closed intent.
    """
    lock(db)
    receipt = settlement.receipt
    found = _intent_row(db, settlement.intent_id)
    attempt = _attempt_row(db, settlement.intent_id, receipt)
    if IntentState(found.state) is settlement.state and _same_place(attempt, receipt):
        return
    if IntentState(found.state) in CLOSED:
        raise Conflict(f"intent {found.id} is {found.state} and cannot become {settlement.state.value}")
    if not _same_place(attempt, receipt):
        clear_receipt(db, found.id)  # mined elsewhere before: what that receipt said no longer holds
    gas = receipt_columns(receipt, settlement.mined_at) | {"gas_cost_usd": settlement.gas_cost}
    db.execute(update(transaction_attempt).where(_ATTEMPT.id == attempt.id), gas)
    meet(db, at, settlement.assets_after)
    if IntentKind(found.kind) is IntentKind.REBALANCE:
        _note_swaps(db, found.id, receipt)
        _note_rebalance(db, at, found.id, settlement)
        _note_holdings(db, found.id, settlement.assets_after)
    allocate(db, at, found.fund_id, receipt.block_number, found.share_supply, settlement.assets_after)
    reason = f"receipt of {receipt.tx_hash} in block {receipt.block_number}"
    move(db, at, found.id, IntentState(found.state), settlement.state, reason)
    append(db, [settlement.outcome], at)
    raise_alerts(db, at, settlement.alerts)


def _intent_row(db: Connection, intent_id: int) -> Row[Any, Any, Any, Any, Any]:
    wanted = (
        select(_INTENT.id, _INTENT.fund_id, _INTENT.state, _INTENT.kind, decision.c.share_supply)
        .join(decision, decision.c.seq == _INTENT.decision_seq)
        .where(_INTENT.id == intent_id)
    )
    row = db.execute(wanted).one_or_none()
    if row is None:
        raise LookupError(f"there is no intent {intent_id}")
    return row


def _attempt_row(db: Connection, intent_id: int, receipt: Receipt) -> Row[Any]:
    wanted = select(transaction_attempt).where(_ATTEMPT.hash == receipt.tx_hash, _ATTEMPT.intent_id == intent_id)
    row = db.execute(wanted).one_or_none()
    if row is None:
        raise Conflict(f"transaction {receipt.tx_hash} is not an attempt of intent {intent_id}")
    return row


def _same_place(attempt: Row[Any], receipt: Receipt) -> bool:
    return bool(attempt.block_hash == receipt.block_hash and attempt.tx_index == receipt.tx_index)


def _note_swaps(db: Connection, intent_id: int, receipt: Receipt) -> None:
    """Swaps and fills are both in order of execution. A swap without its fill moved nothing: it failed."""
    swaps = db.execute(select(rebalance_transaction).where(_SWAP.intent_id == intent_id).order_by(_SWAP.position)).all()
    decimals = {row.token: row.decimals for row in db.execute(select(asset.c.token, asset.c.decimals))}
    fills = list(receipt.fills) if receipt.succeeded else []
    rows: list[dict[str, Any]] = []
    for swap in swaps:
        filled = bool(fills) and _fits(swap, fills[0])
        rows.append(_filled(swap, fills.pop(0), decimals) if filled else _unfilled())
        rows[-1] |= {"swap_id": swap.id, "tx_hash": receipt.tx_hash}
    if fills:
        raise Conflict(f"transaction {receipt.tx_hash} holds {len(fills)} swaps that intent {intent_id} did not plan")
    if rows:
        db.execute(update(rebalance_transaction).where(_SWAP.id == bindparam("swap_id")), rows)


def _fits(swap: Row[Any], fill: SwapFill) -> bool:
    planned = (swap.venue, swap.token_in, swap.token_out)
    return bool(planned == (fill.venue, fill.token_in, fill.token_out))


def _filled(swap: Row[Any], fill: SwapFill, decimals: dict[str, int]) -> dict[str, Any]:
    return {
        "status": "completed",
        "actual_in": fill.amount_in,
        "actual_out": fill.amount_out,
        "price_executed": price_executed(swap.side, fill, decimals[swap.token_in], decimals[swap.token_out]),
        "slippage_bps": slippage_bps(swap.amount_in, swap.quoted_out, fill),
    }


def _unfilled() -> dict[str, Any]:
    return {"status": "failed", "actual_in": None, "actual_out": None, "price_executed": None, "slippage_bps": None}


def price_executed(side: str, fill: SwapFill, decimals_in: int, decimals_out: int) -> Decimal | None:
    """Price of the traded token in whole units of the other: a buy pays `in` for it, a sale brings `out`."""
    paid = Fraction(fill.amount_in, 10**decimals_in)
    got = Fraction(fill.amount_out, 10**decimals_out)
    above, below = (paid, got) if side == "buy" else (got, paid)
    if not below:
        return None
    price = above / below
    with localcontext() as context:
        context.prec = _PRICE_DIGITS
        return Decimal(price.numerator) / Decimal(price.denominator)


def slippage_bps(amount_in: int, quoted_out: int, fill: SwapFill) -> Decimal | None:
    """Shortfall against the quote for what really went in, in bps; positive is worse than quoted."""
    expected = quoted_out * fill.amount_in
    return in_bps(1 - Fraction(fill.amount_out * amount_in, expected)) if expected else None


def _note_rebalance(db: Connection, at: datetime, intent_id: int, settlement: Settlement) -> None:
    event = settlement.receipt.event
    db.execute(
        update(rebalance).where(rebalance.c.intent_id == intent_id),
        {
            "status": "completed" if settlement.receipt.succeeded else "failed",
            "nav_after": fitting_uint(settlement.nav_after),
            "tracking_error_bps_after": settlement.tracking_error_bps_after,
            "turnover": event.turnover if event else None,
            "loss": event.loss if event else None,
            "settled_at": at,
            "mined_at": settlement.mined_at,
        },
    )


def _note_holdings(db: Connection, intent_id: int, lines: Sequence[AssetLine]) -> None:
    """After beside before. An asset listed in between has an after only."""
    if not lines:
        return
    rows = [
        {
            "intent_id": intent_id,
            "token": line.token,
            "position": line.asset,
            "target_bps": line.target,
            "amount_after": line.amount,
            "px_after": line.px,
            "value_after": fitting_uint(line.value),
            "weight_bps_after": line.weight_bps,
            "drift_relative_bps_after": line.drift_relative_bps,
            "drift_absolute_bps_after": line.drift_absolute_bps,
        }
        for line in lines
    ]
    db.execute(_upsert_after(db), rows)


@per_dialect
def _upsert_after(insert: Callable[..., Insertion]) -> Insert:
    new = insert(rebalance_history)
    after = [column.name for column in rebalance_history.c if column.name.endswith("_after")]
    set_ = {name: new.excluded[name] for name in after}
    return new.on_conflict_do_update(index_elements=["intent_id", "token"], set_=set_)
