"""The treasury contract in Python: what a rebalance checks, moves and logs. And the codec that its calls come from.

Its pools are its own V2 pairs. Amounts follow Uniswap's formula through the core's tested arithmetic; values follow
the feeds, as the contract's do. Every rule of `rebalance` is written again here, not taken from the core: what the
core believes of the treasury is held against it. The age of prices is left to the chain.

The budgets of the noun are what was left at the last rebalance, or at the chain's first block; they fill from then.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from keeper.core.amm import v2
from keeper.core.ledger import Call, RebalanceEvent, SwapFill
from keeper.core.model import Asset, Budgets, PlannedSwap, Treasury, V2State, Venue
from keeper.core.units import BPS, E18, Address, BaseUnits, Bps, Hash32, Px, Timestamp, UsdE18, px_from_answer, value_of
from tests.factories import NOW


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
    targets: None = None


@dataclass(frozen=True, slots=True)
class Reweighted:
    """The treasury after new targets, which it logged."""

    treasury: Treasury
    targets: tuple[Bps, ...]
    fills: tuple[()] = ()
    event: None = None


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

    def set_targets(self, treasury: Address, targets: Sequence[Bps], deadline: Timestamp) -> Call:
        return Call(treasury, json.dumps({"targets": list(targets)}).encode(), 0, deadline)


def decision_in(call: Call) -> Hash32:
    return Hash32(json.loads(call.data)["decision"])


def execute(treasury: Treasury, call: Call, sender: Address, now: Timestamp) -> Rebalanced | Reweighted:
    """Whichever of both calls it is. Raises Reverted."""
    if "targets" in json.loads(call.data):
        return set_targets(treasury, call, sender, now)
    return rebalance(treasury, call, sender, now)


def set_targets(treasury: Treasury, call: Call, sender: Address, now: Timestamp) -> Reweighted:
    """Raises Reverted, in the contract's order of checks."""
    targets = [Bps(target) for target in json.loads(call.data)["targets"]]
    if sender not in (treasury.weigher, treasury.owner):
        raise Reverted("NotWeigher", sender)
    if len(targets) != len(treasury.assets):
        raise Reverted("BadLength", f"{len(targets)} of {len(treasury.assets)}")
    for asset, target in zip(treasury.assets, targets, strict=True):
        if asset.retired and target:
            raise Reverted("IsRetired", asset.symbol)
    if sum(targets) != BPS:
        raise Reverted("BadWeights", f"{sum(targets)}")
    left = budgets_at(treasury, now)
    if sender != treasury.owner:
        if max(targets) > treasury.limits.max_weight:
            raise Reverted("WeightTooBig", f"{max(targets)}")
        moved = sum(abs(new - asset.target) for asset, new in zip(treasury.assets, targets, strict=True))
        shift = -(-moved // 2) * E18 // BPS
        if shift > left.shift:
            raise Reverted("ShiftBudget", f"wanted {shift}, left {left.shift}")
        left = replace(left, shift=left.shift - shift)
    assets = tuple(replace(asset, target=new) for asset, new in zip(treasury.assets, targets, strict=True))
    # the noun's budgets are those of the last rebalance: from there they fill to what is left now
    limits, since = treasury.limits, max(treasury.last_rebalance, NOW)
    filled = (now - since) * (limits.shift_cap * E18 // BPS) // limits.window_seconds
    budgets = replace(treasury.budgets, shift=left.shift - filled)
    return Reweighted(replace(treasury, assets=assets, budgets=budgets), tuple(targets))


def rebalance(treasury: Treasury, call: Call, sender: Address, now: Timestamp) -> Rebalanced:
    """Raises Reverted, in the contract's order of checks."""
    asked = json.loads(call.data)
    if treasury.paused:
        raise Reverted("IsPaused", "the treasury is paused")
    if now > treasury.keeper_until:
        raise Reverted("NotKeeper", f"{sender} is not keeper")
    if asked["id"] != treasury.last_id + 1:
        raise Reverted("BadId", f"id {asked['id']}, next is {treasury.last_id + 1}")
    if now > asked["deadline"]:
        raise Reverted("Expired", f"deadline {asked['deadline']}, now {now}")
    if now < treasury.last_rebalance + treasury.limits.cooldown_seconds:
        raise Reverted("Cooldown", f"last rebalance at {treasury.last_rebalance}")

    if not asked["swaps"]:
        raise Reverted("EmptyBatch", "no swap")
    _require_drift(treasury, asked["swaps"])

    after, fills = treasury, []
    for venue, zero_for_one, amount_in, min_out in asked["swaps"]:
        after, fill = _swap(after, treasury.venues[venue], zero_for_one, amount_in, min_out)
        _require_bounds(fill, treasury)
        fills.append(fill)
    loss = sum(max(0, fill.value_in - fill.value_out) for fill in fills)
    turnover = sum(fill.value_in for fill in fills)
    _require_progress(treasury, after, loss)
    left = _spend(treasury, loss, turnover, now)
    after = replace(after, last_id=asked["id"], last_rebalance=now, budgets=left)
    event = RebalanceEvent(
        id=asked["id"],
        keeper=sender,
        decision=Hash32(asked["decision"]),
        nav_before=nav(treasury),
        nav_after=nav(after),
        turnover=UsdE18(turnover),
        loss=UsdE18(loss),
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
    if not venue.enabled:
        raise Reverted("BadVenue", str(venue.index))
    if asset_in.retired:
        raise Reverted("IsRetired", asset_in.symbol)
    if not asset_out.buyable:
        raise Reverted("NotBuyable", asset_out.symbol)
    held_in, held_out = asset_in.balance or 0, asset_out.balance or 0
    spent = min(amount_in, held_in)
    reserves = (state.reserve0, state.reserve1) if zero_for_one else (state.reserve1, state.reserve0)
    got = v2.amount_out(spent, *reserves, venue.fee_pips)
    if got < min_out:
        raise Reverted("MinOut", f"venue {venue.index} pays {got}, at least {min_out} was asked")
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


def budgets_at(treasury: Treasury, now: int) -> Budgets:
    """What is left then: what was used goes down evenly, a whole bucket in a window."""
    limits, since = treasury.limits, max(treasury.last_rebalance, NOW)
    caps = [bps * E18 // BPS for bps in (limits.loss_cap, limits.turnover_cap, limits.shift_cap)]
    lefts = (treasury.budgets.loss, treasury.budgets.turnover, treasury.budgets.shift)
    return Budgets(
        *(
            cap - max(0, cap - left - (now - since) * cap // limits.window_seconds)
            for cap, left in zip(caps, lefts, strict=True)
        )
    )


def _require_drift(treasury: Treasury, swaps: Sequence[Sequence[int]]) -> None:
    whole, off = nav(treasury), _tracking_error(treasury)
    if off * BPS >= whole * treasury.limits.min_drift:
        return
    for number, zero_for_one, *_ in swaps:
        venue = treasury.venues[number]
        if treasury.assets[venue.asset0 if zero_for_one else venue.asset1].target == 0:
            return
    raise Reverted("NoDrift", f"te {off} of {whole}")


def _require_bounds(fill: SwapFill, before: Treasury) -> None:
    limits = before.limits
    if fill.value_in > nav(before) * limits.per_trade // BPS:
        raise Reverted("TradeTooBig", f"venue {fill.venue}, valueIn {fill.value_in}")
    if fill.value_out * BPS < fill.value_in * (BPS - limits.max_slip):
        raise Reverted("Slippage", f"venue {fill.venue}, {fill.value_out} for {fill.value_in}")


def _require_progress(before: Treasury, after: Treasury, loss: int) -> None:
    removed = _tracking_error(before) - _tracking_error(after)
    if removed <= 0 or loss * BPS > removed * before.limits.max_cost:
        raise Reverted("NoProgress", f"{removed} removed for {loss}")


def _spend(treasury: Treasury, loss: int, turnover: int, now: int) -> Budgets:
    """What is left after it. A use is rounded up to a part in 10^18."""
    left, whole = budgets_at(treasury, now), nav(treasury)
    of_loss, of_turnover = (-(-part * E18 // whole) for part in (loss, turnover))
    if of_loss > left.loss:
        raise Reverted("LossBudget", f"wanted {of_loss}, left {left.loss}")
    if of_turnover > left.turnover:
        raise Reverted("TurnoverBudget", f"wanted {of_turnover}, left {left.turnover}")
    return Budgets(left.loss - of_loss, left.turnover - of_turnover, left.shift)


def moved_pool(treasury: Treasury, by: Fraction) -> Treasury:
    """Somebody trades in the first pool: it holds `by` times as much of its first token for the same second."""
    venue = treasury.venues[0]
    assert isinstance(venue.state, V2State)
    state = replace(venue.state, reserve0=BaseUnits(int(venue.state.reserve0 * by)))
    return replace(treasury, venues=(replace(venue, state=state), *treasury.venues[1:]))


def px_of(asset: Asset) -> Px:
    """By its feed."""
    if asset.answer is None:
        raise Reverted("BadPrice", asset.symbol)
    return px_from_answer(asset.answer.answer, asset.answer.decimals, asset.decimals)


def nav(treasury: Treasury) -> UsdE18:
    return UsdE18(sum(_values(treasury)))


def _tracking_error(treasury: Treasury) -> UsdE18:
    whole = nav(treasury)
    targets = [asset.target * whole // BPS for asset in treasury.assets]
    return UsdE18(sum(abs(held - target) for held, target in zip(_values(treasury), targets, strict=True)) // 2)


def _values(treasury: Treasury) -> list[UsdE18]:
    """Of what is retired nobody is asked for a price."""
    return [
        UsdE18(0) if asset.retired else value_of(asset.balance or BaseUnits(0), px_of(asset))
        for asset in treasury.assets
    ]
