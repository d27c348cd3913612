"""`keeper treasury show --json`: the document."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keeper.core.overview import LastRebalance, Overview, Position


def describe(seen: "Overview") -> dict[str, Any]:
    """Amounts are decimal strings of base units, USD of 10^-18 dollars; null is what `missing` tells the reason of.

    `price_usd` is of one whole token. Times are seconds since 1970, durations seconds; measured bps are decimal
    strings, configured ones plain numbers. A venue's `assets` are indices of the list of assets.
    """
    from keeper.core.words import plain

    treasury, around, block = seen.treasury, seen.around, seen.block
    limits = asdict(treasury.limits)
    return {
        "treasury": treasury.address,
        "name": around.name,
        "symbol": around.symbol,
        "block": {"number": block.number, "hash": block.hash, "timestamp": block.timestamp},
        "paused": treasury.paused,
        "supply": str(treasury.total_supply),
        "nav_usd_e18": _text(seen.nav),
        "priced_usd_e18": str(seen.priced),
        "share_price_usd_e18": _text(seen.share_price),
        "tracking_error_usd_e18": _text(seen.tracking_error),
        "tracking_error_bps": _text(seen.tracking_error_bps),
        "assets": [_asset(position) for position in seen.positions],
        "budgets": {
            budget.name: {
                "left_bps": plain(budget.left_bps),
                "cap_bps": budget.cap,
                "full_in_seconds": budget.full_in,
            }
            for budget in seen.budgets
        },
        "limits": {name if name.endswith("seconds") else f"{name}_bps": value for name, value in limits.items()},
        "roles": {
            "owner": treasury.owner,
            "pending_owner": around.pending_owner,
            "guardian": treasury.guardian,
            "weigher": treasury.weigher,
            "keepers": [
                {"address": role.address, "until": role.until, "seconds_left": max(0, role.until - block.timestamp)}
                for role in around.keepers
            ],
        },
        "venues": [
            {
                "index": venue.index,
                "kind": venue.kind.name.lower(),
                "target": venue.target,
                "pool": venue.pool,
                "assets": [venue.asset0, venue.asset1],
                "fee_pips": venue.fee_pips,
                "enabled": venue.enabled,
                "answers": venue.state is not None,
            }
            for venue in treasury.venues
        ],
        "last_rebalance": None
        if treasury.last_id == 0
        else _last(treasury.last_id, treasury.last_rebalance, around.last),
        "missing": list(seen.missing),
    }


def _asset(position: "Position") -> dict[str, Any]:
    from keeper.core.units import usd_per_token
    from keeper.core.words import plain

    asset = position.asset
    return {
        "index": asset.index,
        "token": asset.token,
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "feed": asset.feed,
        "balance": _text(asset.balance),
        "component_units": _text(position.component),
        "price_usd": None if position.px is None else plain(usd_per_token(position.px, asset.decimals)),
        "price_age_seconds": position.age,
        "price_max_age_seconds": asset.max_age_seconds,
        "value_usd_e18": _text(position.value),
        "weight_bps": _text(position.weight_bps),
        "target_bps": asset.target,
        "drift_bps": _text(position.drift_bps),
        "buyable": asset.buyable,
        "retired": asset.retired,
        "fault": position.fault or None,
    }


def _last(identity: int, time: int, last: "LastRebalance | None") -> dict[str, Any]:
    found: dict[str, Any] = {"id": identity, "timestamp": time}
    if last is None:
        return found | {"event": None}
    event = last.event
    figures = ("nav_before", "nav_after", "turnover", "loss", "te_before", "te_after")
    return found | {
        "event": {
            "tx_hash": last.tx_hash,
            "block": last.block,
            "keeper": event.keeper,
            "decision": event.decision,
            **{f"{name}_usd_e18": str(getattr(event, name)) for name in figures},
        }
    }


def _text(value: Any) -> str | None:
    return None if value is None else f"{value:f}" if hasattr(value, "as_tuple") else str(value)
