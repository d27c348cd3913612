"""Every decision, trade or not, as it goes into the books."""

from collections.abc import Mapping
from typing import Any

from keeper.app.alarms import alerts_of, cleared_by
from keeper.app.observe import Unobserved
from keeper.app.outcome import Cycle
from keeper.core.deliberation import Deliberation
from keeper.core.drift import DriftReport
from keeper.core.ledger import Action, Alert, AlertKind, AssetLine, CycleRecord, NewIntent, Record, RecordKind
from keeper.core.model import Market, Treasury
from keeper.core.prices import PriceBook, PricesRefused
from keeper.core.twap import samples_due
from keeper.core.units import Bps, Px, Timestamp, in_bps
from keeper.core.valuation import Valuation


def draft(
    cycle: Cycle,
    market: Market,
    thought: Deliberation,
    body: Mapping[str, Any],
    action: Action,
    reason: str,
    outcomes: tuple[Record, ...] = (),
    intent: NewIntent | None = None,
) -> CycleRecord:
    """A cycle that saw its market. `body` is the decision record whose hash went into the call."""
    report = thought.decision.report if thought.decision else None
    worst = report.largest(market.policy.drift_mode) if report else None
    off = worst.by(market.policy.drift_mode) if worst else None
    return CycleRecord(
        cycle_id=cycle.id,
        fund_id=cycle.fund.id,
        started_at=cycle.started_at,
        action=action,
        reason=reason,
        decision=Record(RecordKind.DECISION, cycle.fund.id, body),
        outcomes=outcomes,
        policy_version=market.pinned.version,
        block_number=market.block.number,
        block_hash=market.block.hash,
        block_timestamp=market.block.timestamp,
        nav=thought.valuation.nav if thought.valuation else None,
        tracking_error_bps=in_bps(report.te) if report else None,
        max_drift_bps=None if off is None else in_bps(abs(off)),
        assets=asset_lines(market.treasury, thought.prices, thought.valuation, report),
        votes=thought.prices.votes,
        guards=thought.guards,
        intent=intent,
        next_due=Timestamp(market.block.timestamp + market.policy.interval_seconds),
        share_supply=market.treasury.total_supply,
        samples=samples_due(market),
        alerts=(alerts := alerts_of(market, thought, action, reason)),
        cleared=cleared_by(thought, action, alerts),
    )


def draft_failure(cycle: Cycle, seen: Market | Unobserved, reason: str, body: Mapping[str, Any]) -> CycleRecord:
    """A cycle that could not be observed, hung or broke. It stays due: the scheduler tries again after a pause. One of
    the index is no look at drift, however often it breaks: that stays as due as it was."""
    market = None if isinstance(seen, Unobserved) else seen
    next_due = None
    if market and not cycle.of_index:
        next_due = Timestamp(market.block.timestamp + market.policy.interval_seconds)
    return CycleRecord(
        cycle_id=cycle.id,
        fund_id=cycle.fund.id,
        started_at=cycle.started_at,
        action=Action.FAILED,
        reason=reason,
        decision=Record(RecordKind.DECISION, cycle.fund.id, body),
        outcomes=(),
        policy_version=market.pinned.version if market else None,
        block_number=market.block.number if market else None,
        block_hash=market.block.hash if market else None,
        block_timestamp=market.block.timestamp if market else None,
        nav=None,
        tracking_error_bps=None,
        max_drift_bps=None,
        assets=(),
        votes=(),
        guards=(),
        intent=None,
        next_due=next_due,
        alerts=(Alert(cycle.fund.id, AlertKind.REBALANCE_FAILED, reason),),
    )


def asset_lines(
    treasury: Treasury, prices: PriceBook | PricesRefused, valuation: Valuation | None, report: DriftReport | None
) -> tuple[AssetLine, ...]:
    """A line per asset; what could not be known is None, and of a retired asset everything but its balance."""
    px: tuple[Px | None, ...] = prices.px if isinstance(prices, PriceBook) else (None,) * len(treasury.assets)
    lines = []
    for asset in treasury.assets:
        counted = None if asset.retired else valuation
        drift = report.assets[asset.index] if report and not asset.retired else None
        relative = drift.relative if drift else None
        lines.append(
            AssetLine(
                asset=asset.index,
                token=asset.token,
                symbol=asset.symbol,
                decimals=asset.decimals,
                amount=asset.balance,
                px=px[asset.index],
                value=counted.values[asset.index] if counted else None,
                target=Bps(asset.target),
                weight_bps=counted.weights_bps[asset.index] if counted else None,
                drift_relative_bps=None if relative is None else in_bps(relative),
                drift_absolute_bps=in_bps(drift.absolute) if drift else None,
            )
        )
    return tuple(lines)
