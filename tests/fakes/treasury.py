"""The treasury contract in Python: what a rebalance checks, moves and logs. And the codec that its calls come from.

Its pools are its own V2 pairs. Amounts follow Uniswap's formula through the core's tested arithmetic; values follow
the feeds, as the contract's do.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from keeper.core.amm import v2
from keeper.core.ledger import Call, RebalanceEvent, SwapFill
from keeper.core.model import Asset, PlannedSwap, Treasury, V2State, Venue
from keeper.core.units import BPS, Address, BaseUnits, Hash32, Px, Timestamp, UsdE18, px_from_answer, value_of


class Reverted(Exception):
    """`guard` is the contract's error by name."""

    def __init__(self, guard: str, detail: str) -> None:
        super().__init__(f"{guard}: {detail}")
        self.guard = guard
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Rebalanced:
    """The treasury after the call, and what it logged."""

    treasury: Treasury
    fills: tuple[SwapFill, ...]
    event: RebalanceEvent


class FakeCodec:
    """Calls as JSON. What it encodes, `rebalance` below reads."""

    def rebalance(
        self,
        treasury: Address,
        swaps: Sequence[PlannedSwap],
        treasury_id: int,
        deadline: Timestamp,
        decision: Hash32,
    ) -> Call:
        orders = [[swap.venue, swap.zero_for_one, swap.amount_in, swap.min_out] for swap in swaps]
        data = json.dumps({"swaps": orders, "id": treasury_id, "deadline": deadline, "decision": decision})
        return Call(treasury, data.encode(), treasury_id, deadline)


def decision_in(call: Call) -> Hash32:
    return Hash32(json.loads(call.data)["decision"])


def rebalance(treasury: Treasury, call: Call, sender: Address, now: Timestamp) -> Rebalanced:
    """Raises Reverted, in the contract's order of checks."""
    asked = json.loads(call.data)
    if treasury.paused:
        raise Reverted("Paused", "the treasury is paused")
    if now > treasury.keeper_until:
        raise Reverted("NotKeeper", f"{sender} is not keeper")
    if asked["id"] != treasury.last_id + 1:
        raise Reverted("WrongId", f"id {asked['id']}, next is {treasury.last_id + 1}")
    if now > asked["deadline"]:
        raise Reverted("Expired", f"deadline {asked['deadline']}, now {now}")
    if now < treasury.last_rebalance + treasury.limits.cooldown_seconds:
        raise Reverted("CoolingDown", f"last rebalance at {treasury.last_rebalance}")

    after, fills = treasury, []
    for venue, zero_for_one, amount_in, min_out in asked["swaps"]:
        after, fill = _swap(after, treasury.venues[venue], zero_for_one, amount_in, min_out)
        fills.append(fill)
    after = replace(after, last_id=asked["id"], last_rebalance=now)
    event = RebalanceEvent(
        id=asked["id"],
        keeper=sender,
        decision=Hash32(asked["decision"]),
        nav_before=nav(treasury),
        nav_after=nav(after),
        turnover=UsdE18(sum(fill.value_in for fill in fills)),
        loss=UsdE18(max(0, nav(treasury) - nav(after))),
        te_before=_tracking_error(treasury),
        te_after=_tracking_error(after),
    )
    return Rebalanced(after, tuple(fills), event)


def _swap(
    treasury: Treasury, venue: Venue, zero_for_one: bool, amount_in: int, min_out: int
) -> tuple[Treasury, SwapFill]:
    venue = treasury.venues[venue.index]
    state = venue.state
    assert isinstance(state, V2State), "the simulated treasury trades on V2 pairs"
    paid, bought = (venue.asset0, venue.asset1) if zero_for_one else (venue.asset1, venue.asset0)
    asset_in, asset_out = treasury.assets[paid], treasury.assets[bought]
    held_in, held_out = asset_in.balance or 0, asset_out.balance or 0
    spent = min(amount_in, held_in)
    reserves = (state.reserve0, state.reserve1) if zero_for_one else (state.reserve1, state.reserve0)
    got = v2.amount_out(spent, *reserves, venue.fee_pips)
    if got < min_out:
        raise Reverted("SlippageExceeded", f"venue {venue.index} pays {got}, at least {min_out} was asked")
    moved = (spent, -got) if zero_for_one else (-got, spent)
    pool = V2State(BaseUnits(state.reserve0 + moved[0]), BaseUnits(state.reserve1 + moved[1]))
    changed = {
        paid: replace(asset_in, balance=BaseUnits(held_in - spent)),
        bought: replace(asset_out, balance=BaseUnits(held_out + got)),
    }
    after = replace(
        treasury,
        assets=tuple(changed.get(asset.index, asset) for asset in treasury.assets),
        venues=tuple(replace(v, state=pool) if v.index == venue.index else v for v in treasury.venues),
    )
    values = value_of(BaseUnits(spent), px_of(asset_in)), value_of(BaseUnits(got), px_of(asset_out))
    return after, SwapFill(venue.index, asset_in.token, asset_out.token, BaseUnits(spent), BaseUnits(got), *values)


def moved_pool(treasury: Treasury, by: Fraction) -> Treasury:
    """Somebody trades in the first pool: it holds `by` times as much of its first token for the same second."""
    venue = treasury.venues[0]
    assert isinstance(venue.state, V2State)
    state = replace(venue.state, reserve0=BaseUnits(int(venue.state.reserve0 * by)))
    return replace(treasury, venues=(replace(venue, state=state), *treasury.venues[1:]))


def px_of(asset: Asset) -> Px:
    """By its feed."""
    if asset.answer is None:
        raise Reverted("NoPrice", asset.symbol)
    return px_from_answer(asset.answer.answer, asset.answer.decimals, asset.decimals)


def nav(treasury: Treasury) -> UsdE18:
    return UsdE18(sum(value_of(asset.balance or BaseUnits(0), px_of(asset)) for asset in treasury.assets))


def _tracking_error(treasury: Treasury) -> UsdE18:
    whole = nav(treasury)
    values = [(value_of(asset.balance or BaseUnits(0), px_of(asset)), asset.target) for asset in treasury.assets]
    return UsdE18(sum(abs(held - target * whole // BPS) for held, target in values) // 2)
