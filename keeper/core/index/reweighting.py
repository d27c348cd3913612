"""From a proposal to what shall be done about it: send targets, a step towards them, or leave the old ones and say why.

The weigher's limits are the treasury's (`setTargets`): no target above `max_weight`, and no more shift than is left in
its bucket. What does not fit at once goes in steps, the leavers first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from keeper.core.guards.gates import head_age, open_transaction, paused
from keeper.core.guards.shape import skipped, verdict
from keeper.core.hub import venues_between
from keeper.core.index.methodology import DAY
from keeper.core.index.proposal import Listed, Proposal, Withheld
from keeper.core.index.shift import shift_of, step_towards
from keeper.core.index.states import IndexState, Newcomer
from keeper.core.ledger import Action
from keeper.core.model import Asset, GuardResult, Market, Verdict
from keeper.core.quotes import CoinId
from keeper.core.spending import Budget, capacity
from keeper.core.units import BPS, E18, Bps, Timestamp
from keeper.core.votes import feed_vote
from keeper.core.words import duration, percent, utc

DOUBT_SECONDS: Final = DAY
"""How long a member that nobody speaks for is kept: a provider that forgets a coin for an hour sells nothing."""
_NOTHING: Final = Bps(0)
LOOK_AGAIN_SECONDS: Final = 3_600
"""Chain time after which a look is taken again that ended in doubt, or against a guard."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """`action` is HELD, BLOCKED or PLANNED; only then `step` are the targets to send. `doubted` and `next_due` are for
    the next look: what is sent may come to nothing, and a doubt of a day is not begun anew for that. `waits` is for
    people: targets that should be sent and are not."""

    action: Action
    reason: str
    guards: tuple[GuardResult, ...]
    step: tuple[Bps, ...] | None
    doubted: Mapping[CoinId, Timestamp]
    next_due: Timestamp
    waits: bool


def listed_assets(market: Market, hub: int | None) -> tuple[Listed, ...]:
    """The treasury's assets and why each could not be bought. Of what is wanted already only what is for good counts:
    a feed that is late for an hour is no reason to leave an index, but none to enter it either."""
    return tuple(
        Listed(asset.token, asset.symbol, asset.target, _lack(market, asset, hub)) for asset in market.treasury.assets
    )


def _lack(market: Market, asset: Asset, hub: int | None) -> str:
    if asset.retired:
        return "the treasury has retired it"
    if not asset.buyable:
        return "the treasury may not buy it"
    if hub is None:
        return "the fund has no hub to buy it with"
    if asset.index != hub and not venues_between(market.treasury, asset.index, hub):
        return "no enabled venue against the hub"
    vote = feed_vote(asset, market.block.timestamp)
    return "" if asset.target or vote.used else f"its feed is not good: {vote.reason}"


def with_targets(market: Market, targets: Sequence[Bps]) -> Market:
    """The same market if the treasury had these targets."""
    pairs = zip(market.treasury.assets, targets, strict=True)
    assets = tuple(replace(asset, target=target) for asset, target in pairs)
    return replace(market, treasury=replace(market.treasury, assets=assets))


def judge(market: Market, proposal: Proposal | Withheld, state: IndexState) -> Judgement:
    """Pure. `market.fund.signer` is who would send the targets."""
    now, rules = market.block.timestamp, state.methodology.rules
    regular = Timestamp(now + rules.interval_seconds)
    soon = Timestamp(now + min(LOOK_AGAIN_SECONDS, rules.interval_seconds))
    if isinstance(proposal, Withheld):
        return Judgement(Action.HELD, f"targets stay: {proposal.reason}", (), None, state.doubted, regular, True)
    if not proposal.must_be_sent:
        return Judgement(Action.HELD, _closest(proposal, rules.weight_threshold_bps), (), None, {}, regular, False)
    doubted = {coin: min(now, state.doubted.get(CoinId(coin), now)) for coin in proposal.unexplained}
    if any(now - since < DOUBT_SECONDS for since in doubted.values()):
        reason = f"targets stay: {_doubts(proposal, doubted)}"
        return Judgement(Action.HELD, reason, (), None, _coins(doubted), soon, True)
    before = [asset.target for asset in market.treasury.assets]
    step = _step(market, before, proposal.targets)
    guards = (
        paused(market),
        open_transaction(market),
        head_age(market),
        weigher_role(market),
        largest_target(market, proposal.targets, step),
        shift_budget(market, before, proposal.targets, step),
    )
    why = "; ".join(proposal.reasons)
    if refusals := [guard for guard in guards if guard.verdict is Verdict.REFUSE]:
        reason = "; ".join(f"{guard.name}: {guard.detail}" for guard in refusals)
        when = min(soon, _refilled(market, before, proposal.targets)) if step is None else soon
        return Judgement(Action.BLOCKED, reason, guards, None, _coins(doubted), when, True)
    assert step is not None
    if step == proposal.targets:
        return Judgement(Action.PLANNED, why, guards, step, _coins(doubted), regular, False)
    reason = f"a step of {_shown(shift_of(before, step))} of {_shown(shift_of(before, proposal.targets))}: {why}"
    rest = _refilled(market, step, proposal.targets, spent=shift_of(before, step))
    return Judgement(Action.PLANNED, reason, guards, step, _coins(doubted), min(rest, regular), False)


def newcomers(proposal: Proposal | Withheld) -> tuple[Newcomer, ...]:
    """What the owner is told of: it belongs in the index, and the treasury cannot buy it."""
    if isinstance(proposal, Withheld):
        return ()
    found = []
    for each in proposal.proposed:
        contract = each.member.candidate.contract
        assert contract is not None, "what is eligible has a contract"
        found.append(Newcomer(CoinId(each.member.coin), each.member.symbol, contract.address, each.reason))
    return tuple(found)


def in_words(each: Newcomer) -> str:
    return f"{each.symbol} ({each.coin}, {each.token}) belongs in the index and cannot be bought: {each.reason}"


def _closest(proposal: Proposal, threshold: Bps) -> str:
    """Why nothing need be sent."""
    if not proposal.moves:
        return "targets are those of the index"
    worst = max(proposal.moves, key=lambda move: move.size)
    return f"targets stand: {worst.symbol}'s would move most, by {_shown(worst.size)}, threshold {_shown(threshold)}"


def _doubts(proposal: Proposal, doubted: Mapping[str, Timestamp]) -> str:
    leaving = {change.coin: change.words for change in proposal.changes}
    until = duration(DOUBT_SECONDS)
    return "; ".join(f"{leaving[coin]} (since {utc(since)}, believed after {until})" for coin, since in doubted.items())


def _coins(doubted: Mapping[str, Timestamp]) -> dict[CoinId, Timestamp]:
    return {CoinId(coin): since for coin, since in doubted.items()}


# ------------------------------------------------------------------------------------------- the weigher's limits


def is_owner(market: Market) -> bool:
    """The weigher's limits do not bind the owner."""
    return market.fund.signer == market.treasury.owner


