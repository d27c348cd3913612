"""Read models for people and reports: plain rows, newest first; amounts stay integers in base units."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from sqlalchemy import Connection, Select, exists, func, select, text

from keeper.adapters.storage import indexes
from keeper.adapters.storage import journal as chain
from keeper.adapters.storage import transaction_reader as transactions
from keeper.adapters.storage.database import Database
from keeper.adapters.storage.tables import (
    OPEN_INTENT,
    alert,
    asset,
    decision,
    fund_asset_allocation,
    index_fund,
    journal,
    rebalance_transaction,
    reweighting,
    scheduler_job,
    transaction_attempt,
    transaction_intent,
)
from keeper.core.spending import capacity
from keeper.core.units import Bps, Hash32

_PAGE = 500

_TOKEN_IN, _TOKEN_OUT = asset.alias("token_in"), asset.alias("token_out")

# the attempt that was mined, or else the newest: only one of an intent's attempts can be
_SHOWN_ATTEMPT = (
    select(transaction_attempt.c.id)
    .where(transaction_attempt.c.intent_id == transaction_intent.c.id)
    .order_by(transaction_attempt.c.block_number.is_(None), transaction_attempt.c.id.desc())
    .limit(1)
    .correlate(transaction_intent)
    .scalar_subquery()
)
_SIBLINGS = rebalance_transaction.alias("sibling")
_SWAPS = (
    select(func.count())
    .select_from(_SIBLINGS)
    .where(_SIBLINGS.c.intent_id == transaction_intent.c.id)
    .correlate(transaction_intent)
    .scalar_subquery()
)

_SWAP, _INTENT, _ATTEMPT = rebalance_transaction.c, transaction_intent.c, transaction_attempt.c

# look-ups are outer joins throughout: what they find is always there, and no planner then starts from their side
_TRADES = (
    select(
        _INTENT.created_at.label("time"),
        _SWAP.fund_id,
        index_fund.c.name.label("fund"),
        _INTENT.plan_id,
        _INTENT.state,
        _INTENT.nonce,
        _SWAP.status,
        _ATTEMPT.hash.label("tx_hash"),
        _ATTEMPT.block_number,
        _ATTEMPT.block_hash,
        _SWAP.position,
        _SWAPS.label("swaps"),
        _SWAP.side,
        _SWAP.token_in,
        _TOKEN_IN.c.symbol.label("symbol_in"),
        _TOKEN_IN.c.decimals.label("decimals_in"),
        _SWAP.token_out,
        _TOKEN_OUT.c.symbol.label("symbol_out"),
        _TOKEN_OUT.c.decimals.label("decimals_out"),
        _SWAP.amount_in,
        _SWAP.quoted_out,
        _SWAP.min_out,
        _SWAP.actual_in,
        _SWAP.actual_out,
        _SWAP.value_in,
        _SWAP.value_out,
        _SWAP.price_executed,
        _SWAP.slippage_bps,
        _SWAP.pool_fee_pips,
        _ATTEMPT.gas_used,
        _ATTEMPT.effective_gas_price,
        _ATTEMPT.gas_cost_wei,
        _ATTEMPT.gas_cost_usd,
        _ATTEMPT.revert_reason,
    )
    .join(transaction_intent, _INTENT.id == _SWAP.intent_id, isouter=True)
    .join(index_fund, index_fund.c.id == _SWAP.fund_id, isouter=True)
    .join(_TOKEN_IN, _TOKEN_IN.c.token == _SWAP.token_in, isouter=True)
    .join(_TOKEN_OUT, _TOKEN_OUT.c.token == _SWAP.token_out, isouter=True)
    .join(transaction_attempt, _ATTEMPT.id == _SHOWN_ATTEMPT, isouter=True)
)

_DECISIONS = (
    select(decision, index_fund.c.name.label("fund"), journal.c.content, journal.c.link)
    .join(index_fund, index_fund.c.id == decision.c.fund_id, isouter=True)
    .join(journal, journal.c.seq == decision.c.seq, isouter=True)
)

# one look into the index per fund; a GROUP BY would read the index from end to end
_EACH = index_fund.alias("each")
_IS_A_LOOK = exists().where(reweighting.c.seq == decision.c.seq).correlate(decision)
_LAST = select(func.max(decision.c.seq)).where(decision.c.fund_id == _EACH.c.id, ~_IS_A_LOOK).correlate(_EACH)
_NEWEST = select(_LAST.scalar_subquery()).select_from(_EACH)

_ALLOCATIONS = (
    select(fund_asset_allocation, asset.c.symbol, asset.c.decimals)
    .join(asset, asset.c.token == fund_asset_allocation.c.token)
    .order_by(fund_asset_allocation.c.fund_id, fund_asset_allocation.c.position)
)

_OPEN_INTENTS = select(
    _INTENT.id, _INTENT.fund_id, _INTENT.state, _INTENT.nonce, _INTENT.created_at, _INTENT.cancel_asked
).where(text(OPEN_INTENT))


class SqlReader:
    """Implements `keeper.ports.Reader`. Every method raises BooksUnavailable; none writes."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def trades(self, fund_id: int | None, limit: int) -> list[Mapping[str, Any]]:
        """One row per swap. Gas is that of its whole transaction, which holds `swaps` of them; USD have 18 decimals."""
        order = (_SWAP.intent_id.desc(), _SWAP.position)
        return await self._db.read(_rows, _of(_TRADES, _SWAP.fund_id, fund_id).order_by(*order).limit(limit))

    async def decisions(self, fund_id: int | None, limit: int) -> list[Mapping[str, Any]]:
        """One row per cycle, with its drift, guards, and place in the journal."""
        wanted = _of(_DECISIONS, decision.c.fund_id, fund_id)
        return await self._db.read(_rows, wanted.order_by(decision.c.seq.desc()).limit(limit))

    async def alerts(self, fund_id: int | None, limit: int) -> list[Mapping[str, Any]]:
        """Open and cleared."""
        wanted = _of(select(alert), alert.c.fund_id, fund_id)
        return await self._db.read(_rows, wanted.order_by(alert.c.last_seen_at.desc(), alert.c.id.desc()).limit(limit))

    async def status(self) -> list[Mapping[str, Any]]:
        """Per fund: itself, its `job`, last `decision` on drift, `budgets`, `allocations`, open `intent` and open
        `alerts`; why nothing is signed: its `breaker`, the `hold` of its signer, each None when it does not forbid; and
        its `index`, the last look at it, None for a fund that follows none.

        `budgets` is what the treasury would have let the fund spend when that decision was made: by name (loss,
        turnover) `left` and `cap`, 10^18 is the whole NAV, and `window_seconds`. None when the treasury was not seen.
        """
        return await self._db.read(_status)

    async def transactions(self, fund_id: int | None, limit: int) -> list[dict[str, Any]]:
        """One row per intent, newest first, with the attempt that was mined or else the newest."""
        return await self._db.read(transactions.transactions, fund_id, limit)

    async def transaction(self, intent_id: int) -> dict[str, Any] | None:
        """One intent with its `attempts`, their `replies`, and the `events` of its states."""
        return await self._db.read(transactions.transaction, intent_id)

    async def hashes(self) -> frozenset[str]:
        """Of every transaction that was ever signed."""
        return await self._db.read(transactions.hashes)

    async def breakers(self) -> list[dict[str, Any]]:
        """Per fund; `reason` is None while its breaker is closed."""
        return await self._db.read(transactions.breakers)

    async def lease(self) -> Mapping[str, Any]:
        """Who may write: holder, epoch, expires_at, released."""
        return await self._db.read(transactions.lease)

    async def record(self, content: Hash32) -> Mapping[str, Any] | None:
        """The journal's record of that content hash, such as the `decision` of an event on the chain."""
        found = await self._db.read(_rows, select(journal).where(journal.c.content == content).limit(1))
        return found[0] if found else None

    async def journal(self, after: int = 0) -> AsyncIterator[Mapping[str, Any]]:
        """Every record that follows seq `after`, in order; read in pages, since what is there never changes."""
        while page := await self._db.read(chain.page, after, _PAGE):
            for record in page:
                yield record
            after = page[-1]["seq"]


