"""What a fund's target weights should be now, and whether they must be sent: one look at the market, judged."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from keeper.core.index.candidates import Candidate, Cause, Ranked, Refusal, Refused
from keeper.core.index.eligibility import screen
from keeper.core.index.membership import Change, Move, reconstitute
from keeper.core.index.methodology import Methodology
from keeper.core.index.rounding import apportion
from keeper.core.index.weights import WeightsImpossible, weigh
from keeper.core.units import BPS, Address, Bps, Timestamp
from keeper.core.words import percent

_UNSAID: Final = frozenset({Cause.MISSING, Cause.STALE, Cause.NO_CONTRACT, Cause.FEW_EXCHANGES})
"""Refusals of which a provider's gap may be the reason: a list without one address, a page without its pools. A member
had its token and its exchanges when it was bought."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An asset of the treasury, in its order. `lacks` says why it cannot be bought: `no venue`, `no feed`; empty when
    it can. A retired asset has a target of 0 and lacks its price."""

    token: Address
    symbol: str
    target: Bps
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """A member that the treasury is to hold. `weight` is of the index, exact; `target` of NAV, what the chain gets."""

    member: Ranked
    token: Address
    weight: Fraction
    target: Bps


@dataclass(frozen=True, slots=True)
class Proposed:
    """A coin that belongs in the index and that the treasury cannot buy: told to the owner, never bought."""

    member: Ranked
    reason: str


@dataclass(frozen=True, slots=True)
class TargetMove:
    """One asset's target, before and after."""

    token: Address
    symbol: str
    before: Bps
    after: Bps

    @property
    def size(self) -> Bps:
        return Bps(abs(self.after - self.before))


@dataclass(frozen=True, slots=True)
class Proposal:
    """`targets` are in the treasury's order and sum to 10,000; what is no member, nor cash, has 0.

    `reasons` say why the targets must be sent; there are none when they need not be. `beyond` are the eligible coins
    that are no members: their ranks are the reason.
    """

    holdings: tuple[Holding, ...]
    targets: tuple[Bps, ...]
    moves: tuple[TargetMove, ...]
    changes: tuple[Change, ...]
    proposed: tuple[Proposed, ...]
    beyond: tuple[Ranked, ...]
    refused: tuple[Refused, ...]
    reasons: tuple[str, ...]

    @property
    def must_be_sent(self) -> bool:
        return bool(self.reasons)

    @property
    def members(self) -> tuple[str, ...]:
        """The coins that are to be kept as members, by rank; for fixed weights none."""
        return tuple(holding.member.coin for holding in self.holdings)

    @property
    def unexplained(self) -> tuple[str, ...]:
        """Members that leave because nobody says anything of them, or not in time, or not where they are to be had:
        which need be no fact about the coin, and is worth a second look before anything is sold."""
        causes = {each.coin: each.refusal.cause for each in self.refused}
        inside = [*(each.member for each in self.holdings), *(each.member for each in self.proposed)]
        eligible = {each.coin for each in (*inside, *self.beyond)}
        return tuple(
            change.coin
            for change in self.changes
            if change.move is Move.LEAVES
            and change.coin not in eligible
            and causes.get(change.coin, Cause.MISSING) in _UNSAID
        )


@dataclass(frozen=True, slots=True)
class Withheld:
    """There are no weights that obey the methodology: the old ones stay. `reason` names the numbers."""

    reason: str
    refused: tuple[Refused, ...] = ()


def propose(
    rules: Methodology,
    candidates: Iterable[Candidate],
    members: Sequence[str],
    listed: Sequence[Listed],
    hub: Address | None,
    now: Timestamp,
) -> Proposal | Withheld:
    """New members and targets. `members` are the coins of the last proposal that was sent; at first there are none.

    Only what the treasury can buy is a member: a newcomer that it cannot buy takes nobody's seat and is proposed, a
    member that it can no longer buy leaves.
    """
    if rules.cash_bps and hub not in [asset.token for asset in listed]:
        return Withheld("cash is kept in the hub, and the treasury does not list one")
    if rules.fixed_bps:
        return _fixed(rules, listed, hub)
    screening = screen(candidates, rules, now)
    refused = {each.coin: each for each in screening.refused}
    lacks = {each.coin: lack for each in screening.eligible if (lack := _lack(each, listed))}
    barred = {
        each.coin: Refused(each.coin, each.symbol, Refusal(Cause.UNLISTED, lacks[each.coin]))
        for each in screening.eligible
        if each.coin in lacks
    }
    within_reach = [each for each in screening.eligible if each.coin not in lacks]
    chosen = reconstitute(members, within_reach, refused | barred, rules.size, rules.rank_buffer)
    if not chosen.members:
        return Withheld("there is no eligible coin that the treasury can buy", screening.refused)
    try:
        holdings = _weighed(rules, chosen.members, listed)
    except WeightsImpossible as fault:
        return Withheld(str(fault), screening.refused)
    targets = _targets({holding.token: holding.target for holding in holdings}, listed, hub, rules.cash_bps)
    moves = _moves(listed, targets)
    ideal = reconstitute(members, screening.eligible, refused, rules.size, rules.rank_buffer).members
    proposed = tuple(Proposed(each, lacks[each.coin]) for each in ideal if each.coin in lacks)
    inside = {each.coin for each in chosen.members} | {each.member.coin for each in proposed}
    return Proposal(
        holdings=holdings,
        targets=targets,
        moves=moves,
        changes=chosen.changes,
        proposed=proposed,
        beyond=tuple(each for each in screening.eligible if each.coin not in inside),
        refused=screening.refused,
        reasons=(*(change.words for change in chosen.changes), *_reasons(moves, rules)) if moves else (),
    )


