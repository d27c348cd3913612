"""Who may sign now: the signers' nonces and holds, the funds' circuit breakers, and what was spent and lost."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, Row, bindparam, func, or_, select, text, update

from keeper.adapters.storage.alerts import clear_alerts
from keeper.adapters.storage.errors import Conflict
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.statements import Insertion, per_dialect
from keeper.adapters.storage.states import CLOSED, end_without_trade, note, reason_of
from keeper.adapters.storage.tables import (
    OPEN_INTENT,
    circuit_breaker,
    database_stamp,
    index_fund,
    rebalance,
    signer_account,
    transaction_attempt,
    transaction_intent,
)
from keeper.core.holds import FinalPlace
from keeper.core.ledger import AlertKind, Execution, IntentState, Record, SignerState
from keeper.core.units import Address, Timestamp, UsdE18, Wei
from keeper.ports import SigningForbidden

_INTENT, _ATTEMPT, _SIGNER = transaction_intent.c, transaction_attempt.c, signer_account.c

_CHAIN = select(database_stamp.c.chain_id).scalar_subquery()
_STATE = select(_SIGNER.next_nonce, _SIGNER.hold).where(
    _SIGNER.chain_id == _CHAIN, _SIGNER.signer == bindparam("signer")
)
_BREAKER = select(circuit_breaker.c.reason).where(circuit_breaker.c.fund_id == bindparam("fund"))
_COUNTED_FROM = select(circuit_breaker.c.counted_from).where(circuit_breaker.c.fund_id == bindparam("fund"))
_EXECUTIONS = (
    select(rebalance.c.mined_at, rebalance.c.status, rebalance.c.nav_before, rebalance.c.loss, _ATTEMPT.revert_reason)
    .join(transaction_attempt, _ATTEMPT.intent_id == rebalance.c.intent_id)
    .where(
        rebalance.c.fund_id == bindparam("fund"),
        rebalance.c.mined_at >= bindparam("first"),
        _ATTEMPT.block_hash.is_not(None),
    )
)
_GAS = (
    select(_ATTEMPT.gas_cost_wei)
    .join(transaction_intent, _INTENT.id == _ATTEMPT.intent_id)
    .where(
        _INTENT.signer == bindparam("signer"),
        _ATTEMPT.mined_at >= bindparam("since"),
        _ATTEMPT.gas_cost_wei.is_not(None),
    )
)

# one look: whoever may sign is asked in the transaction that takes the nonce
_PERMIT = (
    select(
        index_fund.c.paused,
        circuit_breaker.c.reason.label("breaker"),
        _SIGNER.hold,
        _SIGNER.next_nonce,
        _CHAIN.label("chain_id"),
    )
    .select_from(transaction_intent)
    .join(index_fund, index_fund.c.id == _INTENT.fund_id)
    .join(circuit_breaker, circuit_breaker.c.fund_id == _INTENT.fund_id, isouter=True)
    .join(signer_account, (_SIGNER.signer == _INTENT.signer) & (_SIGNER.chain_id == _INTENT.chain_id), isouter=True)
    .where(_INTENT.id == bindparam("id"))
)


# asked at every head, of everything that ended in the last hour: no more than the places, and built once
_FINAL_PLACES = (
    select(_INTENT.id, _INTENT.fund_id, _INTENT.signer, _ATTEMPT.hash, _ATTEMPT.block_number, _ATTEMPT.block_hash)
    .select_from(transaction_attempt)
    .join(transaction_intent, _INTENT.id == _ATTEMPT.intent_id)
    .join(signer_account, (_SIGNER.signer == _INTENT.signer) & (_SIGNER.chain_id == _INTENT.chain_id))
    .where(_ATTEMPT.block_number >= bindparam("since_block"))
    .where(_INTENT.state.in_([IntentState.FINAL_OK.value, IntentState.FINAL_REVERTED.value]))
    .where(or_(_SIGNER.released_at.is_(None), _SIGNER.released_at < _INTENT.updated_at))
    .order_by(_ATTEMPT.block_number.desc(), _ATTEMPT.intent_id.desc())
)


def permit(db: Connection, intent_id: int, chain_id: int, nonce: int) -> None:
    """Raises SigningForbidden when the books do not let this intent have that nonce now."""
    row = db.execute(_PERMIT, {"id": intent_id}).one()
    if row.paused:
        raise SigningForbidden("paused: an operator paused the fund")
    if row.breaker is not None:
        raise SigningForbidden(f"breaker: {row.breaker}")
    if row.hold is not None:
        raise SigningForbidden(f"safe_hold: {row.hold}")
    if row.chain_id not in (None, chain_id):
        raise SigningForbidden(f"chain_id: these books are of chain {row.chain_id}, not {chain_id}")
    expected = row.next_nonce or 0
    if nonce != expected:
        raise SigningForbidden(f"safe_hold: the next nonce is {expected} by the books, {nonce} by the chain")


def take_nonce(db: Connection, at: datetime, chain_id: int, signer: Address, nonce: int) -> None:
    """The next intent of the signer gets the one after it."""
    row = {"chain_id": chain_id, "signer": signer, "next_nonce": nonce + 1, "updated_at": at}
    db.execute(_upsert_nonce(db), row)


@per_dialect
def _upsert_nonce(insert: Callable[..., Insertion]) -> Insert:
    new = insert(signer_account)
    set_ = {"next_nonce": new.excluded.next_nonce, "updated_at": new.excluded.updated_at}
    return new.on_conflict_do_update(index_elements=["chain_id", "signer"], set_=set_)


def signer_state(db: Connection, signer: Address) -> SignerState:
    row = db.execute(_STATE, {"signer": signer}).one_or_none()
    return SignerState(signer, None, None) if row is None else SignerState(signer, row.next_nonce, row.hold)


def hold(db: Connection, at: datetime, signer: Address, reason: str, outcome: Record) -> None:
    """A hold that stands keeps its first reason: the same again writes nothing."""
    lock(db)
    if signer_state(db, signer).hold is not None:
        return
    chain_id = db.execute(select(_CHAIN)).scalar_one()
    db.execute(
        _upsert_hold(db), {"chain_id": chain_id, "signer": signer, "hold": reason, "held_at": at, "updated_at": at}
    )
    append(db, [outcome], at)


@per_dialect
def _upsert_hold(insert: Callable[..., Insertion]) -> Insert:
    new = insert(signer_account)
    set_ = {"hold": new.excluded.hold, "held_at": new.excluded.held_at, "updated_at": new.excluded.updated_at}
    return new.on_conflict_do_update(index_elements=["chain_id", "signer"], set_=set_)


def release(db: Connection, at: datetime, signer: Address, next_nonce: int, operator: Record) -> None:
    """An operator's word: the signer goes on with that nonce, or after that of its open intent. What was stolen from it
    ends as cancelled, and what was final with a nonce that the chain has free again as abandoned."""
    lock(db)
    why = reason_of(operator)
    stolen = select(_INTENT.id).where(_INTENT.signer == signer, _INTENT.state == IntentState.NONCE_STOLEN.value)
    for intent_id in db.scalars(stolen).all():
        end_without_trade(db, at, intent_id, IntentState.NONCE_STOLEN, IntentState.CANCELLED, why)
    chain_id = db.execute(select(_CHAIN)).scalar_one()
    _take_back(db, at, chain_id, signer, next_nonce, why)
    bound = select(func.max(_INTENT.nonce)).where(_INTENT.signer == signer, text(OPEN_INTENT))
    last = db.execute(bound).scalar_one()
    take_nonce(db, at, chain_id, signer, next_nonce - 1 if last is None else max(next_nonce - 1, last))
    held = update(signer_account).where(_SIGNER.signer == signer, _SIGNER.chain_id == chain_id)
    db.execute(held.values(hold=None, held_at=None, released_at=at))
    funds = select(index_fund.c.id).where(index_fund.c.signer == signer)
    for fund_id in db.scalars(funds).all():
        clear_alerts(db, at, fund_id, (AlertKind.SAFE_HOLD, AlertKind.FUND_HALTED))
    append(db, [operator], at)


def _take_back(db: Connection, at: datetime, chain_id: int, signer: Address, free: int, why: str) -> None:
    """Of a chain that was rolled back: what it had mined with these nonces it has not any more. Their intents let go of
    them, or no other could have them; the attempts still say which it was."""
    theirs = select(_INTENT.id, _INTENT.state, _INTENT.nonce).where(
        _INTENT.chain_id == chain_id, _INTENT.signer == signer, _INTENT.nonce >= free, _INTENT.state.in_(CLOSED)
    )
    for intent_id, state, nonce in db.execute(theirs).all():
        reason = f"the chain has nonce {nonce} free again: {why}"
        end_without_trade(db, at, intent_id, IntentState(state), IntentState.ABANDONED, reason)
        db.execute(update(transaction_intent).where(_INTENT.id == intent_id).values(nonce=None))


def ask_cancel(db: Connection, at: datetime, intent_id: int, why: str, by: str, operator: Record) -> None:
    """Raises LookupError, and Conflict when the intent has ended."""
    lock(db)
    row = db.execute(select(_INTENT.state).where(_INTENT.id == intent_id)).one_or_none()
    if row is None:
        raise LookupError(f"there is no intent {intent_id}")
    state = IntentState(row.state)
    if state in CLOSED:
        raise Conflict(f"transaction {intent_id} is {state.value}: there is nothing to cancel")
    wish = update(transaction_intent).where(_INTENT.id == intent_id)
    db.execute(wish.values(cancel_asked=why, cancel_asked_by=by, updated_at=at))
    note(db, at, intent_id, state, state, f"{by} asked to cancel it: {why}")
    append(db, [operator], at)


# ---- circuit breakers


def breaker(db: Connection, fund_id: int) -> str | None:
    reason: str | None = db.execute(_BREAKER, {"fund": fund_id}).scalar_one_or_none()
    return reason


def trip_breaker(db: Connection, at: datetime, fund_id: int, reason: str, outcome: Record) -> None:
    """One that is open keeps its first reason."""
    lock(db)
    if breaker(db, fund_id) is not None:
        return
    row = {"fund_id": fund_id, "reason": reason, "tripped_at": at, "counted_from": 0}
    db.execute(_upsert_breaker(db), row)
    append(db, [outcome], at)


@per_dialect
def _upsert_breaker(insert: Callable[..., Insertion]) -> Insert:
    new = insert(circuit_breaker)
    set_ = {"reason": new.excluded.reason, "tripped_at": new.excluded.tripped_at}
    return new.on_conflict_do_update(index_elements=["fund_id"], set_=set_)


def reset_breaker(db: Connection, at: datetime, fund_id: int, counted_from: Timestamp, operator: Record) -> bool:
    """False when it was not open; then nothing is written."""
    lock(db)
    closed = update(circuit_breaker).where(circuit_breaker.c.fund_id == fund_id, circuit_breaker.c.reason.is_not(None))
    if not db.execute(closed.values(reason=None, tripped_at=None, counted_from=counted_from + 1)).rowcount:
        return False
    clear_alerts(db, at, fund_id, (AlertKind.BREAKER_OPEN,))
    append(db, [operator], at)
    return True


def executions(db: Connection, fund_id: int, since: Timestamp) -> list[Execution]:
    """Mined transactions since then, and since the breaker was last reset."""
    first = max(since, db.execute(_COUNTED_FROM, {"fund": fund_id}).scalar_one_or_none() or 0)
    return [_execution(row) for row in db.execute(_EXECUTIONS, {"fund": fund_id, "first": first})]


def _execution(row: Row[Any, Any, Any, Any, Any]) -> Execution:
    succeeded = row.status == "completed"
    return Execution(
        Timestamp(row.mined_at),
        succeeded,
        row.revert_reason,
        UsdE18(row.nav_before) if succeeded and row.nav_before is not None else None,
        None if row.loss is None else UsdE18(row.loss),
    )


def gas_spent(db: Connection, signer: Address, since: Timestamp) -> Wei:
    """Summed here: SQLite would make a REAL of what is longer than 64 bits."""
    return Wei(sum(db.scalars(_GAS, {"signer": signer, "since": since})))


def final_places(db: Connection, since_block: int) -> list[FinalPlace]:
    """Where intents ended on the chain in blocks from there on, newest first. What had ended when an operator last
    accepted the chain as it was is none of them: it would hold the signer again for what was looked at.

    One attempt of each has a receipt, so nothing is grouped: SQLite would read every attempt for it.
    """
    return [FinalPlace(*row) for row in db.execute(_FINAL_PLACES, {"since_block": since_block})]
