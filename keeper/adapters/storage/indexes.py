"""Methodologies, every version kept, and what came of each look at the market."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from keeper.adapters.storage.funds import fund
from keeper.adapters.storage.journal import append, lock
from keeper.adapters.storage.tables import decision, index_fund, methodology, reweighting, transaction_intent
from keeper.core.index.methodology import Methodology
from keeper.core.index.methodology_form import from_plain, to_plain, to_record
from keeper.core.index.states import IndexState, PinnedMethodology, Reweighting
from keeper.core.journal import content_hash, rfc3339
from keeper.core.ledger import IntentState, Record, RecordKind
from keeper.core.quotes import CoinId
from keeper.core.units import Hash32, Timestamp

_RULES, _LOOK, _INTENT = methodology.c, reweighting.c, transaction_intent.c
_TOOK_EFFECT = (IntentState.MINED_OK.value, IntentState.FINAL_OK.value)
_CAME_TO_NOTHING = (IntentState.FINAL_REVERTED.value, IntentState.ABANDONED.value, IntentState.CANCELLED.value)

# one look into the index per fund; a GROUP BY would read every look that was ever taken
_EACH = index_fund.alias("each")
_NEWEST = select(func.max(_RULES.version)).where(_RULES.fund_id == _EACH.c.id).correlate(_EACH).scalar_subquery()
_LAST = select(func.max(_LOOK.seq)).where(_LOOK.fund_id == _EACH.c.id).correlate(_EACH).scalar_subquery()
_IN_FORCE = (
    select(_LOOK.seq)
    .join(transaction_intent, _INTENT.decision_seq == _LOOK.seq, isouter=True)
    .where(_LOOK.fund_id == _EACH.c.id, or_(_LOOK.stands, _INTENT.state.in_(_TOOK_EFFECT)))
    .order_by(_LOOK.seq.desc())
    .limit(1)
    .correlate(_EACH)
    .scalar_subquery()
)
_KEPT = reweighting.alias("kept")
_STATES = (
    select(
        methodology,
        _LOOK.seq.label("look"),
        _LOOK.methodology_version,
        _LOOK.looked_at,
        _LOOK.next_due,
        _LOOK.doubted,
        _INTENT.state,
        _KEPT.c.members,
    )
    .select_from(_EACH)
    .join(methodology, (_RULES.fund_id == _EACH.c.id) & (_RULES.version == _NEWEST))
    .join(reweighting, _LOOK.seq == _LAST, isouter=True)
    .join(transaction_intent, _INTENT.decision_seq == _LOOK.seq, isouter=True)
    .join(_KEPT, _KEPT.c.seq == _IN_FORCE, isouter=True)
)


def put(db: Connection, at: datetime, fund_id: int, rules: Methodology, by: str, why: str) -> PinnedMethodology:
    """Stores a new version and its operator record; the current one is returned untouched when nothing changed.

    Raises LookupError for an unknown fund.
    """
    fund(db, fund_id)
    lock(db)  # two changes at once must not count the same version
    body, digest = to_record(rules), content_hash(to_record(rules))
    newest = next(iter(history(db, fund_id)), None)
    if newest and newest["digest"] == digest:
        return PinnedMethodology(newest["version"], rules, digest)
    version = newest["version"] + 1 if newest else 1
    row = {
        "fund_id": fund_id,
        "version": version,
        "rules": to_plain(rules),
        "digest": digest,
        "by": by,
        "why": why,
        "created_at": at,
    }
    db.execute(methodology.insert(), row)
    said = {
        "event": "methodology",
        "fund": str(fund_id),
        "version": str(version),
        "digest": digest,
        "rules": body,
        "by": by,
        "why": why,
        "at": rfc3339(at),
    }
    append(db, [Record(RecordKind.OPERATOR, fund_id, said)], at)
    return PinnedMethodology(version, rules, digest)


def history(db: Connection, fund_id: int) -> list[dict[str, Any]]:
    """Every version of a fund's methodology, newest first."""
    wanted = select(methodology).where(_RULES.fund_id == fund_id).order_by(_RULES.version.desc())
    return [dict(row) for row in db.execute(wanted).mappings()]


def looks(db: Connection, fund_id: int, limit: int) -> list[dict[str, Any]]:
    """A fund's looks at the market, newest first."""
    wanted = select(reweighting).where(_LOOK.fund_id == fund_id).order_by(_LOOK.seq.desc()).limit(limit)
    return [dict(row) for row in db.execute(wanted).mappings()]


def newest(db: Connection) -> dict[int, dict[str, Any]]:
    """Of every fund that follows an index, by fund id: `version` of its rules and the last look, whose fields are None
    before the first; `members` are those in force."""
    rows = db.execute(_STATES).all()
    said = {
        row.seq: row
        for row in db.execute(
            select(decision.c.seq, decision.c.action, decision.c.reason).where(
                decision.c.seq.in_([row.look for row in rows if row.look is not None])
            )
        )
    }
    return {
        row.fund_id: {
            "version": row.version,
            "members": row.members or [],
            "looked_at": row.looked_at,
            "next_due": row.next_due,
            "action": None if row.look is None else said[row.look].action,
            "reason": None if row.look is None else said[row.look].reason,
        }
        for row in rows
    }


def states(db: Connection) -> list[Row[Any]]:
    """A row for every fund that has a methodology; `IndexReader` makes states of them."""
    return list(db.execute(_STATES).all())


def keep(db: Connection, seq: int, fund_id: int, look: Reweighting, looked_at: Timestamp) -> None:
    """Stores what a look came to, beside its decision."""
    row = {
        "seq": seq,
        "fund_id": fund_id,
        "methodology_version": look.methodology_version,
        "members": list(look.members),
        "targets_before": list(look.targets_before),
        "targets": None if look.targets is None else list(look.targets),
        "sent": None if look.sent is None else list(look.sent),
        "stands": look.stands,
        "proposed": [
            {"coin": each.coin, "symbol": each.symbol, "token": each.token, "reason": each.reason}
            for each in look.proposed
        ],
        "doubted": dict(look.doubted),
        "looked_at": looked_at,
        "next_due": look.next_due,
    }
    db.execute(reweighting.insert(), row)


class IndexReader:
    """Stored rows to states. A version never changes, so each is parsed once."""

    def __init__(self) -> None:
        self._parsed: dict[int, PinnedMethodology] = {}

    def read(self, row: Row[Any]) -> IndexState:
        pinned = self._pin(row)
        looked = row.looked_at is not None and row.methodology_version == pinned.version
        return IndexState(
            methodology=pinned,
            members=tuple(map(CoinId, row.members or ())),
            looked_at=None if row.looked_at is None else Timestamp(row.looked_at),
            next_due=Timestamp(row.next_due) if looked else None,  # new rules are not kept waiting
            doubted={CoinId(coin): Timestamp(since) for coin, since in (row.doubted or {}).items()},
            failed=row.state in _CAME_TO_NOTHING,
        )

    def _pin(self, row: Row[Any]) -> PinnedMethodology:
        known = self._parsed.get(row.fund_id)
        if known is None or (known.version, known.digest) != (row.version, row.digest):
            known = PinnedMethodology(row.version, from_plain(row.rules), Hash32(row.digest))
            self._parsed[row.fund_id] = known
        return known