def _fixed(rules: Methodology, listed: Sequence[Listed], hub: Address | None) -> Proposal | Withheld:
    """Weights that the methodology names: no market is asked."""
    alike = {symbol: [asset for asset in listed if asset.symbol == symbol] for symbol, _ in rules.fixed_bps}
    if unknown := [symbol for symbol, assets in alike.items() if not assets]:
        return Withheld(f"the treasury does not list {', '.join(unknown)}, which has a fixed weight")
    best = {symbol: [asset for asset in assets if not asset.lacks] or assets for symbol, assets in alike.items()}
    if unclear := [symbol for symbol, assets in best.items() if len(assets) > 1]:
        return Withheld(f"the treasury lists {', '.join(unclear)} more than once: nobody says which has the weight")
    shares = {best[symbol][0].token: weight for symbol, weight in rules.fixed_bps}
    targets = _targets(shares, listed, hub, rules.cash_bps)
    moves = _moves(listed, targets)
    lacking = {asset.token: asset.lacks for asset in listed if asset.lacks}
    if short := [move for move in moves if move.after > move.before and move.token in lacking]:
        return Withheld("; ".join(f"{move.symbol} cannot be bought: {lacking[move.token]}" for move in short))
    return Proposal((), targets, moves, (), (), (), (), tuple(_reasons(moves, rules)))


def _lack(each: Ranked, listed: Sequence[Listed]) -> str:
    """Why the treasury cannot buy it; empty when it can."""
    token = _token(each)
    return next((asset.lacks for asset in listed if asset.token == token), "the treasury does not list it")


def _token(each: Ranked) -> Address:
    contract = each.candidate.contract
    assert contract is not None, "what is eligible has a contract"
    return contract.address


def _weighed(rules: Methodology, members: Iterable[Ranked], listed: Sequence[Listed]) -> tuple[Holding, ...]:
    """By rank. What rounding leaves goes, where remainders are equal, by the treasury's order. May not be possible."""
    place = {asset.token: index for index, asset in enumerate(listed)}
    order = sorted(members, key=lambda each: place[_token(each)])
    cap, floor = (None if bound is None else Fraction(bound, BPS) for bound in (rules.cap_bps, rules.floor_bps))
    weights = weigh(rules.rule, [each.market_cap for each in order], cap, floor)
    holdings = [
        Holding(each, _token(each), weight, Bps(part))
        for each, weight, part in zip(order, weights, apportion(weights, rules.invested), strict=True)
    ]
    return tuple(sorted(holdings, key=lambda holding: holding.member.rank))


def _targets(
    shares: Mapping[Address, Bps], listed: Sequence[Listed], hub: Address | None, cash: Bps
) -> tuple[Bps, ...]:
    """A hub that is a member has its weight and the cash."""
    return tuple(Bps(shares.get(asset.token, 0) + (cash if asset.token == hub else 0)) for asset in listed)


def _moves(listed: Sequence[Listed], targets: Sequence[Bps]) -> tuple[TargetMove, ...]:
    """What changes, in the treasury's order."""
    return tuple(
        TargetMove(asset.token, asset.symbol, asset.target, target)
        for asset, target in zip(listed, targets, strict=True)
        if target != asset.target
    )


def _reasons(moves: Iterable[TargetMove], rules: Methodology) -> Iterator[str]:
    """A target that begins, ends, or moves by more than the threshold. Equality with the threshold is no reason."""
    for move in moves:
        way = f"{move.symbol}'s target goes from {_shown(move.before)} to {_shown(move.after)}"
        if not move.before or not move.after:
            yield way
        elif move.size > rules.weight_threshold_bps:
            yield f"{way}, more than {_shown(rules.weight_threshold_bps)} of NAV"


def _shown(bps: Bps) -> str:
    return f"{percent(Fraction(bps, BPS))} %"
