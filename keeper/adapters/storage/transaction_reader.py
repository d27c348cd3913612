"""Read models of transactions and of what governs signing, for operators."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Select, func, select

from keeper.adapters.storage.tables import (
    circuit_breaker,
    decision,
    index_fund,
    signer_account,
    transaction_attempt,
    transaction_event,
    transaction_intent,
    transaction_reply,
    writer_lease,
)

_INTENT, _ATTEMPT, _EVENT = transaction_intent.c, transaction_attempt.c, transaction_event.c

# the attempt that was mined, or else the newest
_SHOWN = (
    select(_ATTEMPT.id)
    .where(_ATTEMPT.intent_id == _INTENT.id)
    .order_by(_ATTEMPT.block_number.is_(None), _ATTEMPT.id.desc())
    .limit(1)
    .correlate(transaction_intent)
    .scalar_subquery()
)
_ATTEMPTS = select(func.count()).where(_ATTEMPT.intent_id == _INTENT.id).correlate(transaction_intent).scalar_subquery()
_LAST_EVENT = (
    select(_EVENT.reason)
    .where(_EVENT.intent_id == _INTENT.id)
    .order_by(_EVENT.id.desc())
    .limit(1)
    .correlate(transaction_intent)
    .scalar_subquery()
)
_TRANSACTIONS = (
    select(
        _INTENT.id,
        _INTENT.fund_id,
        index_fund.c.name.label("fund"),
        _INTENT.kind.label("what"),
        _INTENT.state,
        _INTENT.signer,
        _INTENT.nonce,
        _INTENT.cancel_asked,
        _ATTEMPTS.label("attempts"),
        _ATTEMPT.kind,
        _ATTEMPT.hash,
        _ATTEMPT.max_fee,
        _ATTEMPT.reply,
        _ATTEMPT.block_number,
        _LAST_EVENT.label("reason"),
        _INTENT.created_at,
        _INTENT.updated_at,
    )
    .join(index_fund, index_fund.c.id == _INTENT.fund_id)
    .join(transaction_attempt, _ATTEMPT.id == _SHOWN, isouter=True)
    .order_by(_INTENT.id.desc())
)
_HIDDEN = ("raw", "intent_id", "call_data")


def transactions(db: Connection, fund_id: int | None, limit: int) -> list[dict[str, Any]]:
    """Newest first; the attempt is the one that was mined, or else the newest."""
    wanted = _TRANSACTIONS.limit(limit)
    return _rows(db, wanted if fund_id is None else wanted.where(_INTENT.fund_id == fund_id))


def transaction(db: Connection, intent_id: int) -> dict[str, Any] | None:
    """One, with its `attempts`, their `replies`, and the `events` of its states; None when there is none."""
    wanted = (
        select(transaction_intent, index_fund.c.name.label("fund"), decision.c.cycle_id)
        .join(index_fund, index_fund.c.id == _INTENT.fund_id)
        .join(decision, decision.c.seq == _INTENT.decision_seq, isouter=True)
        .where(_INTENT.id == intent_id)
    )
    found = _rows(db, wanted)
    if not found:
        return None
    attempts = _rows(db, select(transaction_attempt).where(_ATTEMPT.intent_id == intent_id).order_by(_ATTEMPT.id))
    ids = [attempt["id"] for attempt in attempts]
    said = select(transaction_reply).where(transaction_reply.c.attempt_id.in_(ids)).order_by(transaction_reply.c.id)
    replies = _rows(db, said)
    events = select(_EVENT.at, _EVENT.state_from, _EVENT.state_to, _EVENT.reason).where(_EVENT.intent_id == intent_id)
    return {
        **_shown(found[0]),
        "attempts": [
            _shown(attempt) | {"replies": [reply for reply in replies if reply["attempt_id"] == attempt["id"]]}
            for attempt in attempts
        ],
        "events": _rows(db, events.order_by(_EVENT.id)),
    }


def hashes(db: Connection) -> frozenset[str]:
    """Of every attempt ever."""
    return frozenset(db.scalars(select(_ATTEMPT.hash)))


def breakers(db: Connection) -> list[dict[str, Any]]:
    """One row per fund: `reason` is why it is open, None while it is closed."""
    wanted = (
        select(
            index_fund.c.id.label("fund_id"),
            index_fund.c.name.label("fund"),
            circuit_breaker.c.reason,
            circuit_breaker.c.tripped_at,
        )
        .join(circuit_breaker, circuit_breaker.c.fund_id == index_fund.c.id, isouter=True)
        .order_by(index_fund.c.id)
    )
    return _rows(db, wanted)


def holds(db: Connection) -> dict[str, str | None]:
    """Why nothing is signed, by signer."""
    return {row.signer: row.hold for row in db.execute(select(signer_account.c.signer, signer_account.c.hold))}


def lease(db: Connection) -> Mapping[str, Any]:
    """Who may write, by the database's last word."""
    return _rows(db, select(writer_lease))[0]


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _HIDDEN}


def _rows(db: Connection, wanted: Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(wanted).mappings()]