def weigher_role(market: Market) -> GuardResult:
    signer, weigher = market.fund.signer, market.treasury.weigher
    may = signer == weigher or is_owner(market)
    detail = "" if may else f"{signer} is not the treasury's weigher ({weigher}): setTargets is for that to send"
    return GuardResult("weigher_role", "yes" if may else "no", "yes", "", verdict(may), detail)


def largest_target(market: Market, targets: Sequence[Bps], step: Sequence[Bps] | None = None) -> GuardResult:
    """`WeightTooBig`, of what is wanted and of a step on the way to it, which may leave where it is what the owner had
    set above the limit."""
    limit = market.treasury.limits.max_weight
    name, allowed = "largest_target", percent(Fraction(limit, BPS))
    if is_owner(market):
        return skipped(name, allowed, "% of NAV", "the owner is not bound")
    target, asset = max(zip(targets, market.treasury.assets, strict=True), key=lambda pair: pair[0])
    if target <= limit and step is not None and max(step) > limit:
        target, asset = max(zip(step, market.treasury.assets, strict=True), key=lambda pair: pair[0])
        detail = f"{asset.symbol} stays above it after a step: set targets as the owner, or a larger limit"
        return GuardResult(name, percent(Fraction(target, BPS)), allowed, "% of NAV", Verdict.REFUSE, detail)
    fits = target <= limit
    way_out = "" if fits else f": the methodology needs a cap_bps of at most {limit}, or the treasury a larger limit"
    return GuardResult(
        name, percent(Fraction(target, BPS)), allowed, "% of NAV", verdict(fits), f"{asset.symbol}{way_out}"
    )


def shift_budget(
    market: Market, before: Sequence[Bps], after: Sequence[Bps], step: Sequence[Bps] | None
) -> GuardResult:
    """`ShiftBudget`: what is left in the bucket, against all that is to move. A part of it may go."""
    left = percent(Fraction(_left(market), BPS))
    if is_owner(market):
        return skipped("shift_budget", left, "% shift", "the owner is not bound")
    wanted = shift_of(before, after)
    if step is None:
        when = utc(_refilled(market, before, after))
        detail = f"{_shown(wanted)} of the weights are to move and {left} % may now: enough for a step at {when}"
    else:
        part = shift_of(before, step)
        detail = "" if part == wanted else f"{_shown(part)} now, the rest when the bucket has filled again"
    passed = verdict(step is not None)
    return GuardResult("shift_budget", percent(Fraction(wanted, BPS)), left, "% shift", passed, detail)


def _left(market: Market) -> Bps:
    return Bps(market.treasury.budgets.shift * BPS // E18)


def _step(market: Market, before: Sequence[Bps], after: Sequence[Bps]) -> tuple[Bps, ...] | None:
    """All of the way, or as far as the bucket allows when that is a step worth its gas: half of the bucket. None:
    not now. Targets that were never set are set whole."""
    wanted, left = shift_of(before, after), _left(market)
    if is_owner(market) or wanted <= left:
        return tuple(after)
    if sum(before) != BPS or left < _worth_a_step(market, wanted):
        return None
    return step_towards(before, after, left, market.treasury.limits.max_weight)


def _worth_a_step(market: Market, wanted: Bps) -> int:
    return max(1, min(wanted, market.treasury.limits.shift_cap // 2))


def _refilled(market: Market, before: Sequence[Bps], after: Sequence[Bps], spent: Bps = _NOTHING) -> Timestamp:
    """When the bucket, after `spent`, allows the next step; never: in a window's time somebody may have changed it."""
    limits, now = market.treasury.limits, market.block.timestamp
    left = max(0, market.treasury.budgets.shift - capacity(spent))
    bucket = Budget(left, capacity(limits.shift_cap), limits.window_seconds)
    wait = bucket.seconds_until(capacity(Bps(_worth_a_step(market, shift_of(before, after)))))
    return Timestamp(now + max(60, limits.window_seconds if wait is None else wait))


def _shown(bps: int) -> str:
    return f"{percent(Fraction(bps, BPS))} %"
