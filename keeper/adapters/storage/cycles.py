"""What a cycle leaves behind: records, decision, votes, allocations, job, alerts and intent, in one transaction."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Insert, func, select

from keeper.adapters.storage.alerts import clear_alerts, raise_alerts
from keeper.adapters.storage.allocations import allocate, meet
from keeper.adapters.storage.indexes import keep
from keeper.adapters.storage.intents import plan_intent
from keeper.adapters.storage.journal import append
from keeper.adapters.storage.samples import keep_samples
from keeper.adapters.storage.statements import Insertion, per_dialect
from keeper.adapters.storage.tables import decision, price_update, scheduler_job, transaction_intent
from keeper.adapters.storage.types import fitting_int, fitting_time, fitting_uint
from keeper.core.ledger import AssetLine, CycleRecord
from keeper.core.model import GuardResult

# built once, here and in what this calls: that takes longer than running it
_DECIDE, _VOTE = decision.insert(), price_update.insert()


def commit_cycle(db: Connection, at: datetime, cycle: CycleRecord) -> int | None:
    """Stores the cycle; returns the id of its intent, if it has one."""
    seq, _ = append(db, [cycle.decision, *cycle.outcomes], at)
    meet(db, at, cycle.assets)
    db.execute(_DECIDE, _decision_row(seq, at, cycle))
    if cycle.votes:
        db.execute(_VOTE, _vote_rows(seq, cycle))
    if cycle.block_number is not None:
        allocate(db, at, cycle.fund_id, cycle.block_number, cycle.share_supply, cycle.assets)
    keep_samples(db, cycle.samples)
    if cycle.reweighting is None:
        _reschedule(db, at, cycle)
    else:
        assert cycle.block_timestamp is not None, "a look at the index is one at a block"
        keep(db, seq, cycle.fund_id, cycle.reweighting, cycle.block_timestamp)
    clear_alerts(db, at, cycle.fund_id, cycle.cleared)
    raise_alerts(db, at, cycle.alerts)
    return None if cycle.intent is None else plan_intent(db, at, seq, cycle, cycle.intent)


def intent_of_cycle(db: Connection, cycle_id: str) -> tuple[bool, int | None]:
    """Whether the cycle is in the books, and its intent's id."""
    wanted = (
        select(decision.c.seq, transaction_intent.c.id)
        .join(transaction_intent, transaction_intent.c.decision_seq == decision.c.seq, isouter=True)
        .where(decision.c.cycle_id == cycle_id)
    )
    row = db.execute(wanted).one_or_none()
    return (False, None) if row is None else (True, row.id)


def _decision_row(seq: int, at: datetime, cycle: CycleRecord) -> dict[str, Any]:
    return {
        "seq": seq,
        "cycle_id": cycle.cycle_id,
        "fund_id": cycle.fund_id,
        "started_at": cycle.started_at,
        "finished_at": at,
        "action": cycle.action.value,
        "reason": cycle.reason,
        "policy_version": cycle.policy_version,
        "block_number": cycle.block_number,
        "block_hash": cycle.block_hash,
        "block_timestamp": cycle.block_timestamp,
        "nav": fitting_uint(cycle.nav),
        "share_supply": cycle.share_supply,
        "tracking_error_bps": cycle.tracking_error_bps,
        "max_drift_bps": cycle.max_drift_bps,
        "drift": [_drift(line) for line in cycle.assets],
        "guards": [_guard(result) for result in cycle.guards],
        "prices": {line.token: str(line.px) for line in cycle.assets if line.px is not None} or None,
    }


def _drift(line: AssetLine) -> dict[str, str | None]:
    return {
        "token": line.token,
        "symbol": line.symbol,
        "target_bps": str(line.target),
        "weight_bps": _text(line.weight_bps),
        "relative_bps": _text(line.drift_relative_bps),
        "absolute_bps": _text(line.drift_absolute_bps),
    }


def _guard(result: GuardResult) -> dict[str, str]:
    return {
        "name": result.name,
        "measured": result.measured,
        "limit": result.limit,
        "unit": result.unit,
        "verdict": result.verdict.value,
        "detail": result.detail,
    }


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _vote_rows(seq: int, cycle: CycleRecord) -> list[dict[str, Any]]:
    token_of = {line.asset: line.token for line in cycle.assets}
    return [
        {
            "decision_seq": seq,
            "token": token_of[vote.asset],
            "source": vote.source.value,
            "px": fitting_int(vote.px),
            "updated_at": fitting_time(vote.updated_at),
            "used": vote.used,
            "reason": vote.reason,
        }
        for vote in cycle.votes
    ]


def _reschedule(db: Connection, at: datetime, cycle: CycleRecord) -> None:
    """A cycle that saw no block has no chain time to offer: the times before it stay."""
    row = {
        "fund_id": cycle.fund_id,
        "last_run": cycle.block_timestamp,
        "next_due": cycle.next_due,
        "last_action": cycle.action.value,
        "last_reason": cycle.reason,
        "finished_at": at,
    }
    db.execute(_upsert_job(db), row)


@per_dialect
def _upsert_job(insert: Callable[..., Insertion]) -> Insert:
    statement = insert(scheduler_job)
    new, old = statement.excluded, scheduler_job.c
    return statement.on_conflict_do_update(
        index_elements=["fund_id"],
        set_={
            "last_run": func.coalesce(new.last_run, old.last_run),
            "next_due": func.coalesce(new.next_due, old.next_due),
            "last_action": new.last_action,
            "last_reason": new.last_reason,
            "finished_at": new.finished_at,
        },
    )