def _rows(db: Connection, wanted: Select[Any]) -> list[Mapping[str, Any]]:
    return [dict(row) for row in db.execute(wanted).mappings()]


def _of(wanted: Select[Any], column: Any, fund_id: int | None) -> Select[Any]:
    return wanted if fund_id is None else wanted.where(column == fund_id)


def _budgets(body: Mapping[str, Any]) -> Mapping[str, Mapping[str, int]] | None:
    """Out of a decision's record."""
    treasury = body.get("treasury", {})
    if "budgets_e18" not in treasury:
        return None
    left, limits = treasury["budgets_e18"], treasury["limits"]
    return {
        name: {
            "left": int(left[name]),
            "cap": capacity(Bps(int(limits[f"{name}_cap_bps"]))),
            "window_seconds": int(limits["window_seconds"]),
        }
        for name in ("loss", "turnover")
    }


def _status(db: Connection) -> list[Mapping[str, Any]]:
    jobs = {row["fund_id"]: row for row in _rows(db, select(scheduler_job))}
    newest = {row["fund_id"]: row for row in _rows(db, _DECISIONS.where(decision.c.seq.in_(_NEWEST)))}
    bodies = _rows(db, select(journal.c.fund_id, journal.c.body).where(journal.c.seq.in_(_NEWEST)))
    budgets = {row["fund_id"]: _budgets(json.loads(row["body"])) for row in bodies}
    intents = {row["fund_id"]: row for row in _rows(db, _OPEN_INTENTS)}
    allocations = _rows(db, _ALLOCATIONS)
    alerts = _rows(db, select(alert).where(alert.c.cleared_at.is_(None)).order_by(alert.c.id))
    breakers = {row["fund_id"]: row["reason"] for row in transactions.breakers(db)}
    holds, looks = transactions.holds(db), indexes.newest(db)
    secrets = ("keystore_file", "password_file")
    return [
        {
            **{name: value for name, value in fund.items() if name not in secrets},
            "job": jobs.get(fund["id"]),
            "decision": newest.get(fund["id"]),
            "budgets": budgets.get(fund["id"]),
            "intent": intents.get(fund["id"]),
            "breaker": breakers[fund["id"]],
            "hold": holds.get(fund["signer"]),
            "index": looks.get(fund["id"]),
            "allocations": [row for row in allocations if row["fund_id"] == fund["id"]],
            "alerts": [row for row in alerts if row["fund_id"] == fund["id"]],
        }
        for fund in _rows(db, select(index_fund).order_by(index_fund.c.id))
    ]
