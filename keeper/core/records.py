"""Bodies of the journal's records. Text, booleans, lists and objects only; what is unknown is left out.

A decision's body holds what it was made from and nothing that comes after it; its content hash goes on chain.
Integers are decimal text in base units (UsdE18 where the key ends in `usd_e18`), with the decimals beside them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any, TypeAlias

from keeper.core.deliberation import Deliberation
from keeper.core.drift import AssetDrift
from keeper.core.hub import hub_of
from keeper.core.model import (
    Asset,
    Fund,
    GuardResult,
    Market,
    Plan,
    PlannedSwap,
    PriceVote,
    SequencerAnswer,
    Treasury,
    V2State,
    V2Sums,
    V3State,
    V3Sums,
    Venue,
)
from keeper.core.past import PoolSample, PriceHour, Sighting
from keeper.core.prices import PriceBook
from keeper.core.units import Hash32, in_bps
from keeper.core.words import plain, utc

Body: TypeAlias = dict[str, Any]


def decision_body(market: Market, thought: Deliberation, chain_head: Hash32, code_version: str) -> Body:
    """What a cycle decided and everything it decided from, at one block and one policy version."""
    hub = hub_of(market)
    return known(
        {
            **_origin(market.fund, chain_head, code_version),
            "chain_id": str(market.chain_id),
            "block": _block(market),
            "policy": _policy(market),
            "hub": None if hub is None else str(hub),
            "treasury": _treasury(market.treasury),
            "native": _native(market),
            "assets": [_asset(asset, thought) for asset in market.treasury.assets],
            "pools": [_pool(venue, market) for venue in market.treasury.venues],
            "hour": [_hour(index, hour) for index, hour in sorted(market.hour.items())] or None,
            "votes": [_vote(vote) for vote in thought.prices.votes],
            "nav_usd_e18": thought.valuation and str(thought.valuation.nav),
            "tracking_error_bps": thought.decision and plain(in_bps(thought.decision.report.te)),
            "guards": [_guard(guard) for guard in thought.guards],
            "plan": thought.plan and _plan(thought.plan),
            "action": thought.action.value,
            "reason": thought.reason,
        }
    )


def failure_body(
    fund: Fund,
    chain_head: Hash32,
    code_version: str,
    *,
    started_at: str,
    reason: str,
    market: Market | None = None,
) -> Body:
    """A cycle that came to no decision: not observed, hung, or broken. `started_at` is RFC 3339 in UTC."""
    return known(
        {
            **_origin(fund, chain_head, code_version),
            "chain_id": market and str(market.chain_id),
            "block": market and _block(market),
            "policy": market and _policy(market),
            "started_at": started_at,
            "action": "failed",
            "reason": reason,
        }
    )


def known(fields: Mapping[str, Any]) -> Body:
    """The fields that are not None."""
    return {key: value for key, value in fields.items() if value is not None}


def swap_body(swap: PlannedSwap) -> Body:
    return {
        "venue": str(swap.venue),
        "zero_for_one": swap.zero_for_one,
        "asset_in": str(swap.asset_in),
        "asset_out": str(swap.asset_out),
        "amount_in": str(swap.amount_in),
        "quoted": str(swap.expected_out),
        "minimum": str(swap.min_out),
        "value_in_usd_e18": str(swap.value_in),
        "value_out_usd_e18": str(swap.value_out),
        "fee_pips": str(swap.fee_pips),
        "impact_bps": plain(swap.impact * 10_000),
    }


# -------------------------------------------------------------------------------------------------- parts


def _origin(fund: Fund, chain_head: Hash32, code_version: str) -> Body:
    return {
        "fund": {"id": str(fund.id), "name": fund.name, "treasury": fund.treasury, "signer": fund.signer},
        "chain_head": chain_head,
        "code_version": code_version,
    }


def _block(market: Market) -> Body:
    block = market.block
    return {"number": str(block.number), "hash": block.hash, "timestamp": utc(block.timestamp)}


def _policy(market: Market) -> Body:
    return {"version": str(market.pinned.version), "digest": market.pinned.digest}


def _treasury(treasury: Treasury) -> Body:
    limits = treasury.limits
    return {
        "last_id": str(treasury.last_id),
        "last_rebalance": utc(treasury.last_rebalance),
        "paused": treasury.paused,
        "total_supply": str(treasury.total_supply),
        "limits": {
            "max_slip_bps": str(limits.max_slip),
            "loss_cap_bps": str(limits.loss_cap),
            "turnover_cap_bps": str(limits.turnover_cap),
            "per_trade_bps": str(limits.per_trade),
            "max_cost_bps": str(limits.max_cost),
            "min_drift_bps": str(limits.min_drift),
            "max_weight_bps": str(limits.max_weight),
            "shift_cap_bps": str(limits.shift_cap),
            "cooldown_seconds": str(limits.cooldown_seconds),
            "window_seconds": str(limits.window_seconds),
        },
        "budgets_e18": {name: str(left) for name, left in asdict(treasury.budgets).items()},
    } | _sequencer(treasury.sequencer)


def _sequencer(state: SequencerAnswer | None) -> Body:
    if state is None:
        return {}
    said = {"answer": state.answer, "since": state.since}
    return {"sequencer": {"feed": state.feed} | {name: str(each) for name, each in said.items() if each is not None}}


def _native(market: Market) -> Body | None:
    if (answer := market.native) is None:
        return None
    return {"answer": str(answer.answer), "decimals": str(answer.decimals), "updated_at": utc(answer.updated_at)}


def _asset(asset: Asset, thought: Deliberation) -> Body:
    index, answer, prices = asset.index, asset.answer, thought.prices
    px = prices.px[index] if isinstance(prices, PriceBook) else None
    drift = thought.decision.report.assets[index] if thought.decision and not asset.retired else None
    counted = None if asset.retired else thought.valuation
    return known(
        {
            "token": asset.token,
            "symbol": asset.symbol,
            "decimals": str(asset.decimals),
            "code_hash": asset.code_hash,
            "target_bps": str(asset.target),
            "buyable": asset.buyable,
            "retired": asset.retired,
            "balance": None if asset.balance is None else str(asset.balance),
            "px": None if px is None else str(px),
            "value_usd_e18": counted and str(counted.values[index]),
            "weight_bps": counted and plain(counted.weights_bps[index]),
            **_drift(drift),
            "feed_answer": None if answer is None else str(answer.answer),
            "feed_decimals": None if answer is None else str(answer.decimals),
        }
    )


def _drift(drift: AssetDrift | None) -> Body:
    if drift is None:
        return {}
    relative: Decimal | None = None if drift.relative is None else in_bps(drift.relative)
    return {
        "drift_absolute_bps": plain(in_bps(drift.absolute)),
        "drift_relative_bps": None if relative is None else plain(relative),
    }


def _pool(venue: Venue, market: Market) -> Body:
    body = {
        "kind": venue.kind.name,
        "target": venue.target,
        "pool": venue.pool,
        "assets": [str(venue.asset0), str(venue.asset1)],
        "fee_pips": str(venue.fee_pips),
        "enabled": venue.enabled,
    }
    match venue.state:
        case V2State(reserve0, reserve1):
            body |= {"reserve0": str(reserve0), "reserve1": str(reserve1)}
        case V3State(sqrt_price, tick, liquidity):
            body |= {"sqrt_price_x96": str(sqrt_price), "tick": str(tick), "liquidity": str(liquidity)}
    match venue.sums:
        case V2Sums(price0, price1, at):
            body |= {"price0_cumulative": str(price0), "price1_cumulative": str(price1), "changed_at": str(at)}
            past = market.pool_past.get(venue.pool)
            body |= {} if past is None or past.sample is None else {"earlier": _sample(past.sample)}
        case V3Sums(then, now):
            body |= {"tick_cumulatives": [str(then), str(now)]}
    return body


def _sample(sample: PoolSample) -> Body:
    return {
        "block": str(sample.block),
        "timestamp": utc(sample.timestamp),
        "price0_cumulative": str(sample.price0),
        "price1_cumulative": str(sample.price1),
    }


def _hour(asset: int, hour: PriceHour) -> Body:
    """What the guard `price_jump` compared with."""
    return {
        "asset": str(asset),
        "low": _sighting(hour.low),
        "high": _sighting(hour.high),
        "jumps": [_sighting(jump) for jump in hour.jumps],
    }


def _sighting(sighting: Sighting) -> Body:
    return {"at": utc(sighting.at), "px": str(sighting.px)}


def _vote(vote: PriceVote) -> Body:
    return known(
        {
            "asset": str(vote.asset),
            "source": vote.source.value,
            "px": None if vote.px is None else str(vote.px),
            "updated_at": None if vote.updated_at is None else utc(vote.updated_at),
            "used": vote.used,
            "reason": vote.reason,
        }
    )


def _guard(guard: GuardResult) -> Body:
    return {
        "name": guard.name,
        "measured": guard.measured,
        "limit": guard.limit,
        "unit": guard.unit,
        "verdict": guard.verdict.value,
        "detail": guard.detail,
    }


def _plan(plan: Plan) -> Body:
    return {
        "swaps": [swap_body(swap) for swap in plan.swaps],
        "holdings_after": [str(amount) for amount in plan.holdings_after],
        "notes": list(plan.notes),
    }
